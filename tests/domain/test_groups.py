"""What the containers of one try may do next, as tables against the documented rules."""

from typing import Any

import pytest

from jobs.domain.groups import (
    Member,
    Place,
    Result,
    Step,
    next_step,
    verdict_of,
    waits_at_first,
)
from jobs.domain.plans import ContainerPlan, JobPlan, NodePlan, StartCondition

START, COMPLETE, SUCCESS = StartCondition


def container(name: str, *depends_on: tuple[str, StartCondition], essential: bool = True) -> Any:
    return ContainerPlan(
        name=name,
        image="busybox",
        command=(),
        environment=(),
        milli_vcpus=100,
        memory_mib=64,
        essential=essential,
        depends_on=depends_on,
    )


def on_one_node(*containers: ContainerPlan) -> JobPlan:
    return JobPlan((NodePlan(0, containers),))


def on_nodes(count: int, *, main: int = 0, containers: tuple[ContainerPlan, ...] = ()) -> JobPlan:
    each = containers or (container("default"),)
    return JobPlan(tuple(NodePlan(index, each) for index in range(count)), main)


# How a container stands, by a word.
STATES: dict[str, dict[str, Any]] = {
    "waits": {"waits": True},
    "launched": {},
    "runs": {"started": True},
    "asked": {"started": True, "asked_to_stop": True},
    "done": {"started": True, "ended": True, "exit_code": 0},
    "failed": {"started": True, "ended": True, "exit_code": 3},
    "lost": {"started": True, "ended": True, "lost": True},
    "refused": {"ended": True},
    "stopped": {
        "started": True,
        "ended": True,
        "exit_code": 143,
        "asked_to_stop": True,
        "was_stopped": True,
    },
    "terminated": {"started": True, "ended": True, "exit_code": 143, "was_stopped": True},
    "dropped": {"waits": True, "ended": True, "was_stopped": True},
    "failed late": {"started": True, "ended": True, "exit_code": 3, "asked_to_stop": True},
    "lost late": {"started": True, "ended": True, "lost": True, "asked_to_stop": True},
}


def members(plan: JobPlan, *states: str) -> list[Member]:
    places = [
        Place(node.index, index) for node in plan.nodes for index in range(len(node.containers))
    ]
    return [Member(place, **STATES[state]) for place, state in zip(places, states, strict=True)]


def step_of(plan: JobPlan, *states: str, stopping: bool = False) -> Step:
    return next_step(plan, members(plan, *states), stopping=stopping)


TWO = on_one_node(container("init", essential=False), container("app", ("init", SUCCESS)))


@pytest.mark.parametrize(
    ("condition", "other", "starts"),
    [
        (START, "launched", False),
        (START, "runs", True),
        (START, "done", True),
        (START, "failed", True),
        (COMPLETE, "launched", False),
        (COMPLETE, "runs", False),
        (COMPLETE, "done", True),
        (COMPLETE, "failed", True),
        (SUCCESS, "runs", False),
        (SUCCESS, "done", True),
    ],
)
def test_a_container_starts_when_its_condition_is_met(
    condition: StartCondition, other: str, starts: bool
) -> None:
    plan = on_one_node(container("init", essential=False), container("app", ("init", condition)))
    assert step_of(plan, other, "waits") == Step(start=(Place(0, 1),) if starts else ())


@pytest.mark.parametrize(
    ("condition", "other", "why"),
    [
        (SUCCESS, "failed", "app depends on init, which ended with exit code 3."),
        (SUCCESS, "refused", "app depends on init, which was not started."),
        (COMPLETE, "refused", "app depends on init, which was not started."),
        (START, "refused", "app depends on init, which was not started."),
    ],
)
def test_a_condition_that_can_never_be_met_ends_who_waits_for_it_in_words(
    condition: StartCondition, other: str, why: str
) -> None:
    plan = on_one_node(container("init", essential=False), container("app", ("init", condition)))
    step = step_of(plan, other, "waits")
    assert step.drop == ((Place(0, 1), f"CannotStartContainerError: {why}"),)
    assert step.start == ()


def test_what_depends_on_one_that_never_starts_never_starts_either() -> None:
    plan = on_one_node(
        container("init", essential=False),
        container("helper", ("init", SUCCESS), essential=False),
        container("second", ("helper", COMPLETE), essential=False),
        container("app"),
    )
    step = step_of(plan, "failed", "waits", "waits", "runs")
    assert [place for place, why in step.drop if why] == [Place(0, 1), Place(0, 2)]
    assert step.stop == ()


def test_an_essential_one_that_never_starts_ends_the_others() -> None:
    plan = on_one_node(
        container("init", essential=False),
        container("app", ("init", SUCCESS)),
        container("side"),
        container("late", ("app", START)),
    )
    step = step_of(plan, "failed", "waits", "runs", "waits")
    assert step.stop == (Place(0, 2),)
    assert [bool(why) for _, why in step.drop] == [True, False]


@pytest.mark.parametrize(
    ("states", "stop"),
    [
        (("done", "runs", "runs"), [1, 2]),
        (("failed", "runs", "launched"), [1, 2]),
        # Told already.
        (("failed", "asked", "runs"), [2]),
        # The third is not essential.
        (("runs", "runs", "failed"), []),
        (("runs", "runs", "refused"), []),
        (("refused", "runs", "runs"), [1, 2]),
        (("lost", "runs", "runs"), [1, 2]),
        (("runs", "runs", "lost"), [0, 1]),
    ],
)
def test_the_end_of_an_essential_container_stops_the_others_of_its_node(
    states: tuple[str, ...], stop: list[int]
) -> None:
    plan = on_one_node(container("a"), container("b"), container("c", essential=False))
    assert step_of(plan, *states) == Step(stop=tuple(Place(0, index) for index in stop))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("launched", "waits", "waits"), Step()),
        (("runs", "waits", "waits"), Step(start=(Place(1, 0), Place(2, 0)))),
        (("runs", "runs", "failed"), Step()),
        (("runs", "runs", "done"), Step()),
        # The main node's end is everybody's.
        (("done", "runs", "done"), Step(stop=(Place(1, 0),))),
        (("done", "runs", "waits"), Step(stop=(Place(1, 0),), drop=((Place(2, 0), ""),))),
        (("refused", "waits", "waits"), Step(drop=((Place(1, 0), ""), (Place(2, 0), "")))),
        # The nodes were promised to each other.
        (("runs", "lost", "runs"), Step(stop=(Place(0, 0), Place(2, 0)))),
        (("runs", "refused", "runs"), Step(stop=(Place(0, 0), Place(2, 0)))),
    ],
)
def test_nodes_wait_for_the_main_one_and_end_with_it(
    states: tuple[str, ...], expected: Step
) -> None:
    assert step_of(on_nodes(3), *states) == expected


def test_a_node_s_own_end_is_that_of_its_containers_alone() -> None:
    plan = on_nodes(2, containers=(container("app"), container("side", essential=False)))
    assert step_of(plan, "runs", "runs", "failed", "runs") == Step(stop=(Place(1, 1),))
    # What was stopped with its node is not taken for one that could not be started.
    assert step_of(plan, "runs", "runs", "failed", "dropped") == Step()


def test_the_main_node_need_not_be_the_first() -> None:
    plan = on_nodes(3, main=2)
    assert [waits_at_first(plan, Place(index, 0)) for index in range(3)] == [True, True, False]
    assert step_of(plan, "waits", "waits", "runs").start == (Place(0, 0), Place(1, 0))
    assert step_of(plan, "runs", "runs", "done").stop == (Place(0, 0), Place(1, 0))


def test_who_depends_on_another_waits_at_first() -> None:
    assert [waits_at_first(TWO, Place(0, index)) for index in range(2)] == [False, True]


def test_of_a_job_that_is_stopped_nobody_starts_any_more() -> None:
    assert step_of(TWO, "done", "waits", stopping=True) == Step(drop=((Place(0, 1), ""),))
    # Those that run are told by the job's own stop.
    assert step_of(TWO, "runs", "runs", stopping=True) == Step()


PAIR = on_one_node(container("a"), container("b"), container("c", essential=False))


@pytest.mark.parametrize(
    ("plan", "states", "result", "decider"),
    [
        (PAIR, ("done", "stopped", "stopped"), Result.SUCCEEDED, (0, 0)),
        (PAIR, ("stopped", "done", "failed"), Result.SUCCEEDED, (0, 1)),
        (PAIR, ("failed", "stopped", "stopped"), Result.FAILED, (0, 0)),
        # It failed by itself before it could be told: the first failure counts.
        (PAIR, ("done", "failed late", "stopped"), Result.FAILED, (0, 1)),
        (PAIR, ("refused", "dropped", "dropped"), Result.FAILED, (0, 0)),
        (PAIR, ("stopped", "stopped", "lost"), Result.FAILED, (0, 2)),
        (PAIR, ("done", "lost late", "stopped"), Result.SUCCEEDED, (0, 0)),
        (PAIR, ("terminated", "terminated", "done"), Result.STOPPED, (0, 0)),
        (TWO, ("done", "terminated"), Result.STOPPED, (0, 1)),
        (PAIR, ("done", "terminated", "stopped"), Result.SUCCEEDED, (0, 0)),
        (on_nodes(2), ("done", "failed"), Result.SUCCEEDED, (0, 0)),
        (on_nodes(2), ("failed", "done"), Result.FAILED, (0, 0)),
        (on_nodes(2), ("stopped", "lost"), Result.FAILED, (1, 0)),
        (on_nodes(2), ("stopped", "refused"), Result.FAILED, (1, 0)),
        (on_nodes(2, main=1), ("failed", "done"), Result.SUCCEEDED, (1, 0)),
        (on_nodes(2, main=1), ("terminated", "terminated"), Result.STOPPED, (1, 0)),
    ],
)
def test_the_main_node_decides_how_the_try_ended(
    plan: JobPlan, states: tuple[str, ...], result: Result, decider: tuple[int, int]
) -> None:
    verdict = verdict_of(plan, members(plan, *states))
    assert (verdict.result, verdict.decider) == (result, decider)


def test_the_first_failure_decides() -> None:
    first, second, third = members(PAIR, "failed", "failed late", "stopped")
    assert verdict_of(PAIR, [first, second, third]).decider == Place(0, 0)
    assert verdict_of(PAIR, [second, first, third]).decider == Place(0, 1)
