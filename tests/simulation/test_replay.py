"""Small workloads that were worked out by hand: waits, cost and interruptions are exactly these."""

from decimal import Decimal

import pytest

from jobs.scheduling.plan import EndCause, Plan
from jobs.scheduling.simulation.replay import Replay, What, simulate
from jobs.scheduling.simulation.scenario import Scenario
from jobs.scheduling.simulation.workload import QueueModel, Task, a_workload
from jobs.scheduling.snapshot import FairShareView, Kind, Snapshot
from tests.simulation.workloads import HOUR, a_scenario, a_task, a_type, on_instances


@pytest.mark.parametrize(
    ("tasks", "waits"),
    [
        # Two fit at once, the third takes the place of the first.
        ([a_task(0, 100, vcpus=2), a_task(0, 300, vcpus=2), a_task(10, 50, vcpus=2)], (0, 0, 90)),
        # An empty machine is taken at once, whenever the job comes.
        ([a_task(0, 10, vcpus=4), a_task(500, 10, vcpus=4)], (0, 0)),
        # First in, first out: the large one keeps its place before the small one.
        ([a_task(0, 100, vcpus=3), a_task(1, 100, vcpus=4), a_task(2, 500)], (0, 99, 198)),
        # With a time limit, and half a minute to stop, the small one is known to be over before: it may pass.
        (
            [
                a_task(0, 200, vcpus=3, limit_seconds=200),
                a_task(1, 100, vcpus=4),
                a_task(2, 60, limit_seconds=60),
            ],
            (0, 199, 0),
        ),
    ],
)
def test_jobs_wait_as_long_as_the_scheduler_would_let_them(
    tasks: list[Task], waits: tuple[float, ...]
) -> None:
    outcome = simulate(a_workload(tasks), a_scenario(vcpus=4))
    assert outcome.done == len(tasks)
    assert outcome.waits.longest == max(waits)
    assert outcome.waits.mean == pytest.approx(sum(waits) / len(waits))


def test_a_burst_waits_for_one_pass_together() -> None:
    tasks = [a_task(0, 5), a_task(3, 5), a_task(7, 5)]
    outcome = simulate(a_workload(tasks), a_scenario(pass_seconds=10.0))
    # The first is acted on at once, the others ten seconds later.
    assert (outcome.waits.median, outcome.waits.longest) == (3, 7)


@pytest.mark.parametrize(
    ("scenario", "usd", "on_demand_usd"),
    [
        # 2 vCPUs for an hour, and a minute at least for the run of one second.
        (a_scenario(), "2.016666667", "2.016666667"),
        (a_scenario(kind=Kind.FARGATE), "2.016666667", "2.016666667"),
        # At most half of the engine is asked for: 30 % of that.
        (a_scenario(kind=Kind.FARGATE_SPOT), "0.605000000", "2.016666667"),
        # One instance at 4 dollars an hour: until the hour is over and 300 seconds more.
        (on_instances(Kind.EC2, a_type("m.large", 2, "4")), "4.333333333", "4.333333333"),
        (
            on_instances(Kind.EC2, a_type("m.large", 2, "4"), idle_seconds=0),
            # The run of a second at 3600 takes the place of the first in the same moment.
            "4.001111111",
            "4.001111111",
        ),
        (
            on_instances(Kind.SPOT, a_type("m.large", 2, "4", "1")),
            "1.083333333",
            "4.333333333",
        ),
    ],
)
def test_the_cost_is_what_was_worked_out_by_hand(
    scenario: Scenario, usd: str, on_demand_usd: str
) -> None:
    tasks = [a_task(0, HOUR, vcpus=2), a_task(HOUR, 1)]
    if not scenario.kind.has_instances or scenario.idle_seconds:
        tasks = tasks if not scenario.kind.has_instances else tasks[:1]
    outcome = simulate(a_workload(tasks), scenario)
    assert outcome.usd == Decimal(usd)
    assert outcome.on_demand_usd == Decimal(on_demand_usd)
    assert outcome.saving_usd == Decimal(on_demand_usd) - Decimal(usd)


def test_idle_time_of_instances_is_counted() -> None:
    # 2 vCPUs for 100 seconds, of which one is used, and 300 seconds of nothing.
    scenario = on_instances(Kind.EC2, a_type("m.large", 2, "3.6"))
    outcome = simulate(a_workload([a_task(0, 100)]), scenario)
    assert outcome.instances == 1
    assert outcome.instance_hours == pytest.approx(400 / HOUR)
    assert outcome.idle_share == pytest.approx(1 - 100 / 800)
    assert outcome.usd == Decimal("0.4")


def test_instances_of_the_minimum_stay_until_the_last_idle_clock_has_run_out() -> None:
    scenario = on_instances(Kind.EC2, a_type("m.large", 2, "3.6"), min_milli_vcpus=4000)
    outcome = simulate(a_workload([a_task(0, 10), a_task(1000, 10)]), scenario)
    assert outcome.instances == 2
    assert outcome.instance_hours == pytest.approx(2 * 1310 / HOUR)


@pytest.mark.parametrize(
    ("checkpoint_seconds", "lost_seconds", "done"),
    [(None, 620, False), (100, 20, True)],
)
def test_who_is_interrupted_loses_what_was_not_saved(
    checkpoint_seconds: float | None, lost_seconds: float, done: bool
) -> None:
    scenario = on_instances(
        Kind.SPOT,
        a_type("m.large", 4, "4", "1"),
        vcpus=4,
        on_demand_load=(0.0, 0.0),
        checkpoint_seconds=checkpoint_seconds,
    )
    replay = _InterruptedOnce(
        a_workload([a_task(0, 700, vcpus=4, attempts=2 if done else 1)]), scenario
    )
    outcome = replay.run()
    assert outcome.interruptions == 1
    assert outcome.lost_vcpu_hours == pytest.approx(4 * lost_seconds / HOUR)
    assert (outcome.done, outcome.failed) == (int(done), int(not done))
    if done:
        # 600 of 700 seconds were saved; the rest begins in the moment of the kill.
        assert outcome.turnarounds.longest == 620 + 100


class _InterruptedOnce(Replay):
    """What is placed first is told at 500 seconds that it will be killed 120 seconds later."""

    def _apply(self, plan: Plan) -> None:
        super()._apply(plan)
        instances = list(self._fleet.instances.values())
        if plan.placements and not self._ledger.interruptions and self._now == 0:
            self._fleet.drain(instances[0], 620.0)
            self._later(620.0, What.KILL, instances[0])


def test_on_demand_work_interrupts_spot_work_of_whose_room_it_has_need() -> None:
    causes: list[EndCause] = []

    def watch(snapshot: Snapshot, plan: Plan) -> None:
        causes.extend(drain.cause for drain in plan.drains)

    scenario = on_instances(
        Kind.SPOT, a_type("m.large", 2, "4", "1"), vcpus=8, on_demand_load=(0.4, 0.4)
    )
    tasks = [a_task(60 * number, 1800, vcpus=2, attempts=10) for number in range(60)]
    outcome = Replay(a_workload(tasks), scenario, watch).run()
    assert outcome.done == len(tasks)
    assert EndCause.INTERRUPTED_FOR_ROOM in causes
    assert outcome.interruptions > 0


def test_a_job_that_nothing_could_hold_is_named_with_its_reason() -> None:
    tasks = [a_task(0, 10), a_task(0, 10, vcpus=64)]
    outcome = simulate(a_workload(tasks), a_scenario(vcpus=4))
    assert (outcome.done, outcome.unfinished) == (1, 1)
    assert "64 vCPU" in outcome.why_unfinished


def test_a_run_beyond_its_time_limit_fails_there() -> None:
    outcome = simulate(a_workload([a_task(0, 100, limit_seconds=60)]), a_scenario())
    assert (outcome.failed, outcome.turnarounds.longest) == (1, 60)


def test_a_queue_of_higher_priority_goes_first() -> None:
    queues = [QueueModel("low", 1), QueueModel("high", 2)]
    tasks = [
        a_task(0, 100, vcpus=4, queue="low"),
        *(a_task(1, 100, vcpus=4, queue=name) for name in ("low", "high")),
    ]
    outcome = simulate(a_workload(tasks, queues=queues), a_scenario(vcpus=4))
    waits = dict(outcome.waits_by_queue)
    assert waits["high"].longest == 99
    assert waits["low"].longest == 199


def test_shares_take_turns() -> None:
    queues = [QueueModel("shared", 1, fair_share=FairShareView(decay_seconds=3600))]
    tasks = [
        *(a_task(0, 100, vcpus=4, queue="shared", share="many") for _ in range(4)),
        a_task(0, 100, vcpus=4, queue="shared", share="few"),
    ]
    outcome = simulate(a_workload(tasks, queues=queues), a_scenario(vcpus=4))
    # The one of the other share is second, though it came last.
    assert outcome.waits.mean == pytest.approx((0 + 100 + 200 + 300 + 400) / 5)
    assert outcome.done == 5


def test_nothing_at_all_is_over_at_once() -> None:
    outcome = simulate(a_workload([]), a_scenario())
    assert (outcome.jobs, outcome.done, outcome.usd) == (0, 0, Decimal(0))
