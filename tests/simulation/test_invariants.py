"""What holds in any simulation: nothing is ever over its capacity, every job ends, the same seed gives the same."""

import math
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.domain.resources import Resources
from jobs.scheduling.plan import Plan
from jobs.scheduling.simulation.generate import KINDS, day_curve, generate
from jobs.scheduling.simulation.options import strategies_of
from jobs.scheduling.simulation.replay import Replay, simulate
from jobs.scheduling.simulation.scenario import Scenario
from jobs.scheduling.simulation.workload import Task, Workload, a_workload
from jobs.scheduling.snapshot import Kind, Snapshot
from tests.simulation.workloads import a_scenario, a_task, a_type

TYPES = (
    a_type("a.large", 2, "0.4", "0.1"),
    a_type("a.xlarge", 4, "0.8", "0.2"),
    a_type("b.xlarge", 4, "0.7", "0.3"),
)
NOTHING = Resources(0, 0)


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    tasks: list[Task] = []
    for _ in range(draw(st.integers(1, 30))):
        seconds = draw(st.integers(1, 3000))
        tasks.append(
            a_task(
                draw(st.integers(0, 2000)),
                seconds,
                vcpus=draw(st.sampled_from((0.25, 1, 2, 4))),
                attempts=draw(st.integers(1, 3)),
                definition=draw(st.sampled_from("ab")),
                limit_seconds=draw(st.none() | st.just(max(60, seconds))),
                share=draw(st.sampled_from(("", "x", "y"))),
            )
        )
    return a_workload(tasks)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    kind = draw(st.sampled_from(Kind))
    nodes = draw(st.integers(1, 3))
    return a_scenario(
        kind=kind,
        vcpus=draw(st.sampled_from((4, 8))),
        nodes=nodes,
        types=TYPES if kind.has_instances else (),
        strategy=draw(st.sampled_from(strategies_of(kind) or ("",))),
        max_milli_vcpus=draw(st.none() | st.integers(4000, 8000)),
        idle_seconds=draw(st.sampled_from((0, 60, 300))),
        notice_seconds=draw(st.sampled_from((0, 120))),
        checkpoint_seconds=draw(st.none() | st.just(60.0)),
        pass_seconds=draw(st.sampled_from((1.0, 30.0))),
    )


def is_within_capacity(snapshot: Snapshot, scenario: Scenario) -> bool:
    """By what runs alone: no figure that the simulation keeps is believed."""
    held: dict[int, Resources] = defaultdict(lambda: NOTHING)
    for run in snapshot.running:
        held[run.node_id] += run.holds
    for instance in snapshot.instances:
        assert held[instance.place_id] == instance.used
        if not instance.used.fits_in(instance.type.size):
            return False
        held[instance.node_id] += instance.type.size
    for node in snapshot.nodes:
        assert held[node.id] == node.used
    live = sum(instance.type.size.milli_vcpus for instance in snapshot.instances)
    return live <= scenario.most_milli_vcpus and all(
        node.used.fits_in(node.capacity) for node in snapshot.nodes
    )


@given(workloads(), scenarios())
@settings(max_examples=60, deadline=None)
def test_nothing_is_ever_over_its_capacity_and_every_job_ends(
    workload: Workload, scenario: Scenario
) -> None:
    def watch(snapshot: Snapshot, plan: Plan) -> None:
        del plan
        assert is_within_capacity(snapshot, scenario)

    outcome = Replay(workload, scenario, watch).run()
    assert outcome.unfinished == 0
    assert outcome.done + outcome.failed == len(workload.tasks)
    assert 0 <= outcome.idle_share < 1
    assert 0 <= outcome.usd <= outcome.on_demand_usd
    assert outcome.failed <= outcome.interruptions
    assert outcome.waits.median <= outcome.waits.p95 <= outcome.waits.longest


@given(workloads(), scenarios(), st.integers(40, 100))
@settings(max_examples=20, deadline=None)
def test_nothing_is_over_its_capacity_beside_other_work(
    workload: Workload, scenario: Scenario, bid: int
) -> None:
    """Who has only what others leave may wait for long, so it is left alone after some hours."""

    def watch(snapshot: Snapshot, plan: Plan) -> None:
        del plan
        assert is_within_capacity(snapshot, scenario)

    scenario = replace(scenario, on_demand_load=(0.3, 0.6), bid_percentage=bid, pass_seconds=30.0)
    replay = Replay(workload, scenario, watch)
    replay._patience = 10_000
    outcome = replay.run()
    assert outcome.done + outcome.failed + outcome.unfinished == len(workload.tasks)


@given(workloads(), scenarios())
@settings(max_examples=20, deadline=None)
def test_the_same_workload_and_scenario_give_the_same_outcome(
    workload: Workload, scenario: Scenario
) -> None:
    assert simulate(workload, scenario) == simulate(workload, scenario)


@given(
    st.integers(0, 1000),
    st.lists(st.integers(55, 100), min_size=2, max_size=2, unique=True).map(sorted),
)
@settings(max_examples=10, deadline=None)
def test_a_higher_bid_is_interrupted_no_sooner_by_the_same_prices(
    seed: int, bids: list[int]
) -> None:
    """Up to the first interruption both see the very same."""
    low, high = (_first_interruption(seed, bid) for bid in bids)
    assert low <= high


def _first_interruption(seed: int, bid: int) -> float:
    """Of one job beside much other work; infinite if it never is within some hours."""
    scenario = a_scenario(
        vcpus=32,
        nodes=2,
        kind=Kind.SPOT,
        strategy="BEST_FIT",
        types=TYPES[:1],
        bid_percentage=bid,
        on_demand_load=(0.5, 0.8),
        pass_seconds=30.0,
        seed=seed,
    )
    found: list[float] = []

    def watch(snapshot: Snapshot, plan: Plan) -> None:
        del snapshot
        found.extend((plan.at - workload.starts_at).total_seconds() for _ in plan.drains)

    workload = a_workload([a_task(0, 10_000, vcpus=2)])
    replay = Replay(workload, scenario, watch)
    replay._patience = 10_000
    replay.run()
    return min(found, default=math.inf)


@pytest.mark.parametrize("strategy", ["BEST_FIT", "SPOT_CAPACITY_OPTIMIZED"])
def test_a_generated_day_ends_within_it_or_soon_after(strategy: str) -> None:
    workload = generate(jobs=300, days=1, seed=7, attempts=10)
    scenario = a_scenario(
        vcpus=32,
        nodes=2,
        kind=Kind.SPOT,
        strategy=strategy,
        types=(*TYPES, a_type("a.4xlarge", 16, "3.2", "0.8")),
        on_demand_load=(0.1, 0.4),
        checkpoint_seconds=60.0,
        pass_seconds=30.0,
    )
    outcome = simulate(workload, scenario)
    assert outcome.unfinished == 0
    assert outcome.usd < outcome.on_demand_usd


def test_the_same_seed_gives_the_same_jobs_and_another_others() -> None:
    first = generate(jobs=500, days=7, seed=3)
    assert first == generate(jobs=500, days=7, seed=3)
    assert first != generate(jobs=500, days=7, seed=4)
    assert len(first.tasks) == 500
    assert list(first.tasks) == sorted(first.tasks, key=lambda task: task.submitted)
    assert first.tasks[0].submitted >= 0
    assert first.span_seconds <= 7 * 86_400


def test_generated_days_are_busier_than_nights_and_weekends() -> None:
    tasks = generate(jobs=5000, days=7, seed=1).tasks
    by_day = [sum(1 for task in tasks if task.submitted // 86_400 == day) for day in range(7)]
    assert min(by_day[:5]) > max(by_day[5:])
    noon = sum(1 for task in tasks if 12 <= task.submitted % 86_400 / 3600 < 16)
    night = sum(1 for task in tasks if task.submitted % 86_400 / 3600 < 4)
    assert noon > 2 * night
    assert 0 < day_curve(2 * 3600) < day_curve(14 * 3600)


def test_run_times_have_the_medians_of_their_kinds() -> None:
    tasks = generate(jobs=20_000, days=7, seed=1).tasks
    for kind in KINDS:
        seconds = sorted(task.run_seconds for task in tasks if task.definition == kind.name)
        assert seconds[len(seconds) // 2] == pytest.approx(kind.median_seconds, rel=0.35)


def test_other_work_takes_its_share_of_the_machines() -> None:
    """With nothing else to do the load is what was asked for, in the mean."""
    scenario = a_scenario(vcpus=64, nodes=4, on_demand_load=(0.5, 0.5), pass_seconds=60.0)
    used: list[int] = []

    def watch(snapshot: Snapshot, plan: Plan) -> None:
        del plan
        used.append(sum(run.holds.milli_vcpus for run in snapshot.running))

    # One long job keeps the simulation going.
    Replay(a_workload([a_task(0, 86_400)]), scenario, watch).run()
    settled = used[len(used) // 4 :]
    assert sum(settled) / len(settled) / scenario.total.milli_vcpus == pytest.approx(0.5, abs=0.12)
