from typing import Any

import pytest

from jobs.domain.errors import InvalidInput
from jobs.domain.ids import new_job_id
from jobs.models import (
    ArraySummary,
    DefinitionStatus,
    Job,
    JobDependency,
    JobSpec,
    JobStatus,
    QueueState,
    Transition,
)
from jobs.services.requests.submit import submit_job
from tests.builders import NOW, a_definition, a_queue, a_user

pytestmark = pytest.mark.django_db


def submit(**fields: Any) -> Job:
    fields.setdefault("name", "render")
    fields.setdefault("queue", a_queue().name)
    fields.setdefault("definition", a_definition().name)
    return submit_job(owner=a_user(), fields=fields, now=NOW)


def refused(**fields: Any) -> dict[str, list[str]]:
    kinds = (Job, JobSpec, Transition, ArraySummary, JobDependency)
    before = [kind.objects.count() for kind in kinds]
    with pytest.raises(InvalidInput) as caught:
        submit(**fields)
    assert [kind.objects.count() for kind in kinds] == before
    return caught.value.errors


def test_a_job_takes_what_its_definition_says() -> None:
    definition = a_definition(
        command=["echo", "hi"], environment=[{"name": "A", "value": "1"}], attempts=3
    )
    job = submit(definition=definition.name)
    assert job.status == JobStatus.SUBMITTED
    assert (job.image, job.command, job.environment) == (
        definition.image,
        ["echo", "hi"],
        [{"name": "A", "value": "1"}],
    )
    assert (job.milli_vcpus, job.memory_mib, job.attempts_allowed) == (1000, 512, 3)


RULES = [{"onExitCode": "1", "action": "EXIT"}]
OTHER_RULES = [{"onReason": "*", "action": "RETRY"}]


@pytest.mark.parametrize(
    ("given", "rules", "timeout_seconds"),
    [
        ({}, RULES, 90),  # as the definition says
        ({"evaluate_on_exit": "", "timeout_seconds": ""}, RULES, 90),  # an empty form
        ({"evaluate_on_exit": OTHER_RULES, "timeout_seconds": 60}, OTHER_RULES, 60),
        ({"evaluate_on_exit": [], "timeout_seconds": "120"}, [], 120),  # none is an override, too
    ],
)
def test_retry_rules_and_time_limit_are_the_definition_s_unless_overridden(
    given: dict[str, object], rules: object, timeout_seconds: int
) -> None:
    definition = a_definition(evaluate_on_exit=RULES, timeout_seconds=90)
    job = submit(definition=definition.name, **given)
    assert (job.evaluate_on_exit, job.timeout_seconds) == (rules, timeout_seconds)


def test_overrides_replace_and_variables_are_merged_by_name() -> None:
    definition = a_definition(
        environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    )
    job = submit(
        definition=definition.name,
        command="sh -c 'echo hi'",
        vcpus="0.5",
        memory_mib="64",
        image="debian:12",
        attempts="2",
        environment={"B": "3", "C": "4"},
    )
    assert (job.command, job.image, job.milli_vcpus, job.memory_mib, job.attempts_allowed) == (
        ["sh", "-c", "echo hi"],
        "debian:12",
        500,
        64,
        2,
    )
    assert {pair["name"]: pair["value"] for pair in job.environment} == {
        "A": "1",
        "B": "3",
        "C": "4",
    }


def test_a_bare_name_means_the_newest_active_revision() -> None:
    a_definition(name="steps", revision=1)
    second = a_definition(name="steps", revision=2)
    a_definition(name="steps", revision=3, status=DefinitionStatus.INACTIVE)
    assert submit(definition="steps").definition == second
    assert submit(definition="steps:1").definition.revision == 1


@pytest.mark.parametrize(
    "definition", ["", None, "nosuch", "steps:3", "steps:9", "steps:x", "steps:", "a\0b", 5]
)
def test_a_definition_that_takes_no_jobs_is_refused(definition: object) -> None:
    a_definition(name="steps", revision=3, status=DefinitionStatus.INACTIVE)
    assert set(refused(definition=definition)) == {"definition"}


@pytest.mark.parametrize("queue", ["", None, "nosuch", "closed", "a\0b", 5])
def test_a_queue_that_takes_no_jobs_is_refused(queue: object) -> None:
    a_queue(name="closed", state=QueueState.DISABLED)
    assert set(refused(queue=queue)) == {"queue"}


def test_every_wrong_field_is_named_at_once() -> None:
    errors = refused(
        name="no spaces please",
        queue="nosuch",
        definition="nosuch",
        command="echo 'open",
        vcpus="many",
        memory_mib="1",
        image="not an image",
        attempts="11",
        evaluate_on_exit="[{}]",
        timeout_seconds="59",
        environment={"AWS_BATCH_X": "1"},
        colour="blue",
    )
    assert set(errors) == {
        "name",
        "queue",
        "definition",
        "command",
        "vcpus",
        "memory_mib",
        "evaluate_on_exit",
        "timeout_seconds",
        "image",
        "attempts",
        "environment",
        "colour",
    }


def test_an_array_and_all_that_belongs_to_it_is_written_whole() -> None:
    owner = a_user()
    fields: dict[str, Any] = {"queue": a_queue().name, "definition": a_definition().name}
    first = submit_job(owner=owner, fields={**fields, "name": "first"}, now=NOW)
    other = submit_job(owner=owner, fields={**fields, "name": "other", "array_size": 3}, now=NOW)
    array = submit_job(
        owner=owner,
        fields={
            **fields,
            "name": "render",
            "array_size": 3,
            "depends_on": [
                {"type": "SEQUENTIAL"},
                {"job_id": str(first.id)},
                {"job_id": str(other.id), "type": "N_TO_N"},
            ],
            "parameters": {"scene": "7"},
            "tags": {"team": "a"},
        },
        now=NOW,
    )
    array.refresh_from_db()
    assert (array.status, array.array_size, array.is_array) == ("SUBMITTED", 3, True)
    assert (array.spec.sequential, array.spec.parameters) == (True, {"scene": "7"})
    assert array.spec.tags == {"team": "a"}
    edges = set(JobDependency.objects.filter(job=array).values_list("on", "type", "met"))
    assert edges == {(first.id, "", False), (other.id, "N_TO_N", False)}
    assert array.children.count() == 3
    # Whoever is waited for will say when he ends: of N_TO_N each child, of SEQUENTIAL its own.
    marked = Job.objects.filter(has_dependents=True)
    parents = set(marked.values_list("parent", flat=True))
    assert parents == {None, array.id, other.id}
    assert marked.count() == 2 + 3 + 3


def test_a_dependency_that_cannot_be_leaves_nothing_behind() -> None:
    assert set(refused(array_size=5, depends_on=[{"job_id": str(new_job_id())}])) == {"depends_on"}
