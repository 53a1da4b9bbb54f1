"""What work cost: written when it is known, added up by the hour, and held against budgets."""
