"""A look behind a front that is full of jobs that cannot start."""

from dataclasses import replace
from uuid import UUID

from jobs.domain.resources import Resources
from jobs.scheduling.decide import decide
from jobs.scheduling.scouts import Scouts
from jobs.scheduling.snapshot import JobView, Snapshot
from tests.scheduling.views import NOW, a_job, a_node, a_snapshot, codes, placed

NEVER_FITS = [a_job(n, vcpus=64) for n in (1, 2, 3)]


def scouted(number: int, vcpus: float = 1) -> JobView:
    return replace(a_job(number, vcpus=vcpus), scouted=True)


def learned(scouts: Scouts, snapshot: Snapshot) -> dict[int, int]:
    scouts.learn(snapshot, decide(snapshot, NOW))
    return {queue_id: id_.int for queue_id, id_ in scouts.behind.items()}


def test_a_scouted_job_starts_though_the_whole_front_waits_and_is_told_nothing_if_not() -> None:
    plan = decide(a_snapshot(*NEVER_FITS, scouted(50), scouted(51, vcpus=4)), NOW)
    assert placed(plan) == [50]
    assert set(codes(plan)) == {1, 2, 3}


def test_where_the_front_starts_those_right_behind_it_come_first() -> None:
    plan = decide(a_snapshot(a_job(1), scouted(50)), NOW)
    assert placed(plan) == [1]


def test_a_scouted_job_delays_no_head() -> None:
    nodes = (a_node(used=Resources(1000, 0)),)
    plan = decide(a_snapshot(a_job(1, vcpus=4), scouted(50), nodes=nodes), NOW)
    assert placed(plan) == []


def test_the_next_look_is_further_behind_and_from_the_front_again_at_the_end() -> None:
    scouts = Scouts()
    full = [scouted(n, vcpus=64) for n in (50, 51, 52)]
    assert learned(scouts, a_snapshot(*NEVER_FITS, *full)) == {1: 52}
    assert learned(scouts, a_snapshot(*NEVER_FITS, *full[:2])) == {}


def test_where_many_of_a_window_find_room_the_next_look_is_there_again() -> None:
    scouts = Scouts()
    scouts.behind = {1: UUID(int=40)}
    window = [scouted(50), scouted(51), scouted(52, vcpus=64)]
    assert learned(scouts, a_snapshot(*NEVER_FITS, *window)) == {1: 40}


def test_without_scouted_jobs_nothing_is_remembered() -> None:
    scouts = Scouts()
    scouts.behind = {1: UUID(int=40)}
    assert learned(scouts, a_snapshot(*NEVER_FITS)) == {}
