"""What must hold over many passes: no head is delayed, nobody starves, shares get what they weigh."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.scheduling.snapshot import FairShareView, JobView
from tests.scheduling.simulation import Simulation, start_alone
from tests.scheduling.views import a_job, a_node, a_queue, a_snapshot, an_environment

QUEUES = (a_queue(1, priority=2, environments=(1, 2)), a_queue(2, priority=1, environments=(2,)))


@st.composite
def rooms_full_of_work(draw: st.DrawFn) -> Simulation:
    """Every job has a time limit and ends within it; some of another queue would like to slip in."""
    nodes = tuple(
        a_node(id_, vcpus=draw(st.integers(2, 6)), memory_mib=10_000)
        for id_ in range(1, draw(st.integers(1, 3)) + 1)
    )
    ids = tuple(node.id for node in nodes)
    environments = (
        an_environment(1, nodes=ids, max_vcpus=draw(st.none() | st.integers(3, 10))),
        an_environment(2, nodes=ids[-1:]),
    )
    jobs, parts = [], {}
    for number in range(1, draw(st.integers(2, 25)) + 1):
        job = a_job(
            number,
            queue=draw(st.sampled_from((1, 1, 2))),
            vcpus=draw(st.integers(1, 5)),
            nodes=draw(st.sampled_from((1, 1, 1, 2))),
            limit=draw(st.integers(60, 600)),
        )
        jobs.append(job)
        # How much of its limit, and of the time it has to stop, it takes.
        parts[job.id] = draw(st.floats(0.01, 1.0))
    room = a_snapshot(nodes=nodes, environments=environments, queues=QUEUES)
    return Simulation(room, jobs, lambda job: ((job.limit_seconds or 0) + 30) * parts[job.id])


def run_to_the_end(simulation: Simulation, watch: Callable[[], None]) -> None:
    """Until nothing runs and nothing more starts."""
    while True:
        watch()
        idle, before = not simulation.running, len(simulation.waiting)
        simulation.step()
        if idle and len(simulation.waiting) == before:
            return


@given(rooms_full_of_work())
def test_no_head_starts_later_than_if_it_had_all_to_itself_from_now_on(
    simulation: Simulation,
) -> None:
    promised: dict[UUID, datetime] = {}

    def watch() -> None:
        # The first of the first queue that can run at all.
        for job in sorted(simulation.waiting, key=lambda job: job.id):
            if job.queue_id != 1:
                continue
            start = start_alone(simulation.snapshot(), job, simulation.now)
            if start is not None:
                promised[job.id] = min(start, promised.get(job.id, start))
                return

    run_to_the_end(simulation, watch)
    for job_id, moment in promised.items():
        assert simulation.started[job_id] <= moment


@given(rooms_full_of_work())
def test_every_job_that_can_run_at_all_runs(simulation: Simulation) -> None:
    everybody = list(simulation.waiting)
    run_to_the_end(simulation, lambda: None)
    for job in everybody:
        if job.id not in simulation.started:
            assert start_alone(simulation.snapshot(), job, simulation.now) is None


@pytest.mark.parametrize(
    ("weights", "parts"),
    [
        ((), {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}),
        ((("a", 0.5), ("b", 1.0), ("c", 1.0)), {"a": 0.5, "b": 0.25, "c": 0.25}),
        ((("a", 0.125), ("b*", 0.5)), {"a": 8 / 11, "b": 2 / 11, "c": 1 / 11}),
    ],
)
def test_shares_that_always_have_work_get_what_they_weigh(
    weights: tuple[tuple[str, float], ...], parts: dict[str, float]
) -> None:
    queue = a_queue(fair_share=FairShareView(decay_seconds=3600, weights=weights))
    room = a_snapshot(nodes=(a_node(vcpus=8, memory_mib=10**6),), queues=(queue,))
    number = 0

    def more_of(share: str) -> JobView:
        nonlocal number
        number += 1
        # Jobs of one share are wide, those of another long: only what they use counts.
        return a_job(number, vcpus=2 if share == "a" else 1, share=share)

    lengths = {"a": 50.0, "b": 170.0, "c": 90.0}
    simulation = Simulation(room, [], lambda job: lengths[job.share_identifier])
    for _ in range(1500):
        for share in lengths:
            waiting = sum(1 for job in simulation.waiting if job.share_identifier == share)
            simulation.waiting += [more_of(share) for _ in range(8 - waiting)]
        simulation.step()
    total = sum(simulation.milli_vcpu_seconds.values())
    got = {share: amount / total for share, amount in simulation.milli_vcpu_seconds.items()}
    assert got == pytest.approx(parts, abs=0.05)
