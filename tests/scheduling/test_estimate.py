"""When waiting jobs will start, as far as anybody can tell."""

from datetime import timedelta

import pytest

from jobs.domain.resources import Resources
from jobs.scheduling.estimate import estimate
from jobs.scheduling.snapshot import ConsumableView, JobView, Snapshot
from tests.scheduling.views import (
    NOW,
    a_job,
    a_node,
    a_queue,
    a_run,
    a_snapshot,
    an_environment,
)


def starts(snapshot: Snapshot) -> dict[int, int]:
    """Seconds from now by job."""
    return {
        job_id.int: int((start - NOW) / timedelta(seconds=1))
        for job_id, start in estimate(snapshot, NOW).items()
    }


FULL = (a_node(used=Resources(4000, 512)),)


def test_a_job_that_fits_starts_now() -> None:
    assert starts(a_snapshot(a_job(1))) == {1: 0}


def test_jobs_follow_each_other_as_long_as_their_like_ran_before() -> None:
    jobs = [a_job(n, vcpus=4, estimate=100.0) for n in (1, 2, 3)]
    running = (a_run(vcpus=4, seconds_ago=40, estimate=100.0),)
    assert starts(a_snapshot(*jobs, nodes=FULL, running=running)) == {1: 60, 2: 160, 3: 260}


@pytest.mark.parametrize(
    ("limit", "estimate", "expected"),
    [(600, None, 630), (600, 100.0, 100), (None, 100.0, 100), (60, 500.0, 90), (None, None, None)],
)
def test_earlier_runs_tell_more_than_a_time_limit(
    limit: int | None, estimate: float | None, expected: int | None
) -> None:
    running = (a_run(vcpus=4, limit=limit, estimate=estimate),)
    found = starts(a_snapshot(a_job(1), nodes=FULL, running=running))
    assert found == ({} if expected is None else {1: expected})


@pytest.mark.parametrize(
    ("seconds_ago", "outlived", "limit", "expected"),
    [
        (25, 90.0, None, 65),
        (25, 90.0, 30, 35),
        (25, None, None, 25),
        (95, 90.0, None, 95),
    ],
)
def test_what_runs_longer_than_usual_ends_as_those_did_that_ran_so_long(
    seconds_ago: int, outlived: float | None, limit: int | None, expected: int
) -> None:
    """Where none ran so long, it is taken to be in the middle of its run."""
    running = (
        a_run(vcpus=4, seconds_ago=seconds_ago, estimate=20.0, outlived=outlived, limit=limit),
    )
    assert starts(a_snapshot(a_job(1), nodes=FULL, running=running)) == {1: expected}


def test_small_jobs_fill_gaps_where_the_queue_lets_them() -> None:
    jobs = (a_job(1, vcpus=4, estimate=50.0), a_job(2, vcpus=1, estimate=50.0))
    nodes = (a_node(used=Resources(2000, 512)),)
    running = (a_run(vcpus=2, estimate=100.0),)
    backfilled = a_snapshot(*jobs, nodes=nodes, running=running)
    assert starts(backfilled) == {1: 100, 2: 0}
    strict = a_snapshot(*jobs, nodes=nodes, running=running, queues=(a_queue(backfill=False),))
    assert starts(strict) == {1: 100, 2: 150}


def test_behind_a_head_of_which_nobody_can_tell_nobody_can_tell_either() -> None:
    jobs = (a_job(1, vcpus=64), a_job(2))
    assert starts(a_snapshot(*jobs, queues=(a_queue(backfill=False),))) == {}
    assert starts(a_snapshot(*jobs)) == {2: 0}


def test_a_job_that_waits_for_a_resource_starts_nobody_knows_when() -> None:
    jobs = [a_job(n, consumables=(("licence", 2),)) for n in (1, 2)]
    licence = ConsumableView("licence", total=3, free=3)
    assert starts(a_snapshot(*jobs, consumables=(licence,))) == {1: 0}


def test_an_environments_maximum_delays_too() -> None:
    environments = (an_environment(max_vcpus=2, used_milli_vcpus=1000),)
    nodes = (a_node(used=Resources(1000, 512)),)
    snapshot = a_snapshot(
        a_job(1, vcpus=2),
        nodes=nodes,
        environments=environments,
        running=(a_run(estimate=30.0),),
    )
    assert starts(snapshot) == {1: 30}


def test_the_sooner_environment_counts() -> None:
    snapshot = a_snapshot(
        a_job(1),
        nodes=(*FULL, a_node(2, used=Resources(4000, 512))),
        environments=(an_environment(1), an_environment(2, nodes=(2,))),
        queues=(a_queue(environments=(1, 2)),),
        running=(
            a_run(vcpus=4, estimate=90.0),
            a_run(node=2, environment=2, vcpus=4, estimate=9.0),
        ),
    )
    assert starts(snapshot) == {1: 9}


def test_many_jobs_are_searched_in_steps_and_still_find_their_place() -> None:
    """More moments than are tried one by one."""
    jobs: list[JobView] = [a_job(n, vcpus=4, estimate=10.0) for n in range(1, 301)]
    running = (a_run(vcpus=4, estimate=10.0),)
    found = starts(a_snapshot(*jobs, nodes=FULL, running=running))
    assert found == {n: 10 * n for n in range(1, 301)}


def test_a_start_that_is_decades_away_is_no_estimate() -> None:
    running = (a_run(vcpus=4, estimate=1e12),)
    assert starts(a_snapshot(a_job(1), nodes=FULL, running=running)) == {}
