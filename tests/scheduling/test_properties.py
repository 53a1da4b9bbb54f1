"""What must hold for every snapshot, whatever waits and runs."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from jobs.domain.resources import Resources
from jobs.scheduling.decide import decide
from jobs.scheduling.estimate import estimate
from jobs.scheduling.snapshot import (
    ConsumableView,
    FairShareView,
    JobView,
    NodeView,
    QueueView,
    RunningView,
    Snapshot,
)
from tests.scheduling.views import (
    NOTHING,
    NOW,
    a_job,
    a_node,
    a_queue,
    a_run,
    an_environment,
    placed,
)

SHARES = ("red", "green", "blue1", "blue2")


@st.composite
def nodes_with_runs(draw: st.DrawFn) -> tuple[tuple[NodeView, ...], tuple[RunningView, ...]]:
    nodes, running = [], []
    for id_ in range(1, draw(st.integers(1, 4)) + 1):
        vcpus, memory_mib = draw(st.integers(1, 8)), draw(st.integers(4, 4096))
        used = Resources(draw(st.integers(0, vcpus * 1000)), draw(st.integers(0, memory_mib)))
        gpus = draw(st.integers(0, 2))
        nodes.append(a_node(id_, vcpus=vcpus, memory_mib=memory_mib, gpus=gpus, used=used))
        # Of some of what is used, the end is known.
        parts = draw(st.integers(0, 3))
        for _ in range(parts):
            run = a_run(
                node=id_,
                vcpus=used.milli_vcpus / 1000 / parts,
                memory_mib=used.memory_mib // parts,
                seconds_ago=draw(st.integers(0, 200)),
                limit=draw(st.none() | st.integers(60, 300)),
                estimate=draw(st.none() | st.floats(0, 300)),
                share=draw(st.sampled_from(SHARES)),
            )
            running.append(run)
    return tuple(nodes), tuple(running)


def fair_shares() -> st.SearchStrategy[FairShareView]:
    return st.builds(
        FairShareView,
        decay_seconds=st.sampled_from((0, 100, 604_800)),
        compute_reservation=st.sampled_from((0, 10, 50, 99)),
        weights=st.just((("red", 0.5), ("blue*", 4.0))),
        partial=st.frozensets(st.sampled_from(SHARES)),
    )


def jobs(queues: int) -> st.SearchStrategy[list[JobView]]:
    one = st.builds(
        a_job,
        st.just(0),
        queue=st.integers(1, queues),
        vcpus=st.integers(1, 32).map(lambda quarters: quarters / 4),
        memory_mib=st.integers(4, 5000),
        gpus=st.sampled_from((0, 0, 0, 1, 2)),
        nodes=st.sampled_from((1, 1, 1, 2, 3)),
        limit=st.none() | st.integers(60, 300),
        estimate=st.none() | st.floats(0, 300),
        share=st.sampled_from(SHARES),
        priority=st.integers(0, 2),
        consumables=st.sampled_from(
            ((), (), (("licence", 1),), (("licence", 3), ("token", 1)), (("ghost", 1),))
        ),
    )
    return st.lists(one, max_size=25)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    nodes, running = draw(nodes_with_runs())
    node_ids = [node.id for node in nodes]
    environments = tuple(
        an_environment(
            id_,
            nodes=tuple(draw(st.sets(st.sampled_from(node_ids), min_size=1))),
            enabled=draw(st.booleans()) or id_ == 1,
            max_vcpus=draw(st.none() | st.integers(1, 8)),
        )
        for id_ in range(1, draw(st.integers(1, 3)) + 1)
    )
    ids = [environment.id for environment in environments]
    queues: tuple[QueueView, ...] = tuple(
        a_queue(
            id_,
            priority=draw(st.integers(0, 2)),
            environments=tuple(draw(st.lists(st.sampled_from(ids), unique=True, max_size=3))),
            backfill=draw(st.booleans()),
            fair_share=draw(st.none() | fair_shares()),
            has_more=draw(st.booleans()),
        )
        for id_ in range(1, draw(st.integers(1, 3)) + 1)
    )
    waiting = [
        JobView(**{**_fields(job), "id": a_job(number).id})  # type: ignore[arg-type]
        for number, job in enumerate(draw(jobs(len(queues))), start=1)
    ]
    consumables = (
        ConsumableView("licence", total=4, free=draw(st.integers(0, 4))),
        ConsumableView("token", total=2, free=draw(st.integers(0, 2)), replenishable=False),
    )
    return Snapshot(nodes, environments, queues, tuple(waiting), running, consumables)


def _fields(job: JobView) -> dict[str, object]:
    return {name: getattr(job, name) for name in JobView.__dataclass_fields__}


@given(snapshots())
def test_nothing_is_ever_overfilled(snapshot: Snapshot) -> None:
    plan = decide(snapshot, NOW)
    on_node: dict[int, Resources] = defaultdict(lambda: NOTHING)
    in_environment: dict[int, int] = defaultdict(int)
    taken: Counter[str] = Counter()
    for placement in plan.placements:
        parts = placement.job.parts
        for node_id, part in zip(placement.node_ids, parts, strict=True):
            on_node[node_id] += part
            in_environment[placement.environment_id] += part.milli_vcpus
        taken.update(dict(placement.job.consumables))
    for node in snapshot.nodes:
        assert (node.used + on_node[node.id]).fits_in(node.capacity)
    for environment in snapshot.environments:
        if environment.max_milli_vcpus is not None:
            used = environment.used_milli_vcpus + in_environment[environment.id]
            assert used <= environment.max_milli_vcpus
        if not environment.enabled:
            assert not in_environment[environment.id]
    assert all(taken[view.name] <= view.free for view in snapshot.consumables)
    assert not taken["ghost"]


@given(snapshots())
def test_all_nodes_of_a_job_go_to_machines_of_one_of_its_queues_environments(
    snapshot: Snapshot,
) -> None:
    environments = {environment.id: environment for environment in snapshot.environments}
    queues = {queue.id: queue for queue in snapshot.queues}
    for placement in decide(snapshot, NOW).placements:
        assert placement.environment_id in queues[placement.job.queue_id].environment_ids
        assert set(placement.node_ids) <= set(environments[placement.environment_id].node_ids)
        assert len(placement.node_ids) == len(placement.job.parts)


@given(snapshots())
def test_every_job_is_placed_once_or_told_why_not(snapshot: Snapshot) -> None:
    plan = decide(snapshot, NOW)
    answered = Counter(placed(plan) + [wait.job_id.int for wait in plan.waits])
    assert set(answered.values()) <= {1}
    assert all(wait.reason.startswith(wait.code) for wait in plan.waits)
    fair = {queue.id for queue in snapshot.queues if queue.fair_share}
    for job in snapshot.jobs:
        # Only a fair-share queue ends before its end, where the next job is not in the snapshot.
        assert answered[job.id.int] == 1 or job.queue_id in fair


@given(snapshots())
def test_another_pass_is_due_only_after_one_that_placed_something(snapshot: Snapshot) -> None:
    """Else passes would follow each other without end."""
    plan = decide(snapshot, NOW)
    assert plan.placements or not plan.more


@given(snapshots())
def test_the_same_snapshot_gives_the_same_plan_and_the_same_estimates(snapshot: Snapshot) -> None:
    shuffled = Snapshot(
        snapshot.nodes,
        snapshot.environments,
        snapshot.queues,
        tuple(reversed(snapshot.jobs)),
        tuple(reversed(snapshot.running)),
        snapshot.consumables,
    )
    assert decide(snapshot, NOW) == decide(shuffled, NOW)
    assert estimate(snapshot, NOW) == estimate(shuffled, NOW)


@given(snapshots())
def test_no_estimate_lies_in_the_past(snapshot: Snapshot) -> None:
    starts = estimate(snapshot, NOW)
    assert all(start >= NOW for start in starts.values())
    assert set(starts) <= {job.id for job in snapshot.jobs}
