"""What attempts and instances cost at their ends, from their rows."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from jobs.models import (
    Attempt,
    Capacity,
    Instance,
    InstanceEndCause,
    InstanceState,
    JobStatus,
    SpotPressure,
)
from jobs.selectors.costs import cost_so_far
from jobs.services.attempts.finish import finish_attempt, finish_attempts
from jobs.services.attempts.tries import AttemptOutcome
from jobs.services.costs import instances as services
from jobs.services.costs.attempts import RanFor, price_ends
from jobs.services.costs.instances import charge_waiting_idle, price_instances
from jobs.services.writing.apart import Apart
from tests.builders import NOW, a_job, an_attempt, an_instance

pytestmark = pytest.mark.django_db


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def on(instance: Instance, *, milli_vcpus: int = 1000, memory_mib: int = 2048) -> Attempt:
    """A live attempt on it since its launch; half of the instance that the builder makes."""
    job = a_job(status=JobStatus.RUNNING, attempts_made=1, started_at=NOW)
    return an_attempt(
        job=job,
        environment=instance.environment,
        node=instance.node,
        instance=instance,
        capacity=Capacity.SPOT if instance.is_spot else Capacity.EC2,
        milli_vcpus=milli_vcpus,
        memory_mib=memory_mib,
        started_at=NOW,
    )


def end(attempt: Attempt, minutes: float, *, now: datetime | None = None) -> Attempt:
    """Records that it ran from its launch for so long."""
    outcome = AttemptOutcome(
        status_reason="", explanation="", started_at=NOW, stopped_at=at(minutes), succeeded=True
    )
    assert finish_attempt(attempt=attempt, outcome=outcome, now=now or at(minutes))
    return Attempt.objects.get(pk=attempt.pk)


def end_instance(instance: Instance, minutes: float) -> Instance:
    """As a pass does."""
    row = Instance.objects.get(pk=instance.pk)
    row.ended_at, row.state, row.end_cause = (
        at(minutes),
        InstanceState.ENDED,
        InstanceEndCause.IDLE,
    )
    price_instances(instances=[row], now=at(minutes))
    row.save(update_fields=["ended_at", "state", "end_cause", "usd", "idle_usd"])
    return Instance.objects.get(pk=row.pk)


def charged(instance: Instance) -> Decimal:
    found = Attempt.objects.filter(instance=instance).values_list("cost_usd", "idle_usd")
    return sum((cost + idle for cost, idle in found), Decimal(0))


def test_idle_time_is_charged_in_proportion_to_cost() -> None:
    # 0.1 an hour for an hour: 0.1. A: half of it for 30 min: 0.025. B: a quarter for 20 min, 0.1/3/4 =
    # 0.008333333. Idle: 0.066666667, of which A pays 25/33.333333 = 0.05 (0.050000000500.. down) and B
    # 0.016666666(49..): the billionth that is left goes to the larger remainder.
    instance = an_instance()
    a, b = on(instance), on(instance, milli_vcpus=500, memory_mib=1024)
    a, b = end(a, 30), end(b, 20)
    assert (a.cost_usd, b.cost_usd) == (Decimal("0.025"), Decimal("0.008333333"))
    row = end_instance(instance, 60)
    assert (row.usd, row.idle_usd) == (Decimal("0.1"), Decimal("0.066666667"))
    a.refresh_from_db()
    b.refresh_from_db()
    assert a.idle_usd + b.idle_usd == row.idle_usd
    assert a.idle_usd - Decimal("0.05") <= Decimal("0.000000001")
    assert row.uncharged_idle_usd == 0
    assert charged(row) == row.usd


def test_idle_time_is_charged_by_size_where_all_ran_too_short_to_cost_anything() -> None:
    # An `echo` whose start and end are the same moment of the engine's clock. 0.1 an hour for 6 min: 0.01, of
    # which a job of a half of the instance pays two thirds, and one of a quarter a third.
    instance = an_instance()
    large, small = on(instance), on(instance, milli_vcpus=500, memory_mib=1024)
    never = on(instance)
    Attempt.objects.filter(pk=never.pk).update(started_at=None)
    for attempt in (large, small):
        assert end(attempt, 0).cost_usd == 0
    row = end_instance(instance, 6)
    shares = Attempt.objects.filter(instance=instance).order_by("id")
    assert list(shares.values_list("idle_usd", flat=True)) == [
        Decimal("0.006666667"),
        Decimal("0.003333333"),
        Decimal(0),
    ]
    assert (row.uncharged_idle_usd, charged(row)) == (Decimal(0), row.usd)


def test_idle_time_of_an_instance_that_nobody_used_stays_its_environments() -> None:
    row = end_instance(an_instance(), 5)
    # Five minutes of 0.1 an hour: 0.008333333...
    assert row.usd == row.idle_usd == row.uncharged_idle_usd == Decimal("0.008333333")
    assert row.idle_charged_at is not None


def test_a_spot_attempt_pays_the_price_of_its_time_and_says_what_it_saved() -> None:
    # Half of the instance for 20 min: ten at 0.04, ten at pressure 0.75, half way to 0.1, at 0.07:
    # (0.04 + 0.07) x 10/60 / 2 = 0.009166666. On-Demand: 0.1 x 20/60 / 2 = 0.016666666.
    instance = an_instance(is_spot=True, spot_usd_per_hour=Decimal("0.04"), bid_percentage=100)
    engine = instance.node.engine
    for minutes, pressure in ((-60, "0.2"), (10, "0.75"), (30, "1")):
        SpotPressure.objects.create(engine=engine, at=at(minutes), pressure=Decimal(pressure))
    live = on(instance)
    live.refresh_from_db()
    assert cost_so_far(live, now=at(20)) == Decimal("0.009166666")
    row = end(live, 20)
    assert row.cost_usd == row.job.cost_usd == Decimal("0.009166666")
    assert row.on_demand_usd == Decimal("0.016666666")
    # 10 min at 0.04, 20 at 0.07, 30 at 0.1.
    ended = end_instance(instance, 60)
    assert ended.usd == Decimal("0.08")
    assert charged(ended) == ended.usd


def test_what_is_lost_with_its_instance_costs_what_it_had_cost_by_then() -> None:
    instance = an_instance()
    lost, unstarted = on(instance), on(instance)
    # As a worker that is about to end it has read it.
    read = Attempt.objects.select_related("job__spec", "node__engine", "instance").get(pk=lost.pk)
    Attempt.objects.filter(pk=unstarted.pk).update(started_at=None)
    row = end_instance(instance, 30)
    # Half of 0.1 for half an hour; the other half was idle.
    lost.refresh_from_db()
    assert (lost.cost_usd, lost.idle_usd) == (Decimal("0.025"), Decimal("0.025"))
    assert cost_so_far(lost, now=at(45)) == Decimal("0.025")
    # Its end is found later, with another time by the engine's clock: that changes nothing.
    for attempt, stopped in ((read, 12), (unstarted, 50)):
        ended = end(attempt, stopped, now=at(50))
        assert ended.cost_usd == ended.job.cost_usd
    assert charged(row) == row.usd == Decimal("0.05")


def test_an_engine_whose_clock_runs_ahead_never_makes_idle_time_negative() -> None:
    instance = an_instance(milli_vcpus=1000, memory_mib=2048)
    end(on(instance), 70, now=at(60))
    row = end_instance(instance, 60)
    assert row.idle_usd == 0
    assert charged(row) == row.usd


@pytest.mark.parametrize(
    ("capacity", "ephemeral_gib", "usd", "on_demand"),
    [
        # 1 vCPU, 2 GiB: 0.04937 an hour; with 30 GiB more 0.0527. Ten minutes are a sixth.
        (Capacity.UNMANAGED, 0, "0.008228333", "0.008228333"),
        (Capacity.FARGATE, 30, "0.008783333", "0.008783333"),
        # Five minutes at 30 %, five at 65 % (pressure 0.75).
        (Capacity.FARGATE_SPOT, 30, "0.004172083", "0.008783333"),
    ],
)
def test_what_has_no_instance_is_priced_by_its_environments_rates(
    capacity: str, ephemeral_gib: int, usd: str, on_demand: str, settings: Settings
) -> None:
    settings.BATCHWEB_FARGATE_USD_PER_EPHEMERAL_GIB_HOUR = Decimal(9)
    job = a_job(status=JobStatus.RUNNING, attempts_made=1)
    attempt = an_attempt(
        job=job,
        capacity=capacity,
        ephemeral_gib=ephemeral_gib,
        # Of its start, whatever is set by its end.
        usd_per_ephemeral_gib_hour=Decimal("0.000111"),
        milli_vcpus=1000,
        memory_mib=2048,
        started_at=NOW,
    )
    SpotPressure.objects.create(engine=attempt.node.engine, at=at(5), pressure=Decimal("0.75"))
    row = end(attempt, 10)
    assert (row.cost_usd, row.on_demand_usd) == (Decimal(usd), Decimal(on_demand))


def test_unmanaged_ends_ask_nothing_more_of_the_database(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    attempt = Attempt.objects.get(pk=an_attempt().pk)
    with django_assert_num_queries(0):
        price_ends({attempt: RanFor(NOW, at(1))}, now=at(1))


def test_ends_that_are_written_together_cost_the_same() -> None:
    instance = an_instance()
    attempts = [on(instance), on(instance, milli_vcpus=500, memory_mib=512)]
    rows = Attempt.objects.select_related("job__spec", "node__engine").filter(instance=instance)
    outcomes = {
        row: AttemptOutcome(
            status_reason="", explanation="", started_at=NOW, stopped_at=at(6), succeeded=True
        )
        for row in rows
    }
    apart = Apart()
    assert len(finish_attempts(outcomes=outcomes, now=at(6), apart=apart)) == len(attempts)
    apart.done()
    # 0.1 for six minutes is 0.01: a half, and (1/4 + 1/8) / 2 = 3/16.
    costs = list(Attempt.objects.order_by("id").values_list("cost_usd", "job__cost_usd"))
    assert costs == [(Decimal("0.005"),) * 2, (Decimal("0.001875"),) * 2]


def test_many_shares_of_idle_time_are_written_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "AT_ONCE", 4)
    monkeypatch.setattr(services, "LATER_AT_ONCE", 2)
    instance = an_instance()
    for minutes in range(1, 6):
        end(on(instance, milli_vcpus=100, memory_mib=100), minutes)
    row = end_instance(instance, 60)
    assert row.idle_charged_at is None
    assert row.uncharged_idle_usd == row.idle_usd
    left = []
    for _ in range(3):
        left.append(charge_waiting_idle(now=at(61)))
        row.refresh_from_db()
        # At every moment all is somebody's, and nothing twice.
        assert charged(row) + row.uncharged_idle_usd == row.usd
    assert left == [True, True, False]
    assert row.uncharged_idle_usd == 0
    assert row.idle_charged_at == at(61)
