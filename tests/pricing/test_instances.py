import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain.resources import Resources
from jobs.pricing.instances import instance_usd, part_of, part_usd, share_out
from jobs.pricing.over_time import HourlyPrice
from jobs.services.setup.instance_catalogue import SHIPPED_FILE

T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SIZE = Resources(4000, 16384, 2)


@pytest.mark.parametrize(
    ("needs", "size", "part"),
    [
        # 1 of 4 vCPUs, 8 of 16 GiB: (1/4 + 1/2) / 2
        (Resources(1000, 8192), Resources(4000, 16384), Fraction(3, 8)),
        # With GPUs: 1 of 4 vCPUs, 4 of 16 GiB, 1 of 2 GPUs: (1/4 + 1/4 + 1/2) / 3
        (Resources(1000, 4096, 1), SIZE, Fraction(1, 3)),
        (Resources(1000, 4096), SIZE, Fraction(1, 6)),
        (SIZE, SIZE, Fraction(1)),
    ],
)
def test_a_part_is_the_mean_of_the_fractions(
    needs: Resources, size: Resources, part: Fraction
) -> None:
    assert part_of(needs, size) == part


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        # Half to each.
        ("0.000000010", ["1", "1"], ["0.000000005", "0.000000005"]),
        # 10 billionths by 1 : 1 : 1 are 3.33 each; the one left goes to the first.
        ("0.000000010", ["2", "2", "2"], ["0.000000004", "0.000000003", "0.000000003"]),
        # 10 by 1 : 5 are 1.67 and 8.33: the first lost most by rounding.
        ("0.000000010", ["1", "5"], ["0.000000002", "0.000000008"]),
        ("5", ["0", "0"], ["0", "0"]),
        ("5", [], []),
        ("0", ["1"], ["0"]),
    ],
)
def test_shares_by_largest_remainder(amount: str, weights: list[str], shares: list[str]) -> None:
    found = share_out(Decimal(amount), [Decimal(each) for each in weights])
    assert found == [Decimal(each) for each in shares]


def test_an_hour_of_an_instance_with_two_attempts() -> None:
    # 0.192 an hour. A holds half for 30 min: 0.048. B holds a quarter for 20 min: 0.016.
    # Idle: 0.192 - 0.064 = 0.128, shared 3 : 1: 0.096 and 0.032.
    price = HourlyPrice(Decimal("0.192"))
    end = T0 + timedelta(hours=1)
    whole = instance_usd(price=price, history=(), launched_at=T0, ended_at=end)
    costs = [
        part_usd(price=price, history=(), start=T0, end=T0 + timedelta(minutes=minutes), part=part)
        for minutes, part in ((30, Fraction(1, 2)), (20, Fraction(1, 4)))
    ]
    assert costs == [Decimal("0.048"), Decimal("0.016")]
    assert share_out(whole - sum(costs), costs) == [Decimal("0.096"), Decimal("0.032")]


amounts = st.decimals(0, 10_000, places=9, allow_nan=False)


@given(amount=amounts, weights=st.lists(amounts, max_size=12))
def test_shares_add_up_exactly_and_nobody_pays_what_another_did(
    amount: Decimal, weights: list[Decimal]
) -> None:
    shares = share_out(amount, weights)
    assert sum(shares) == (amount if any(weights) else 0)
    assert all(share == 0 for share, weight in zip(shares, weights, strict=True) if weight == 0)
    assert all(share >= 0 for share in shares)


# Attempts as they come: microseconds from now, microseconds of run, vCPUs, memory, GPUs.
arrivals = st.lists(
    st.tuples(
        st.integers(0, 3_000_000_000),
        st.integers(0, 1_000_000_000),
        st.integers(1, 4000),
        st.integers(1, 16384),
        st.integers(0, 2),
    ),
    max_size=12,
)
histories = st.lists(st.tuples(st.integers(-100, 4000), st.integers(0, 20)), max_size=6).map(
    lambda steps: sorted((T0 + timedelta(seconds=at), Decimal(n) / 20) for at, n in steps)
)


@given(arrivals=arrivals, history=histories, spot=st.decimals("0.001", "9", places=6))
def test_parts_and_idle_time_are_the_whole_whatever_runs_beside_what(
    arrivals: list[tuple[int, int, int, int, int]],
    history: list[tuple[datetime, Decimal]],
    spot: Decimal,
) -> None:
    """Attempts are let on the instance as long as there is room, as the scheduler does."""
    price = HourlyPrice(Decimal("10.000001"), spot)
    placed: list[tuple[datetime, datetime, Resources]] = []
    for at, length, *needs in sorted(arrivals):
        start = T0 + timedelta(microseconds=at)
        there = [held for _, until, held in placed if until > start]
        asked = Resources(*needs)
        if sum(there, asked).fits_in(SIZE):
            placed.append((start, start + timedelta(microseconds=length), asked))
    end = max((until for _, until, _ in placed), default=T0)
    whole = instance_usd(price=price, history=history, launched_at=T0, ended_at=end)
    costs = [
        part_usd(price=price, history=history, start=start, end=until, part=part_of(held, SIZE))
        for start, until, held in placed
    ]
    idle = whole - sum(costs)
    assert idle >= 0
    charged = share_out(idle, costs)
    uncharged = idle if not any(costs) else Decimal(0)
    assert sum(costs) + sum(charged) + uncharged == whole


def test_the_worked_example_of_the_documentation() -> None:
    # docs/costs.md: an m5.large of the catalogue as Spot, 9:00 to 10:00, with two jobs.
    def at(minutes: int) -> datetime:
        return T0 + timedelta(minutes=minutes)

    lines = [line for line in SHIPPED_FILE.read_text().splitlines() if not line.startswith("#")]
    (row,) = (row for row in csv.DictReader(lines) if row["name"] == "m5.large")
    price = HourlyPrice(Decimal(row["usd_per_hour"]), Decimal(row["spot_usd_per_hour"]))
    assert (price.on_demand_usd, price.spot_usd) == (Decimal("0.096"), Decimal("0.0305"))
    history = [(at(0), Decimal("0.4")), (at(30), Decimal("0.75")), (at(40), Decimal(1))]
    whole = instance_usd(price=price, history=history, launched_at=at(0), ended_at=at(60))
    costs = [
        part_usd(price=price, history=history, start=at(start), end=at(end), part=part)
        for start, end, part in ((0, 30, Fraction(1, 2)), (20, 35, Fraction(1, 4)))
    ]
    assert whole == Decimal("0.057791667")
    assert costs == [Decimal("0.007625"), Decimal("0.002588541")]
    idle = whole - sum(costs)
    assert idle == Decimal("0.047578126")
    assert share_out(idle, costs) == [Decimal("0.035519827"), Decimal("0.012058299")]
