"""What is found of definitions' runs, when they are looked at, and how much is read for that."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs import queueing
from jobs.domain.states import JobStatus
from jobs.models import Capacity, CostHour, CostMark, RightSizing
from jobs.selectors import right_sizing as selectors
from jobs.services.costs.right_sizing import MARK, hand_over_stale, mark_stale, refresh
from jobs.services.passes.sweep import sweep
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_queue,
    an_array,
    an_attempt,
    containers_of,
)

from .runs import a_run, looked_at

pytestmark = pytest.mark.django_db
GIB = 1024


def test_the_use_of_all_revisions_counts_together() -> None:
    first = a_definition(name="work", milli_vcpus=2000, memory_mib=4 * GIB)
    second = a_definition(name="work", revision=2, milli_vcpus=2000, memory_mib=4 * GIB)
    for definition in (first, first, second, second, second):
        a_run(definition, [(300, 700), (900, 800)])
    other = a_run(a_definition(), [(2000, 4000)])
    found = looked_at(second)
    assert (found.measured_runs, found.samples) == (5, 10)
    assert (found.p50_milli_vcpus, found.p95_milli_vcpus, found.peak_milli_vcpus) == (300, 900, 900)
    assert (found.p50_memory_mib, found.peak_memory_mib) == (700, 800)
    assert (found.fitting_milli_vcpus, found.fitting_memory_mib) == (1000, 960)
    assert (found.usd, found.is_estimate) == (Decimal("0.50"), False)
    assert found.saving_usd is not None
    assert found.saving_usd > 0
    assert str(other.job_id) not in {run["job"] for run in found.runs}
    assert (found.runs[0]["revision"], found.runs[0]["p95_milli_vcpus"]) == (2, 900)


def test_arrays_children_are_runs_of_their_own() -> None:
    definition = a_definition()
    array = an_array(6, children=JobStatus.SUCCEEDED, definition=definition, attempts_made=1)
    for child in array.children.all():
        attempt = an_attempt(
            job=child, started_at=NOW - timedelta(minutes=9), ended_at=NOW, exit_code=0
        )
        attempt.usage_samples.create(at=NOW, milli_vcpus=100, memory_mib=100)
    found = looked_at(definition)
    assert (found.measured_runs, found.fitting_memory_mib) == (6, 128)


def test_too_few_runs_give_no_advice() -> None:
    definition = a_definition()
    for _ in range(4):
        a_run(definition)
    a_run(definition, [])
    found = looked_at(definition)
    assert (found.measured_runs, found.fitting_milli_vcpus, found.saving_usd) == (4, None, None)
    assert found.peak_memory_mib == 400


def test_a_run_that_ran_out_of_memory_needs_more() -> None:
    definition = a_definition(memory_mib=512)
    for _ in range(4):
        a_run(definition, [(900, 480)])
    a_run(definition, [(900, 100)], oom_killed=True, exit_code=137)
    found = looked_at(definition)
    assert (found.out_of_memory_runs, found.fitting_memory_mib) == (1, 640)
    assert found.saving_usd is not None
    assert found.saving_usd < 0


@pytest.mark.parametrize(
    ("definition", "attempt"),
    [({"extra": {"platformCapabilities": ["FARGATE"]}}, {}), ({}, {"capacity": Capacity.FARGATE})],
)
def test_on_fargate_one_of_its_sizes_fits(
    definition: dict[str, Any], attempt: dict[str, Any]
) -> None:
    of = a_definition(milli_vcpus=2000, memory_mib=4 * GIB, **definition)
    for _ in range(5):
        a_run(of, [(900, 800)], **attempt)
    found = looked_at(of)
    assert found.is_fargate
    assert (found.fitting_milli_vcpus, found.fitting_memory_mib) == (1000, 2 * GIB)


def test_jobs_of_several_containers_are_not_looked_at() -> None:
    definition = a_definition(ecs_properties=containers_of({"name": "a"}))
    for _ in range(5):
        a_run(definition)
    assert looked_at(definition).measured_runs == 0


def test_a_saving_on_the_newest_runs_is_told_of_all_that_the_jobs_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five of ten runs are looked at; half of their price is memory and vCPUs that nobody used."""
    monkeypatch.setattr(selectors, "RUNS", 5)
    definition = a_definition(milli_vcpus=2000, memory_mib=2 * GIB)
    attempts = [a_run(definition, [(1000, 850)]) for _ in range(10)]
    CostHour.objects.create(
        hour=NOW - timedelta(days=1),
        environment=attempts[0].environment,
        capacity=Capacity.UNMANAGED,
        queue=attempts[0].job.queue,
        definition=definition,
        owner=attempts[0].job.owner,
        attempts=10,
        usd=Decimal("1.00"),
    )
    found = looked_at(definition)
    # 850 x 1.2 = 1020, so 1 GiB and 1 vCPU: half of each.
    assert (found.fitting_milli_vcpus, found.fitting_memory_mib) == (1000, GIB)
    assert (found.is_estimate, found.usd, found.saving_usd) == (True, Decimal(1), Decimal("0.5"))


def test_older_runs_show_use_but_cost_nothing_of_the_last_thirty_days() -> None:
    definition = a_definition(milli_vcpus=2000)
    for _ in range(5):
        a_run(definition, ended_at=NOW - timedelta(days=31))
    found = looked_at(definition)
    assert (found.measured_runs, found.usd, found.saving_usd) == (5, Decimal(0), Decimal(0))
    assert found.fitting_milli_vcpus == 1000


def test_samples_are_bounded_and_one_long_run_does_not_stand_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selectors, "SAMPLES", 10)
    monkeypatch.setattr(selectors, "SAMPLES_OF_A_RUN", 2)
    definition = a_definition()
    for minute in range(7):
        a_run(definition, [(1, 1)] * 5 + [(9, 9)], ended_at=NOW - timedelta(minutes=minute))
    samples = selectors.samples_of(attempts=selectors.newest_runs(name=definition.name))
    assert [len(each) for each in samples.values()] == [2] * 5
    # The newest of each.
    assert all(each[0].memory_mib == 9 for each in samples.values())


@pytest.mark.parametrize("count", [1, 30])
def test_runs_are_found_by_as_many_queries_however_many_there_are(
    count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    definition, queue = a_definition(), a_queue()
    for _ in range(count):
        a_run(definition, [], job={"queue": queue})
    with django_assert_max_num_queries(5):
        found = selectors.newest_runs(name=definition.name)
        assert len(found) == count
        assert all(each.job.definition.revision for each in found)


def test_only_definitions_whose_jobs_have_ended_are_looked_at_again() -> None:
    quiet, busy, unused = a_definition(), a_definition(), a_definition()
    a_run(quiet)
    a_run(busy)
    a_job(definition=unused)
    mark_stale(now=NOW)
    for row in RightSizing.objects.all():
        refresh(row_id=row.pk, now=NOW)
    assert not RightSizing.objects.filter(stale_at__isnull=False).exists()
    later = NOW + timedelta(minutes=10)
    a_run(busy, ended_at=later - timedelta(minutes=1))
    mark_stale(now=later)
    stale = RightSizing.objects.filter(stale_at__isnull=False)
    assert [row.definition_name for row in stale] == [busy.name]
    tomorrow = NOW + timedelta(days=1, minutes=20)
    mark_stale(now=tomorrow)
    assert set(stale.values_list("definition_name", flat=True)) == {busy.name, quiet.name}


def test_between_two_looks_it_is_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    CostMark.objects.create(name=MARK, until=NOW)
    with django_assert_num_queries(1):
        mark_stale(now=NOW + timedelta(seconds=30))


def test_what_ends_while_it_is_looked_at_is_looked_at_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    definition = a_definition()
    a_run(definition)
    mark_stale(now=NOW)
    row = RightSizing.objects.get(definition_name=definition.name)
    later = NOW + timedelta(seconds=1)

    def meanwhile(**_: object) -> list[object]:
        RightSizing.objects.filter(pk=row.pk).update(stale_at=later)
        return []

    monkeypatch.setattr("jobs.services.costs.right_sizing.newest_runs", meanwhile)
    refresh(row_id=row.pk, now=NOW)
    row.refresh_from_db()
    assert (row.stale_at, row.computed_at) == (later, NOW)


def test_the_sweep_hands_over_what_is_stale_until_it_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed_over: list[list[int]] = []

    def enqueue(task: str, ids: Sequence[int]) -> None:
        if task == queueing.RIGHT_SIZE and ids:
            handed_over.append(list(ids))

    monkeypatch.setattr(queueing, "is_idle", lambda _: True)
    monkeypatch.setattr(queueing, "enqueue_after_commit", enqueue)
    definition = a_definition()
    a_run(definition)
    sweep(now=NOW)
    row = RightSizing.objects.get(definition_name=definition.name)
    sweep(now=NOW)
    refresh(row_id=row.pk, now=NOW)
    sweep(now=NOW)
    assert handed_over == [[row.pk], [row.pk]]
    row.refresh_from_db()
    assert (row.stale_at, row.measured_runs) == (None, 1)
    # What was done already, and what is gone.
    refresh(row_id=row.pk, now=NOW)
    refresh(row_id=row.pk + 1, now=NOW)


def test_while_workers_are_busy_nothing_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "is_idle", lambda _: False)
    a_run(a_definition())
    assert hand_over_stale(now=NOW) == 0
    assert RightSizing.objects.filter(stale_at=NOW).count() == 1


def test_what_a_revision_would_save_is_told_apart_from_jobs_that_asked_for_another_size() -> None:
    definition = a_definition(milli_vcpus=1000, memory_mib=GIB)
    for _ in range(4):
        a_run(definition, [(900, 850)])
    # Four times as much as fits: three quarters of 0.10 would be left over.
    a_run(definition, [(900, 850)], milli_vcpus=4000, memory_mib=4 * GIB)
    found = looked_at(definition)
    assert (found.fitting_milli_vcpus, found.fitting_memory_mib) == (1000, GIB)
    assert (found.saving_usd, found.overrides_saving_usd) == (Decimal(0), Decimal("0.075"))
