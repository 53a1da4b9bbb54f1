"""Jobs for Fargate: checked when they are registered for it, and when a queue would run them on it."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from jobs.domain.errors import Conflict, InvalidInput
from jobs.domain.states import JobStatus
from jobs.models import Attempt, Job, JobDefinition, JobQueue
from jobs.processes.scheduler import schedule_once
from jobs.services.requests.rerun import rerun_job
from jobs.services.requests.submit import submit_job
from jobs.services.setup.definitions import register_definition
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_queue,
    a_user,
    an_environment,
    containers_of,
    nodes_of,
)
from tests.services.stepping import a_lease

pytestmark = pytest.mark.django_db
QUARTER = {"vcpus": "0.25", "memory_mib": 512}
PLAIN = {"name": "new", "image": "busybox:1.36", **QUARTER}
FARGATE = ["FARGATE"]
NONE_OF_ITS = "Fargate has no 1 vCPU with 512 MiB. The nearest that it has: "
PRIVILEGED = {"name": "main", "image": "a", "privileged": True}


def register(**fields: Any) -> JobDefinition:
    return register_definition(fields=fields, by=None, now=NOW)


def a_fargate_queue() -> JobQueue:
    return a_queue(name="fargate", type="ECS_FARGATE")


def submit(definition: JobDefinition, queue: JobQueue, **fields: Any) -> Job:
    values = {"name": "job", "definition": str(definition), "queue": queue.name, **fields}
    return submit_job(owner=a_user(), fields=values, now=NOW)


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({**PLAIN, "vcpus": 1}, "vcpus", NONE_OF_ITS),
        ({**PLAIN, "gpus": 1}, "gpus", "GPU: Fargate has nothing of the kind."),
        ({**PLAIN, "container": {"privileged": True}}, "container", "privileged: Fargate has"),
        (
            {"name": "new", "ecs_properties": containers_of(PRIVILEGED)},
            "ecs_properties",
            "taskProperties[0].containers[0].privileged: Fargate has nothing",
        ),
        ({"name": "new", "node_properties": nodes_of(2)}, "node_properties", "A multi-node"),
    ],
)
def test_a_definition_for_fargate_is_refused_by_the_field(
    fields: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        register(**fields, platform_capabilities=FARGATE)
    assert list(caught.value.errors) == [field]
    assert caught.value.errors[field][0].startswith(said)
    assert not JobDefinition.objects.exists()
    register(**fields)


def test_a_definition_that_fits_fargate_is_registered() -> None:
    container = {"ephemeralStorage": {"sizeInGiB": 30}, "privileged": False}
    made = register(**PLAIN, container=container, platform_capabilities=FARGATE)
    assert made.extra == {"platformCapabilities": FARGATE}


@pytest.mark.parametrize(
    ("definition", "asked", "field", "said"),
    [
        ({}, {}, "definition", f"The job queue fargate runs jobs on Fargate. {NONE_OF_ITS}"),
        ({"milli_vcpus": 250}, {"vcpus": "1"}, "vcpus", "The job queue fargate runs"),
        ({"milli_vcpus": 250}, {"memory_mib": 64}, "memory_mib", "The job queue fargate runs"),
        (
            {"milli_vcpus": 250},
            {
                "container_overrides": {
                    "resourceRequirements": [{"type": "MEMORY", "value": "3072"}]
                }
            },
            "container_overrides",
            "The job queue fargate runs jobs on Fargate. Fargate has no 0.25 vCPU with 3072 MiB.",
        ),
        (
            {"milli_vcpus": 250, "container": {"privileged": True}},
            {},
            "definition",
            "privileged: The job queue fargate runs jobs on Fargate.",
        ),
    ],
)
def test_a_submission_to_a_queue_of_fargate_is_refused_by_the_field(
    definition: dict[str, Any], asked: dict[str, Any], field: str, said: str
) -> None:
    queue = a_fargate_queue()
    queue.environments.update(allow_privileged=True)
    with pytest.raises(InvalidInput) as caught:
        submit(a_definition(**definition), queue, **asked)
    assert list(caught.value.errors) == [field]
    assert caught.value.errors[field][0].startswith(said)
    assert not Job.objects.exists()


def test_a_size_that_fargate_has_is_taken_and_overrides_may_make_it_one() -> None:
    queue = a_fargate_queue()
    submit(a_definition(milli_vcpus=250), queue)
    submit(a_definition(), queue, vcpus="0.25")
    submit(a_definition(), a_queue())
    assert Job.objects.count() == 3


def test_what_fargate_does_not_have_is_not_run_again_there() -> None:
    job = a_job(queue=a_fargate_queue(), status=JobStatus.FAILED, attempts_made=1)
    with pytest.raises(Conflict, match="Fargate has no 1 vCPU with 512 MiB"):
        rerun_job(owner=job.owner, job=job, now=NOW)


@pytest.mark.parametrize(("kind", "paid"), [("FARGATE", 30), ("FARGATE_SPOT", 30), ("", 0)])
@pytest.mark.parametrize("is_group", [False, True])
def test_storage_beyond_what_is_included_is_paid_for_once(
    kind: str, paid: int, is_group: bool, settings: Settings
) -> None:
    settings.BATCHWEB_FARGATE_USD_PER_EPHEMERAL_GIB_HOUR = Decimal("0.5")
    storage = {"ephemeralStorage": {"sizeInGiB": 50}}
    work: dict[str, Any] = {"container": storage}
    if is_group:
        half = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]
        containers = [{"name": name, "resourceRequirements": half} for name in ("app", "side")]
        work = {"ecs_properties": containers_of(*containers, **storage)}
    managed = {"type": "MANAGED", "compute_resources": {"type": kind, "maxvCpus": 4}}
    environment = an_environment(**(managed if kind else {}))
    a_job(queue=a_queue(environment), status=JobStatus.RUNNABLE, **work)
    schedule_once(lease=a_lease(), now=NOW)
    rows = Attempt.objects.order_by("container_index").values_list("capacity", "ephemeral_gib")
    capacity = kind or "UNMANAGED"
    assert list(rows) == [(capacity, paid), (capacity, 0)][: 2 if is_group else 1]
    # The price of a try is the one at its start.
    assert {row.usd_per_ephemeral_gib_hour for row in Attempt.objects.all()} == {Decimal("0.5")}


def test_the_form_marks_both_parts_of_a_size_that_fargate_has_not_and_prices_it_elsewhere(
    client: Client, boss: User
) -> None:
    a_definition(name="hello")
    a_fargate_queue()
    typed = {"name": "a", "definition": "hello", "queue": "fargate", "loaded": "hello"}
    begun = client.get("/submit/?definition=hello&queue=fargate")
    refused = client.post("/jobs/", {**typed, "vcpus": "1", "memory_mib": "512"})
    for page in (begun, refused):
        assert NONE_OF_ITS in page.text
        assert page.text.count('is-invalid" id="id_') == 2
        assert "On-Demand instance" in page.text
