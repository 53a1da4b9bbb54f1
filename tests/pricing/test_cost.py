from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from jobs.pricing.cost import Rates, billed_seconds, seconds_between, usd

FARGATE = Rates(Decimal("0.04048"), Decimal("0.004445"))


@pytest.mark.parametrize(
    ("seconds", "billed"),
    [("0", 60), ("0.001", 60), ("59.9", 60), ("60", 60), ("60.0001", 61), ("3600", 3600)],
)
def test_seconds_are_rounded_up_with_a_minute_at_least(seconds: str, billed: int) -> None:
    assert billed_seconds(Decimal(seconds)) == billed


@pytest.mark.parametrize(
    ("milli_vcpus", "memory_mib", "seconds", "cost"),
    [
        # 1 vCPU, 2 GiB, one hour: 0.04048 + 2 x 0.004445 = 0.04937
        (1000, 2048, "3600", "0.04937"),
        # 0.25 vCPU, 0.5 GiB, ten seconds, billed as 60: (0.01012 + 0.0022225) / 60 = 0.000205708333...
        (250, 512, "10", "0.000205708"),
        # 4 vCPU, 8 GiB, 90.2 s, billed as 91: (0.16192 + 0.03556) x 91 / 3600 = 0.004991855...
        (4000, 8192, "90.2", "0.004991856"),
    ],
)
def test_golden_costs_worked_by_hand(
    milli_vcpus: int, memory_mib: int, seconds: str, cost: str
) -> None:
    price = usd(
        milli_vcpus=milli_vcpus, memory_mib=memory_mib, seconds=Decimal(seconds), rates=FARGATE
    )
    assert price == Decimal(cost)


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert seconds_between(start, start - timedelta(seconds=5)) == 0
    assert seconds_between(start, start + timedelta(seconds=2, microseconds=5)) == Decimal(
        "2.000005"
    )
