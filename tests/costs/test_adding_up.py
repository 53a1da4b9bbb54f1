"""Hours that are added up say what the rows say, however often and in whatever portions it is done."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import queueing, tasks
from jobs.models import (
    Attempt,
    Capacity,
    CostHour,
    CostMark,
    CostTagHour,
    InstanceState,
    Job,
    JobStatus,
    StaleCostHour,
)
from jobs.selectors.costs import CostScope, Ledger, month_so_far, spent
from jobs.services.attempts.finish import finish_attempt
from jobs.services.costs import rollup
from jobs.services.costs.instances import price_instances
from jobs.services.costs.rollup import add_up_costs, hand_over_costs
from jobs.services.requests.tags import add_tags
from tests.builders import NOW, a_job, a_user, an_attempt, an_instance

from .ends import (
    DAY,
    LATER,
    a_running_attempt,
    an_outcome,
    at,
    by_rows,
    ended,
    ended_instance,
    the_day,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def some_history() -> None:
    instance = ended_instance(100, uncharged="0.25")
    ended(5, "1.000000001", tags={"team": "a", "2026": "x"})
    ended(59.99, "0.1", tags={"team": "b"})
    ended(60, "2", instance=instance, capacity=Capacity.SPOT, idle="0.5", tags={"team": "a"})
    ended(290, "0.7")
    ended_instance(119, uncharged="0.05")
    ended_instance(299, uncharged="0.01")
    job = a_job(status=JobStatus.RUNNING, attempts_made=1, tags={"team": "a"})
    an_attempt(job=job, started_at=at(240), milli_vcpus=1000, memory_mib=2048)


@pytest.mark.usefixtures("some_history")
def test_added_up_hours_say_what_the_rows_say() -> None:
    before, tags = by_rows().cells, by_rows().tags
    add_up_costs(now=LATER)
    ledger = the_day()
    assert ledger.cells == before
    assert ledger.tags == tags
    # By hand: 1.000000001 + 0.1 + 2 + 0.7, an hour of the running one at 0.04937, and what was idle.
    assert ledger.total.usd == Decimal("3.849370001")
    assert ledger.total.idle_usd == Decimal("0.5") + Decimal("0.31")
    # Only Spot saves: the others' On-Demand price is what they cost.
    assert ledger.total.saving_usd == Decimal(2)
    assert ledger.so_far.usd == Decimal("0.04937")
    # Four ended attempts of ten minutes on one vCPU and half a GiB, and an hour of the running one.
    assert ledger.total.work.vcpu_seconds == 4 * 600 + 3600
    assert ledger.total.work.gib_seconds == 4 * 300 + 7200


@pytest.mark.usefixtures("some_history")
def test_adding_up_twice_changes_nothing() -> None:
    add_up_costs(now=LATER)
    rows = list(CostHour.objects.order_by("hour", "usd").values_list("hour", "usd", "idle_usd"))
    CostMark.objects.update(until=DAY)
    add_up_costs(now=LATER)
    again = CostHour.objects.order_by("hour", "usd").values_list("hour", "usd", "idle_usd")
    assert list(again) == rows


@pytest.mark.usefixtures("some_history")
def test_a_long_history_is_added_up_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "SECONDS_AT_ONCE", -1)
    total = by_rows().total
    calls = 1
    while add_up_costs(now=LATER):
        assert the_day().total == total
        calls += 1
    # The hours of nine, ten and eleven o'clock, one with nothing at all, two minutes likewise, and the last look.
    assert calls <= 7
    assert the_day().total == total
    marks = dict(CostMark.objects.values_list("name", "until"))
    assert marks == {
        "hours": LATER - timedelta(hours=1),
        "minutes": LATER - timedelta(minutes=2),
    }


def test_an_hour_is_added_up_ten_minutes_after_its_end() -> None:
    ended(30, "1")
    add_up_costs(now=at(69.9))
    assert not CostHour.objects.exists()
    add_up_costs(now=at(70))
    assert CostHour.objects.get().usd == 1


def test_an_hour_waits_for_idle_time_that_is_still_to_be_charged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instance = an_instance(state=InstanceState.ENDED, ended_at=at(30), idle_usd=Decimal(1))
    ended(20, "1", instance=instance, capacity=Capacity.EC2)
    add_up_costs(now=at(70))
    assert CostHour.objects.get(usd=1).idle_usd == 1


def test_nothing_due_costs_five_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ended(30, "1")
    add_up_costs(now=at(70))
    with django_assert_num_queries(5):
        add_up_costs(now=at(70.9))


def test_a_change_of_tags_moves_the_cost_to_the_new_tag() -> None:
    attempt = ended(30, "1", tags={"team": "a"})
    add_up_costs(now=LATER)
    add_tags(row=Job.objects.get(pk=attempt.job_id), tags={"team": "b"})
    add_up_costs(now=LATER)
    assert [(row.value, row.usd) for row in CostTagHour.objects.all()] == [("b", Decimal(1))]


def test_who_is_no_administrator_sees_what_his_own_jobs_cost() -> None:
    owner = a_user()
    ended(30, "1", owner=owner, tags={"team": "a"})
    ended(30, "5", tags={"team": "a"})
    ended_instance(30, uncharged="3")
    boss = a_user(is_staff=True)
    for _ in range(2):
        mine = the_day(CostScope(owner=boss.pk).seen_by(owner))
        assert mine.total.total_usd == 1
        assert mine.tags[("team", "a")].usd == 1
        assert month_so_far(user=owner, now=LATER).today_usd == 1
        assert month_so_far(user=boss, now=LATER).month_usd == 9
        add_up_costs(now=LATER)


@pytest.mark.usefixtures("some_history")
def test_spent_counts_costs_idle_time_and_what_runs() -> None:
    queue = Job.objects.get(attempts__idle_usd__gt=0).queue
    running = Job.objects.get(status=JobStatus.RUNNING)
    for _ in range(2):
        assert spent(queue=queue, month_start=DAY, now=LATER) == Decimal("2.5")
        assert spent(owner=running.owner, month_start=DAY, now=LATER) == Decimal("0.04937")
        assert spent(tag=("team", "a"), month_start=DAY, now=LATER) == Decimal("3.549370001")
        assert spent(tag=("2026", "x"), month_start=DAY, now=LATER) == Decimal("1.000000001")
        assert spent(tag=("team", ""), month_start=DAY, now=LATER) == Decimal("3.649370001")
        assert spent(tag=("team", "none"), month_start=DAY, now=LATER) == 0
        add_up_costs(now=LATER)


def test_sums_of_many_small_costs_are_exact() -> None:
    owner = a_user()
    one = ended(5, "0.000000001", owner=owner)
    Attempt.objects.bulk_create(
        Attempt(
            **{
                field.attname: getattr(one, field.attname)
                for field in Attempt._meta.concrete_fields
                if field.name not in {"id", "number", "cost_usd"}
            },
            number=number,
            cost_usd=Decimal("0.100000003"),
        )
        for number in range(2, 302)
    )
    assert the_day().total.usd == Decimal("30.000000901")


@pytest.mark.usefixtures("some_history")
def test_a_look_takes_as_many_queries_however_much_there_is(
    django_assert_max_num_queries: Any,
) -> None:
    for _ in range(2):
        with django_assert_max_num_queries(12):
            ledger = the_day()
            _ = (ledger.cells, ledger.tags)
        for minutes in range(10, 200, 20):
            ended(minutes, "1", tags={"n": str(minutes)})


def test_tags_that_change_while_an_hour_is_added_up_make_it_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempt = ended(30, "1", tags={"team": "a"})
    job = Job.objects.get(pk=attempt.job_id)
    add_tags(row=job, tags={"team": "b"})

    def read_then_change(*values: Any, **more: Any) -> Ledger:
        found = Ledger(*values, **more)
        _ = (found.cells, found.tags_by_owner)
        add_tags(row=job, tags={"team": "c"})
        return found

    with monkeypatch.context() as patch:
        patch.setattr(rollup, "Ledger", read_then_change)
        assert rollup.add_up_hour(NOW)
    assert [(row.value, row.usd) for row in CostTagHour.objects.all()] == [("b", Decimal(1))]
    assert StaleCostHour.objects.get().hour == NOW
    add_up_costs(now=LATER)
    assert [(row.value, row.usd) for row in CostTagHour.objects.all()] == [("c", Decimal(1))]
    assert not StaleCostHour.objects.exists()


def test_of_two_workers_at_one_hour_the_slower_one_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended(30, "1")

    def read_slowly(*values: Any, **more: Any) -> Ledger:
        found = Ledger(*values, **more)
        _ = (found.cells, found.tags_by_owner)
        # Meanwhile another one has seen an end more.
        monkeypatch.setattr(rollup, "Ledger", Ledger)
        ended(31, "2")
        assert rollup.add_up_hour(NOW)
        return found

    monkeypatch.setattr(rollup, "Ledger", read_slowly)
    assert not rollup.add_up_hour(NOW)
    assert sum(row.usd for row in CostHour.objects.all()) == 3


def test_an_hour_is_read_before_its_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    # Reading takes seconds, and SQLite has one writer.
    ended(30, "1", tags={"team": "a"})
    depth = len(connection.savepoint_ids)
    depths: list[int] = []
    statements: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        depths.append(len(connection.savepoint_ids))
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        rollup.add_up_hour(NOW)
    of_attempts = [
        at for at, sql in zip(depths, statements, strict=True) if 'FROM "jobs_attempt"' in sql
    ]
    assert len(of_attempts) == 4
    assert set(of_attempts) == {depth}


def test_an_end_that_is_written_late_is_added_up_still(monkeypatch: pytest.MonkeyPatch) -> None:
    ended(30, "1")
    add_up_costs(now=LATER)
    attempt = a_running_attempt(started_at=at(0))
    # Its worker looked at the clock, and was held up for hours then.
    monkeypatch.setattr(timezone, "now", lambda: LATER)
    outcome = an_outcome(at(60))
    assert finish_attempt(attempt=attempt, outcome=outcome, now=at(59))
    add_up_costs(now=LATER)
    cost = Attempt.objects.get(pk=attempt.pk).cost_usd
    assert sum(row.usd for row in CostHour.objects.all()) == 1 + cost
    assert cost > 0


def test_an_end_that_is_written_in_time_marks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = a_running_attempt(started_at=at(0))
    monkeypatch.setattr(timezone, "now", lambda: at(61))
    outcome = an_outcome(at(59))
    assert finish_attempt(attempt=attempt, outcome=outcome, now=at(59))
    assert not StaleCostHour.objects.exists()


def test_an_instance_whose_end_is_written_late_is_added_up_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_up_costs(now=LATER)
    instance = an_instance(launched_at=at(0))
    instance.ended_at = at(30)
    monkeypatch.setattr(timezone, "now", lambda: LATER)
    price_instances(instances=[instance], now=at(30))
    instance.state = InstanceState.ENDED
    instance.save()
    add_up_costs(now=LATER)
    assert CostHour.objects.get().idle_usd == instance.usd > 0


def test_the_loop_hands_costs_to_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[str] = []
    idle = True
    monkeypatch.setattr(queueing, "is_idle", lambda task: idle)
    monkeypatch.setattr(queueing, "enqueue_after_commit", lambda task, ids: handed.append(task))
    hand_over_costs()
    idle = False
    hand_over_costs()
    assert handed == [queueing.COSTS]


def test_a_worker_goes_on_until_all_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ended(30, "1")
    ended(90, "1")
    handed: list[str] = []
    monkeypatch.setattr(rollup, "SECONDS_AT_ONCE", -1)
    monkeypatch.setattr(rollup, "hand_over_costs", lambda: handed.append("more"))
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)
    for _ in range(10):
        before = len(handed)
        tasks.keep_costs(rollup.EVERYTHING)
        if len(handed) == before:
            break
    assert len(handed) >= 2
    assert sum(row.usd for row in CostHour.objects.all()) == 2
