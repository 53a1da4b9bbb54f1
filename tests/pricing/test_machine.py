"""What an hour of an owner's machine costs, with figures worked by hand."""

from decimal import Decimal

import pytest

from jobs.pricing.machine import machine_usd_per_hour


@pytest.mark.parametrize(
    ("purchase", "years", "watts", "usd_per_kwh", "expected"),
    [
        # 4383 / (5 x 8766 h) = 4383 / 43830 = 0.1
        ("4383", "5", None, None, "0.1"),
        # and 0.4 kW x 0.25 = 0.1
        ("4383", "5", 400, "0.25", "0.2"),
        # 1000 / (3 x 8766) = 1000 / 26298 = 0.0380257...
        ("1000", "3", None, None, "0.038026"),
        # 8766 / (0.5 x 8766) = 2, and no power
        ("8766", "0.5", 0, "0.30", "2"),
        # A machine that was given: its power alone, 1.2 kW x 0.3.
        ("0", "4", 1200, "0.3", "0.36"),
        # Power counts only where draw and price are known.
        ("8766", "1", 400, None, "1"),
    ],
)
def test_an_hour_is_a_part_of_the_purchase_and_its_power(
    purchase: str, years: str, watts: int | None, usd_per_kwh: str | None, expected: str
) -> None:
    assert machine_usd_per_hour(
        purchase_usd=Decimal(purchase),
        lifetime_years=Decimal(years),
        watts=watts,
        usd_per_kwh=None if usd_per_kwh is None else Decimal(usd_per_kwh),
    ) == Decimal(expected)
