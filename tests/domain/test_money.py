"""Dollars as people read them."""

from decimal import Decimal

import pytest

from jobs.domain.money import dollars


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("0", "$0"),
        ("0.0000004", "< $0.000001"),
        ("0.000001", "$0.000001"),
        ("0.0042", "$0.0042"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_dollars_have_as_many_decimals_as_say_something(amount: str, told: str) -> None:
    assert dollars(Decimal(amount)) == told
