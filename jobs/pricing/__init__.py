"""What work costs: pure functions over numbers with units in their names. Money is Decimal."""
