"""What an hour of a machine of one's own costs: its purchase spread over its life, and its power."""

from decimal import ROUND_HALF_UP, Decimal

# 365.25 days, so that leap years are in it.
HOURS_PER_YEAR = 8766
WATTS_PER_KILOWATT = 1000
QUANTUM = Decimal("0.000001")


def machine_usd_per_hour(
    *,
    purchase_usd: Decimal,
    lifetime_years: Decimal,
    watts: int | None = None,
    usd_per_kwh: Decimal | None = None,
) -> Decimal:
    """US dollars per hour, to six decimals: purchase / (years x 8766 h) + kilowatts x price of a kWh.

    The machine is taken to be on at all hours of its life, so that an hour nobody uses is paid, too: it is the
    price at which the machine has earned what it cost when all its hours were used. `lifetime_years` is
    more than 0. Without both `watts` and `usd_per_kwh` power counts nothing.

    Worked example: 4383 US dollars over 5 years are 4383 / (5 x 8766) = 0.1 an hour; 400 W at 0.25 a kWh
    are 0.4 x 0.25 = 0.1 an hour; together 0.2.
    """
    hourly = purchase_usd / (lifetime_years * HOURS_PER_YEAR)
    if watts is not None and usd_per_kwh is not None:
        hourly += Decimal(watts) / WATTS_PER_KILOWATT * usd_per_kwh
    return hourly.quantize(QUANTUM, rounding=ROUND_HALF_UP)
