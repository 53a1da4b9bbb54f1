from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jobs.pricing.cost import Rates
from jobs.pricing.fargate import FargateNeeds, fargate_usd, fargate_usd_per_hour
from jobs.pricing.instances import instance_usd, part_usd
from jobs.pricing.over_time import History, HourlyPrice, Steps, pressure_at, price_of_time

MICROSECOND = timedelta(microseconds=1)
T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
RATES = Rates(Decimal("0.04048"), Decimal("0.004445"))
STORAGE = Decimal("0.000111")
M5_LARGE = HourlyPrice(Decimal("0.096"), Decimal("0.0362"))


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def test_the_pressure_is_that_of_the_last_step() -> None:
    history = [(at(10), Decimal("0.5")), (at(20), Decimal("0.8"))]
    moments = (at(0), at(10), at(19.9), at(20), at(999))
    assert [pressure_at(history, moment) for moment in moments] == [
        Decimal(each) for each in ("0", "0.5", "0.5", "0.8", "0.8")
    ]


def test_on_demand_is_the_same_at_any_pressure() -> None:
    # 90 minutes at 0.096 an hour: 0.144
    history = [(at(10), Decimal(1))]
    price = M5_LARGE.on_demand
    assert price_of_time(history, at(0), at(90), price=price) == Fraction("0.144")


def test_a_spot_instance_through_three_prices() -> None:
    # 0 to 30 min: pressure 0.5, so the Spot price:                    0.0362  x 30/60 = 0.0181
    # 30 to 40 min: pressure 0.75, half way: 0.0362 + 0.0598/2 =       0.0661  x 10/60 = 0.011016666...
    # 40 to 60 min: pressure 1, the On-Demand price:                   0.096   x 20/60 = 0.032
    # together 0.061116666..., to nine decimals 0.061116667
    history = [
        (at(-5), Decimal("0.5")),
        (at(30), Decimal("0.75")),
        (at(40), Decimal(1)),
        (at(60), Decimal(0)),
    ]
    usd = instance_usd(price=M5_LARGE, history=history, launched_at=at(0), ended_at=at(60))
    assert usd == Decimal("0.061116667")


def test_an_attempt_pays_its_part_of_the_price_of_its_time() -> None:
    # The same history; it ran from 20 to 35 min on a quarter of the instance:
    # (0.0362 x 10/60 + 0.0661 x 5/60) / 4 = (0.006033333... + 0.005508333...) / 4 = 0.002885416666...,
    # rounded down to 0.002885416
    history = [(at(-5), Decimal("0.5")), (at(30), Decimal("0.75")), (at(40), Decimal(1))]
    usd = part_usd(price=M5_LARGE, history=history, start=at(20), end=at(35), part=Fraction(1, 4))
    assert usd == Decimal("0.002885416")


def test_an_instance_is_billed_for_a_minute_at_least_at_its_last_price() -> None:
    # 12.5 s are billed as 60: 10 s at 0.0362 and the rest at 0.096, the price of its end:
    # (0.362 + 2.5 x 0.096 + 47.5 x 0.096) / 3600 = (0.362 + 4.8) / 3600 = 0.001433888...
    history = [(at(0), Decimal(0)), (T0 + timedelta(seconds=10), Decimal(1))]
    usd = instance_usd(
        price=M5_LARGE, history=history, launched_at=T0, ended_at=T0 + timedelta(seconds=12.5)
    )
    assert usd == Decimal("0.001433889")


def test_an_instance_is_billed_in_whole_seconds() -> None:
    # 90.2 s are 91: 0.096 x 91 / 3600 = 0.002426666...
    usd = instance_usd(
        price=M5_LARGE.on_demand,
        history=(),
        launched_at=T0,
        ended_at=T0 + timedelta(seconds=90.2),
    )
    assert usd == Decimal("0.002426667")


def test_a_catalogue_that_names_a_spot_price_above_on_demand_is_capped() -> None:
    assert HourlyPrice(Decimal("0.1"), Decimal("0.2")).at(Decimal(0)) == Decimal("0.1")


def test_fargate_with_extra_storage() -> None:
    # 1 vCPU, 2 GiB and 30 GiB beyond the 20: 0.04048 + 0.00889 + 30 x 0.000111 = 0.0527 an hour.
    # Ten minutes: 0.0527 / 6 = 0.008783333...
    needs = FargateNeeds(milli_vcpus=1000, memory_mib=2048, ephemeral_gib=30)
    hourly = fargate_usd_per_hour(needs, rates=RATES, usd_per_ephemeral_gib_hour=STORAGE)
    assert hourly == Decimal("0.0527")
    assert fargate_usd(hourly=hourly, start=at(0), end=at(10)) == Decimal("0.008783333")


def test_fargate_spot_follows_the_pressure() -> None:
    # 0.0527 an hour. Five minutes at 30 %, then five at pressure 0.75, half way from 30 % to 100 %: 65 %.
    # 0.0527 x (0.3 + 0.65) x 5 / 60 = 0.004172083...
    history = [(at(5), Decimal("0.75"))]
    usd = fargate_usd(hourly=Decimal("0.0527"), start=at(0), end=at(10), spot_history=history)
    assert usd == Decimal("0.004172083")


def test_fargate_spot_on_an_idle_engine_has_no_history() -> None:
    # Ten seconds are billed as 60: 0.0527 x 0.3 / 60 = 0.0002635
    start, end = T0, T0 + timedelta(seconds=10)
    usd = fargate_usd(hourly=Decimal("0.0527"), start=start, end=end, spot_history=())
    assert usd == Decimal("0.0002635")


def test_a_clock_that_was_set_back_costs_nothing_but_the_minimum() -> None:
    assert price_of_time((), at(5), at(0), price=M5_LARGE) == 0
    billed = price_of_time((), at(5), at(0), price=M5_LARGE, with_minimum=True)
    assert billed == Fraction("0.0362") / 60


pressures = st.integers(0, 20).map(lambda step: Decimal(step) / 20)
histories = st.lists(st.tuples(st.integers(-5000, 5000), pressures), max_size=8).map(
    lambda steps: sorted((T0 + timedelta(seconds=second), level) for second, level in steps)
)
moments = st.integers(0, 4_000_000_000).map(lambda us: T0 + timedelta(microseconds=us))
prices = st.decimals("0.000001", "99", places=6, allow_nan=False)


@given(history=histories, spot=prices, ends=st.tuples(moments, moments))
def test_an_integral_is_the_sum_of_its_pieces(
    history: Steps, spot: Decimal, ends: tuple[datetime, datetime]
) -> None:
    start, end = sorted(ends)
    price = HourlyPrice(Decimal(100), spot)
    cuts = [start, *(moment for moment, _ in history if start < moment < end), end]
    pieces = sum(
        Fraction(price.at(pressure_at(history, since))) * ((until - since) // MICROSECOND)
        for since, until in pairwise(cuts)
    )
    found = price_of_time(History(history), start, end, price=price)
    assert found == pieces / 1_000_000 / 3600


def test_a_price_over_a_long_history_is_worked_out_once_a_pressure() -> None:
    history = History([(at(number), Decimal(number % 21) / 20) for number in range(2000)])
    asked: list[Decimal] = []

    def weight(pressure: Decimal) -> Decimal:
        asked.append(pressure)
        return pressure

    # The mean of the pressures is a half; 1995 minutes are 95 rounds of the 21.
    assert history.integral(at(0), at(1995), weight) == 1995 * 30
    assert len(asked) == len(set(asked)) == 21


def test_a_spot_price_is_never_above_the_bid() -> None:
    price = HourlyPrice(Decimal("0.096"), Decimal("0.0362"), bid_usd=Decimal("0.048"))
    # Half an hour at the Spot price, then half an hour over the bid of half the On-Demand price.
    history = [(at(30), Decimal(1))]
    assert price_of_time(history, at(0), at(60), price=price) == Fraction("0.0421")
    assert price.on_demand.at(Decimal(1)) == Decimal("0.096")


@given(history=histories, on_demand=prices, spot=prices, ends=st.tuples(moments, moments))
def test_spot_is_never_dearer_than_on_demand(
    history: Steps, on_demand: Decimal, spot: Decimal, ends: tuple[datetime, datetime]
) -> None:
    start, end = sorted(ends)
    price = HourlyPrice(on_demand, spot)
    going = instance_usd(price=price, history=history, launched_at=start, ended_at=end)
    full = instance_usd(price=price.on_demand, history=history, launched_at=start, ended_at=end)
    assert going <= full
    assert fargate_usd(hourly=on_demand, start=start, end=end, spot_history=history) <= fargate_usd(
        hourly=on_demand, start=start, end=end
    )


@given(history=histories, spot=prices, times=st.tuples(moments, moments, moments))
def test_the_price_of_two_times_is_that_of_both_together(
    history: Steps, spot: Decimal, times: tuple[datetime, datetime, datetime]
) -> None:
    start, middle, end = sorted(times)
    price = HourlyPrice(Decimal(100), spot)
    assert price_of_time(history, start, middle, price=price) + price_of_time(
        history, middle, end, price=price
    ) == price_of_time(history, start, end, price=price)
