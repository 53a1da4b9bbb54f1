"""Placing jobs of several containers and nodes, with GPUs, with consumable resources."""

from collections.abc import Callable
from datetime import datetime

import pytest

from jobs import queueing
from jobs.models import Attempt, ConsumableHold, Job, JobStatus, Node, Transition
from jobs.scheduling.decide import decide
from jobs.scheduling.plan import Plan
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.services.passes.lease import Lease, Standby
from jobs.services.passes.placement import apply_plan
from tests.builders import (
    NOW,
    a_consumable,
    a_job,
    a_node,
    a_queue,
    an_attempt,
    an_environment,
    containers_of,
    nodes_of,
)

pytestmark = pytest.mark.django_db

AMOUNTS = {
    "resourceRequirements": [
        {"type": "VCPU", "value": "0.5"},
        {"type": "MEMORY", "value": "128"},
        {"type": "GPU", "value": "1"},
    ]
}
LICENCES = [{"consumableResource": "licence", "quantity": 2}]


@pytest.fixture
def place() -> Callable[..., int]:
    lease = Standby(holder="test").try_acquire(monotonic=0)
    assert lease is not None

    def run(plan: Plan | None = None, now: datetime = NOW, lease: Lease = lease) -> int:
        return apply_plan(plan=plan or a_plan(), lease=lease)

    return run


def a_plan() -> Plan:
    return decide(load_snapshot(front=50, now=NOW), NOW)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The attempts that were handed to the launchers."""
    ids: list[int] = []

    def enqueue(task: str, found: list[int]) -> None:
        assert task == queueing.LAUNCH
        ids.extend(found)

    monkeypatch.setattr(queueing, "enqueue_after_commit", enqueue)
    return ids


def runnable(**fields: object) -> Job:
    return a_job(status=JobStatus.RUNNABLE, **fields)


def rows(job: Job) -> list[Attempt]:
    return list(Attempt.objects.filter(job=job).order_by("node_index", "container_index"))


def test_each_container_has_a_row_and_only_those_that_wait_for_none_are_launched(
    place: Callable[..., int], launched: list[int]
) -> None:
    task = containers_of(
        {"name": "server", "image": "fake/server"},
        {"name": "client", "dependsOn": [{"containerName": "server", "condition": "START"}]},
        {"name": "logger", "essential": False},
    )
    job = runnable(ecs_properties=task, milli_vcpus=300, memory_mib=192)
    assert place() == 1
    server, client, logger = rows(job)
    assert (server.container_name, server.image, server.essential) == (
        "server",
        "fake/server",
        True,
    )
    assert (client.waits_for_others, logger.essential) == (True, False)
    assert [row.milli_vcpus for row in rows(job)] == [100, 100, 100]
    assert launched == [server.id, logger.id]
    assert {row.number for row in rows(job)} == {1}


def test_each_node_has_its_rows_on_its_machine_and_the_main_one_is_launched_first(
    place: Callable[..., int], launched: list[int]
) -> None:
    engine = a_node(milli_vcpus=250).engine
    a_node(engine=engine, milli_vcpus=250)
    job = runnable(
        queue=a_queue(an_environment(engine=engine)),
        node_properties=nodes_of(4, main=1),
        node_count=4,
        milli_vcpus=100,
        memory_mib=64,
    )
    assert place() == 1
    found = rows(job)
    assert [row.node_index for row in found] == [0, 1, 2, 3]
    assert sorted(row.node_id for row in found) == sorted(
        2 * list(Node.objects.values_list("id", flat=True))
    )
    assert launched == [found[1].id]
    assert Transition.objects.filter(job=job, to_status=JobStatus.STARTING).count() == 1


def test_a_second_try_has_the_next_number(place: Callable[..., int]) -> None:
    first = runnable()
    again = runnable(queue=first.queue, attempts_made=1, attempts_allowed=3)
    assert place() == 2
    assert [row.number for row in (*rows(first), *rows(again))] == [1, 2]


def test_each_container_gets_gpus_of_its_own(place: Callable[..., int]) -> None:
    node = a_node(gpus=4)
    queue = a_queue(an_environment(engine=node.engine))
    an_attempt(job=a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1), gpus=[1])
    an_attempt(
        job=a_job(queue=queue, status=JobStatus.FAILED, attempts_made=1), gpus=[0], ended_at=NOW
    )
    plain = runnable(queue=queue, gpus=1)
    gang = runnable(
        queue=queue,
        node_properties=nodes_of(2, container=AMOUNTS),
        node_count=2,
        milli_vcpus=500,
        memory_mib=128,
        gpus=1,
    )
    waits = runnable(queue=queue, gpus=1)
    assert place() == 2
    assert [row.gpus for row in (*rows(plain), *rows(gang))] == [[0], [2], [3]]
    waits.refresh_from_db()
    assert "Needs 1 vCPU, 512 MiB, 1 GPU; 1 vCPU, 6.8 GiB, 0 GPU free" in waits.status_reason


def test_gpus_that_went_away_since_the_plan_are_given_to_nobody(
    place: Callable[..., int],
) -> None:
    node = a_node(gpus=2)
    queue = a_queue(an_environment(engine=node.engine))
    first, second = (runnable(queue=queue, gpus=1) for _ in range(2))
    without = runnable(queue=queue)
    plan = a_plan()
    Node.objects.update(gpus=1)
    assert place(plan) == 2
    second.refresh_from_db()
    assert second.status == JobStatus.RUNNABLE
    assert rows(first)[0].gpus == [0]
    assert rows(without)[0].gpus == []


def test_a_job_takes_its_consumable_resources_when_it_is_placed(
    place: Callable[..., int],
) -> None:
    resource = a_consumable(name="licence", total_quantity=5)
    jobs = [runnable(consumables=LICENCES, has_consumables=True) for _ in range(3)]
    plain = runnable()
    assert place() == 3
    resource.refresh_from_db()
    assert resource.in_use_quantity == 4
    assert list(ConsumableHold.objects.order_by("id").values_list("job_id", "attempt_number")) == [
        (jobs[0].id, 1),
        (jobs[1].id, 1),
    ]
    jobs[2].refresh_from_db()
    assert jobs[2].status_reason == (
        "CAPACITY:INSUFFICIENT_CONSUMABLE_RESOURCE - Needs 2 of the consumable resource licence; "
        "1 of 5 are free."
    )
    assert len(rows(plain)) == 1


def test_a_resource_that_shrank_since_the_plan_leaves_its_job_waiting_and_places_the_others(
    place: Callable[..., int], launched: list[int]
) -> None:
    resource = a_consumable(name="licence", total_quantity=4)
    first, second = (runnable(consumables=LICENCES, has_consumables=True) for _ in range(2))
    plain = runnable()
    plan = a_plan()
    resource.total_quantity = 3
    resource.save()
    assert place(plan) == 2
    second.refresh_from_db()
    assert (second.status, second.attempts_made) == (JobStatus.RUNNABLE, 0)
    # Nothing of what was rolled back is left, nor was it told anybody.
    assert not Transition.objects.filter(job=second, to_status=JobStatus.STARTING).exists()
    assert sorted(launched) == sorted(row.id for row in (*rows(first), *rows(plain)))
    resource.refresh_from_db()
    assert resource.in_use_quantity == 2


def test_a_job_that_was_cancelled_since_the_plan_takes_no_resources(
    place: Callable[..., int],
) -> None:
    resource = a_consumable(name="licence", total_quantity=4)
    job = runnable(consumables=LICENCES, has_consumables=True)
    plan = a_plan()
    Job.objects.filter(id=job.id).update(status=JobStatus.FAILED, stopped_at=NOW)
    assert place(plan) == 0
    resource.refresh_from_db()
    assert resource.in_use_quantity == 0
    assert not ConsumableHold.objects.exists()
