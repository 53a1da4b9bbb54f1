"""Until an hour is over its minutes are added up: every figure is the same as if all rows were read."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import (
    Attempt,
    Capacity,
    CostHour,
    CostMark,
    CostMinute,
    CostTagMinute,
    Instance,
    InstanceState,
    Job,
    StaleCostMinute,
)
from jobs.selectors.costs import Amounts, CostRange, CostScope, Ledger, month_so_far, spent
from jobs.selectors.costs.amounts import sum_of, together
from jobs.selectors.costs.rows import Part, amount_of, cost_rows
from jobs.selectors.costs.sums import MINUTES, added_up, pieces_of
from jobs.services.attempts.finish import finish_attempt
from jobs.services.costs import instances, rollup, written
from jobs.services.costs.rollup import add_up_costs
from jobs.services.requests.tags import add_tags
from tests.builders import NOW, a_queue, a_user
from tests.remembered import forget_all

from .ends import DAY, a_running_attempt, an_outcome, at, ended, ended_instance

pytestmark = pytest.mark.django_db


def ledger_until(moment: datetime, scope: CostScope | None = None, **more: Any) -> Ledger:
    return Ledger(CostRange(DAY, moment, with_running=True), scope or CostScope(), **more)


def usd_until(moment: datetime) -> Decimal:
    return ledger_until(moment).total.total_usd


def rows_read(moment: datetime) -> list[CostRange]:
    """What a figure of that moment still reads row by row."""
    return pieces_of(CostRange(DAY, moment)).rest


@pytest.fixture
def busy_hour() -> random.Random:
    """Some three hours of ends, most of them in the last one, of three owners in two queues."""
    chance = random.Random(7)
    owners, queues = [a_user() for _ in range(3)], [a_queue() for _ in range(2)]
    on = ended_instance(150, uncharged="0.25")
    of_spot: dict[str, Any] = {"instance": on, "capacity": Capacity.SPOT, "idle": "0.01"}
    for number in range(40):
        more = of_spot if number % 5 else {}
        ended(
            chance.choice([chance.uniform(0, 170), chance.uniform(120, 170), 130, 131]),
            f"{chance.uniform(0, 2):.9f}",
            owner=chance.choice(owners),
            queue=chance.choice(queues),
            tags=chance.choice([{}, {"team": "a"}, {"team": "b", "2026": "x"}]),
            **more,
        )
    ended_instance(128, uncharged="0.05")
    return chance


def scopes() -> Iterator[CostScope]:
    yield CostScope()
    for job in Job.objects.order_by("id")[:4]:
        yield CostScope(owner=job.owner_id)
        yield CostScope(queue=job.queue_id, owner=job.owner_id)
        yield CostScope(definition=job.definition_id)
    yield CostScope(capacity="SPOT")
    yield CostScope(without_job=True)
    yield CostScope(tag=("team", "a"))
    yield CostScope(tag=("team", None), owner=Job.objects.order_by("id")[0].owner_id)


def money(ledger: Ledger) -> dict[Any, Any]:
    """All amounts, without how long for: the times of each step are rounded. Tags are told apart by owner only."""
    scope = ledger.scope
    found: dict[Any, Amounts] = {"total": ledger.total}
    if scope.tag is None:
        found |= ledger.cells
    if scope == CostScope(owner=scope.owner):
        found |= ledger.tags
    return {
        key: (amounts.attempts, amounts.usd, amounts.idle_usd, amounts.on_demand_usd)
        for key, amounts in found.items()
    }


def test_figures_of_each_moment_and_scope_are_what_the_rows_say(busy_hour: random.Random) -> None:
    add_up_costs(now=at(172))
    assert CostMinute.objects.filter(minute__gte=at(120)).exists()
    assert not CostHour.objects.filter(hour__gte=at(120)).exists()
    moments = [at(172), at(121), at(130), *(at(busy_hour.uniform(60, 172)) for _ in range(5))]
    for moment in moments:
        for scope in scopes():
            by_rows = ledger_until(moment, scope, from_rows=True)
            assert money(ledger_until(moment, scope)) == money(by_rows), (moment, scope)


def test_parts_of_a_range_cost_together_what_it_costs(busy_hour: random.Random) -> None:
    whole = Ledger(CostRange(DAY, at(172)), CostScope(), from_rows=True)
    for _ in range(4):
        cuts = sorted(at(busy_hour.uniform(0, 172)) for _ in range(4))
        edges = [DAY, *cuts, at(172)]
        parts = [Ledger(CostRange(start, end), CostScope()) for start, end in pairwise(edges)]
        costs = together(each for part in parts for each in part.cells.items())
        assert sum_of(costs.values()).usd == whole.total.usd
        assert sum_of(costs.values()).idle_usd == whole.total.idle_usd
        by_tag = together(each for part in parts for each in part.tags.items())
        assert {tag: each.usd for tag, each in by_tag.items()} == {
            tag: each.usd for tag, each in whole.tags.items()
        }
        add_up_costs(now=at(busy_hour.uniform(60, 172)))


@pytest.mark.usefixtures("busy_hour")
def test_rows_of_a_figure_add_up_to_it_when_more_is_added_up_since() -> None:
    drawn = ledger_until(at(140))
    for now in (141, 160, 172, 200):
        add_up_costs(now=at(now))
        again = ledger_until(at(140))
        for part in Part:
            found = cost_rows(again, part=part, size=1000).rows
            assert sum(row.usd for row in found) == amount_of(drawn.total, part)
            assert amount_of(again.total, part) == amount_of(drawn.total, part)


def test_a_minute_is_added_up_two_minutes_after_its_end() -> None:
    ended(30.5, "1")
    add_up_costs(now=at(32.9))
    assert not CostMinute.objects.exists()
    add_up_costs(now=at(33))
    assert CostMinute.objects.get().usd == 1
    assert rows_read(at(33)) == [CostRange(at(31), at(33))]
    assert usd_until(at(33)) == 1


def test_idle_time_so_far_and_what_runs_count_beside_minutes() -> None:
    owner = a_user()
    a_running_attempt(started_at=at(0))
    ended(30, "1", owner=owner)
    before = ledger_until(at(50)).total
    add_up_costs(now=at(50))
    assert ledger_until(at(50)).total == before
    assert before.usd > 1
    assert month_so_far(user=owner, now=at(50)).today_usd == 1
    assert spent(owner=owner, month_start=DAY, now=at(50)) == 1


def test_an_end_that_is_written_late_counts_at_once_and_is_added_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended(30, "1")
    add_up_costs(now=at(50))
    attempt = a_running_attempt(started_at=at(0))
    # Its worker looked at the clock at the end of minute 40, and was held up.
    monkeypatch.setattr(timezone, "now", lambda: at(50))
    assert finish_attempt(attempt=attempt, outcome=an_outcome(at(40)), now=at(40))
    assert StaleCostMinute.objects.get().minute == at(40)
    assert rows_read(at(50)) == [CostRange(at(40), at(50))]
    cost = Attempt.objects.get(pk=attempt.pk).cost_usd
    assert usd_until(at(50)) == 1 + cost
    add_up_costs(now=at(50))
    assert not StaleCostMinute.objects.exists()
    assert rows_read(at(50)) == [CostRange(at(48), at(50))]
    assert usd_until(at(50)) == 1 + cost
    assert cost > 0


def test_an_end_that_is_written_in_time_makes_no_minute_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempt = a_running_attempt(started_at=at(0))
    monkeypatch.setattr(timezone, "now", lambda: at(41.9))
    assert finish_attempt(attempt=attempt, outcome=an_outcome(at(40)), now=at(40))
    assert not StaleCostMinute.objects.exists()


def test_idle_time_that_is_charged_later_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ended_instance(30, uncharged="1")
    ended(20, "1", instance=instance, capacity=Capacity.EC2)
    add_up_costs(now=at(40))
    # As if its end, with much to charge, had been written behind the back of whoever added up.
    Instance.objects.update(state=InstanceState.ENDED, idle_usd=Decimal(1), idle_charged_at=None)
    monkeypatch.setattr(timezone, "now", lambda: at(40))
    instances.charge_waiting_idle(now=at(40))
    assert ledger_until(at(40)).by("owner") == ledger_until(at(40), from_rows=True).by("owner")
    add_up_costs(now=at(40))
    assert CostMinute.objects.get(minute=at(30)).owner is not None


def test_tags_that_change_move_costs_of_the_present_hour_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: at(40))
    attempt = ended(30, "1", tags={"team": "a"})
    ended(25, "2", tags={"team": "a"})
    add_up_costs(now=at(40))
    add_tags(row=Job.objects.get(pk=attempt.job_id), tags={"team": "b"})
    for _ in range(2):
        tags = ledger_until(at(40)).tags
        assert tags["team", "a"].usd == 2
        assert tags["team", "b"].usd == 1
        add_up_costs(now=at(40))
    assert rows_read(at(40)) == [CostRange(at(38), at(40))]


def test_minutes_of_long_ago_are_not_made_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = ended(30, "1", tags={"team": "a"})
    monkeypatch.setattr(timezone, "now", lambda: at(30) + timedelta(hours=27))
    add_tags(row=Job.objects.get(pk=attempt.job_id), tags={"team": "b"})
    assert not StaleCostMinute.objects.exists()


def test_who_dies_while_he_adds_up_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ended(30, "1", tags={"team": "a"})
    add_up_costs(now=at(33))
    ended(31, "2", tags={"team": "a"})
    StaleCostMinute.objects.create(minute=at(30))
    create = rollup._create

    def dies(model: type[Any], rows: Any) -> None:
        if model is CostTagMinute:
            raise KeyboardInterrupt
        create(model, rows)

    with monkeypatch.context() as patch:
        patch.setattr(rollup, "_create", dies)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                add_up_costs(now=at(40))
            assert CostMinute.objects.get().usd == CostTagMinute.objects.get().usd == 1
            assert StaleCostMinute.objects.exists()
            assert usd_until(at(40)) == 3
    add_up_costs(now=at(40))
    assert sum(row.usd for row in CostMinute.objects.all()) == 3
    assert usd_until(at(40)) == 3


def test_of_two_workers_at_one_minute_the_slower_one_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended(30, "1")
    add_up_costs(now=at(32))

    def read_slowly(*values: Any, **more: Any) -> Ledger:
        found = Ledger(*values, **more)
        _ = (found.cells, found.tags_by_owner)
        monkeypatch.setattr(rollup, "Ledger", Ledger)
        ended(30.5, "2")
        assert rollup.add_up_minute(at(30))
        return found

    monkeypatch.setattr(rollup, "Ledger", read_slowly)
    assert not rollup.add_up_minute(at(30))
    assert sum(row.usd for row in CostMinute.objects.all()) == 3


def test_minutes_are_forgotten_once_no_figure_can_end_in_their_hour() -> None:
    ended(30, "1", tags={"team": "a"})
    add_up_costs(now=at(40))
    days_later = timedelta(hours=26)
    for minutes, there in ((30, True), (40, False)):
        ended(minutes + 26 * 60 - 5, "1")
        add_up_costs(now=at(minutes) + days_later)
        assert CostMinute.objects.filter(minute=at(30)).exists() is there
        assert CostTagMinute.objects.filter(minute=at(30)).exists() is there
        assert usd_until(at(35)) == 1
    assert added_up().since == added_up().minutes - days_later


def test_after_a_long_pause_minutes_begin_where_hours_end() -> None:
    ended(30, "1")
    add_up_costs(now=at(40))
    ended(45, "2")
    later = at(40) + timedelta(days=3)
    ended(3 * 24 * 60 + 30, "4")
    add_up_costs(now=later)
    assert added_up().since == NOW + timedelta(days=3)
    assert CostMinute.objects.get().usd == 4
    for moment in (at(50), at(120), later):
        by_rows = ledger_until(moment, from_rows=True)
        assert money(ledger_until(moment)) == money(by_rows)


def test_hours_that_are_added_up_stand_for_their_minutes() -> None:
    ended(30, "1")
    add_up_costs(now=at(65))
    assert CostMinute.objects.count() == 1
    add_up_costs(now=at(71))
    assert CostHour.objects.get().usd == CostMinute.objects.get().usd == usd_until(at(71)) == 1


def test_a_figure_takes_as_many_queries_however_many_minutes_there_are(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ended(10, "1", tags={"n": "1"})
    add_up_costs(now=at(15))
    for now in (15, 45):
        forget_all()
        with django_assert_num_queries(15):
            ledger = ledger_until(at(now))
            _ = (ledger.cells, ledger.tags)
        for minutes in range(15, 40):
            ended(minutes, "1", tags={"n": str(minutes)})
        add_up_costs(now=at(45))


@contextmanager
def another_writes(attempt: Attempt, usd: int, until: threading.Event) -> Iterator[None]:
    """Somebody who has written an end of minute 30, and has not ended his transaction until the event."""
    wrote = threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                Attempt.objects.filter(pk=attempt.pk).update(
                    ended_at=at(30), stopped_at=at(30), cost_usd=usd
                )
                wrote.set()
                assert until.wait(30)
        finally:
            connections.close_all()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert wrote.wait(30)
        yield
    finally:
        until.set()
        thread.join(30)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_what_is_being_written_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = a_running_attempt(started_at=at(0))
    until = threading.Event()

    def looks() -> bool:
        until.set()
        return written.all_is_written()

    monkeypatch.setattr(rollup, "all_is_written", looks)
    with another_writes(attempt, 7, until):
        add_up_costs(now=at(40))
    assert usd_until(at(40)) == 7
    add_up_costs(now=at(40))
    assert CostMinute.objects.get().usd == 7


if connection.vendor == "postgresql":

    @pytest.mark.django_db(transaction=True)
    def test_nothing_is_added_up_while_somebody_is_held_up_in_writing(
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(written, "PAUSE_SECONDS", 0.001)
        ended(29, "1")
        attempt = a_running_attempt(started_at=at(0))
        until = threading.Event()
        with another_writes(attempt, 7, until):
            assert not add_up_costs(now=at(40))
            assert not CostHour.objects.exists()
            assert not CostMinute.objects.exists()
        add_up_costs(now=at(40))
        assert sum(row.usd for row in CostMinute.objects.all()) == 8
        assert CostMark.objects.get(name=MINUTES.mark).until == at(38)
