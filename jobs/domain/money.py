"""US dollars as people read them, the same in messages and on pages."""

from decimal import Decimal

LEAST_IN_CENTS = Decimal(1)
LEAST_OF_FOUR_DECIMALS = Decimal("0.001")
LEAST_OF_SIX_DECIMALS = Decimal("0.000001")


def dollars(amount: Decimal) -> str:
    """Dollars with as many decimals as still say something: "$12.30", "$0.0042", "$0.000021", "< $0.000001"."""
    if amount == 0:
        return "$0"
    if 0 < amount < LEAST_OF_SIX_DECIMALS:
        return f"< ${LEAST_OF_SIX_DECIMALS:f}"
    if abs(amount) >= LEAST_IN_CENTS:
        return f"${amount:,.2f}"
    if abs(amount) >= LEAST_OF_FOUR_DECIMALS:
        return f"${amount:.4f}"
    return f"${amount:.6f}"
