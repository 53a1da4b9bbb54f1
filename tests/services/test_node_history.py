"""The history of nodes: from their placement on each goes its own way, and each step is written once."""

import pytest

from jobs.domain.groups import Member, Place, node_status
from jobs.domain.plans import ContainerPlan, JobPlan, NodePlan
from jobs.models import Job, JobStatus, NodeTransition
from jobs.scheduling.decide import decide
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.services.passes.placement import apply_plan
from tests.builders import (
    NOW,
    a_job,
    a_node,
    a_queue,
    an_environment,
    containers_of,
    nodes_of,
)
from tests.services.playing import APP, SIDE, Begin
from tests.services.stepping import a_lease

pytestmark = pytest.mark.django_db


def history(job: Job) -> list[tuple[int, int, str]]:
    """The try, the node, and its new status."""
    rows = NodeTransition.objects.filter(job=job).order_by("id")
    return list(rows.values_list("attempt_number", "node_index", "to_status"))


def test_all_nodes_begin_with_their_placement() -> None:
    engine = a_node(milli_vcpus=250).engine
    a_node(engine=engine, milli_vcpus=250)
    values = {"queue": a_queue(an_environment(engine=engine)), "status": JobStatus.RUNNABLE}
    small = {"milli_vcpus": 100, "memory_mib": 64}
    job = a_job(node_properties=nodes_of(3), node_count=3, **small, **values)
    plain = a_job(**small, **values)
    apply_plan(plan=decide(load_snapshot(front=9, now=NOW), NOW), lease=a_lease())
    assert history(job) == [(1, index, "STARTING") for index in range(3)]
    assert history(plain) == []


def test_each_node_runs_and_ends_on_its_own(nodes: Begin) -> None:
    play = nodes(3)
    assert history(play.job) == [(1, 0, "RUNNING"), (1, 1, "RUNNING"), (1, 2, "RUNNING")]
    play.end(play.attempts[2], 3)
    assert history(play.job)[3:] == [(1, 2, "FAILED")]
    play.end(play.attempts[0], 0)
    assert sorted(history(play.job)[4:]) == [(1, 0, "SUCCEEDED"), (1, 1, "FAILED")]


def test_a_node_of_several_containers_ends_with_the_last_of_them(nodes: Begin) -> None:
    play = nodes(2, ecsProperties=containers_of(APP, SIDE))
    assert history(play.job) == [(1, 0, "RUNNING"), (1, 1, "RUNNING")]
    play.end(play.attempts[3], 5)
    assert len(history(play.job)) == 2
    play.end(play.attempts[2], 0)
    # The one that failed is not essential.
    assert history(play.job)[2:] == [(1, 1, "SUCCEEDED")]


def test_a_job_on_one_node_has_no_history_of_nodes(containers: Begin) -> None:
    play = containers(APP, SIDE)
    play.end(play.attempts[0], 0)
    assert history(play.job) == []


def test_the_reason_of_a_node_is_that_of_its_essential_container(nodes: Begin) -> None:
    play = nodes(2)
    play.world.lose(play.container(play.attempts[1]).id)
    play.reap()
    row = NodeTransition.objects.get(job=play.job, node_index=1, to_status="FAILED")
    assert row.reason.startswith("Host EC2")


ENDED = {"started": True, "ended": True}


@pytest.mark.parametrize(
    ("app", "side", "status"),
    [
        ({}, {}, "STARTING"),
        ({"started": True}, {}, "RUNNING"),
        ({**ENDED, "exit_code": 0}, {}, "RUNNING"),
        ({**ENDED, "exit_code": 0}, {**ENDED, "exit_code": 1}, "SUCCEEDED"),
        ({**ENDED, "exit_code": 1}, {**ENDED, "exit_code": 0}, "FAILED"),
        ({"ended": True}, {"ended": True}, "FAILED"),
        ({**ENDED, "exit_code": 0, "lost": True}, {"ended": True}, "FAILED"),
    ],
)
def test_how_a_node_stands(app: dict[str, object], side: dict[str, object], status: str) -> None:
    containers = tuple(
        ContainerPlan(
            name=name,
            image="-",
            command=(),
            environment=(),
            milli_vcpus=1,
            memory_mib=4,
            essential=name == "app",
        )
        for name in ("app", "side")
    )
    plan = JobPlan((NodePlan(0, containers),))
    members = [Member(Place(0, index), **state) for index, state in enumerate((app, side))]  # type: ignore[arg-type]
    assert node_status(plan, members) == status
