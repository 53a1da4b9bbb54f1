"""SubmitJob: every member does what AWS documents, and what cannot be is refused by AWS's names."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.domain.ids import new_job_id, text_of
from jobs.models import (
    DependencyType,
    Job,
    JobDependency,
)
from jobs.selectors.access.policies import note_policies
from tests.api.asking import ask
from tests.api.submitting import ARN, answer, hello, is_refused, submit
from tests.builders import (
    a_consumable,
    a_definition,
    a_job,
    a_policy,
    a_queue,
    an_array,
    containers_of,
    nodes_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return hello()


def test_the_answer_names_the_job(user: User) -> None:
    found = answer(user)
    job = Job.objects.get()
    assert found == {
        "jobName": "a",
        "jobId": str(job.id),
        "jobArn": f"{ARN}job/{job.id}",
    }
    assert (job.owner, job.status, job.queue.name) == (user, "SUBMITTED", "high")


@pytest.mark.parametrize(
    ("members", "stored"),
    [
        ({}, {"array_size": None, "attempts_allowed": 3, "timeout_seconds": 600}),
        # Real clients send empty structures for what they do not ask for.
        (
            {
                "arrayProperties": {},
                "dependsOn": [],
                "containerOverrides": {},
                "nodeOverrides": {},
                "ecsPropertiesOverride": {},
                "eksPropertiesOverride": {},
                "retryStrategy": {},
                "timeout": {},
                "parameters": {},
                "tags": {},
                "consumableResourcePropertiesOverride": {},
            },
            {"array_size": None, "attempts_allowed": 3, "timeout_seconds": 600},
        ),
        ({"arrayProperties": {"size": 2}}, {"array_size": 2}),
        ({"timeout": {"attemptDurationSeconds": 60}}, {"timeout_seconds": 60}),
        ({"retryStrategy": {"attempts": 2}}, {"attempts_allowed": 2}),
        ({"containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "2"}]}},
         {"milli_vcpus": 2000, "memory_mib": 512}),
        ({"containerOverrides": {"resourceRequirements": [{"type": "GPU", "value": "1"}]}},
         {"gpus": 1}),
        # The older members override the older members only.
        ({"containerOverrides": {"vcpus": 2, "memory": 1024}},
         {"milli_vcpus": 1000, "memory_mib": 512}),
    ],
)  # fmt: skip
def test_members_become_the_jobs_own(
    user: User, members: dict[str, Any], stored: dict[str, Any]
) -> None:
    job = submit(user, **members)
    assert {field: getattr(job, field) for field in stored} == stored


@pytest.mark.parametrize(
    ("members", "stored"),
    [
        ({}, {"command": ["echo", "hello"], "tags": {}, "propagate_tags": False}),
        ({"parameters": {"what": "you"}}, {"command": ["echo", "you"]}),
        ({"parameters": {"other": "x"}}, {"parameters": {"what": "hello", "other": "x"}}),
        ({"containerOverrides": {"command": ["ls", "Ref::what"]}}, {"command": ["ls", "hello"]}),
        (
            {"containerOverrides": {"environment": [{"name": "B", "value": "2"}]}},
            {"environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        ),
        # It replaces the definition's as a whole, rules and all.
        ({"retryStrategy": {"attempts": 2}}, {"evaluate_on_exit": []}),
        (
            {
                "retryStrategy": {
                    "attempts": 2,
                    "evaluateOnExit": [{"onReason": "*", "action": "retry"}],
                }
            },
            {"evaluate_on_exit": [{"onReason": "*", "action": "RETRY"}]},
        ),
        ({"retryStrategy": {}}, {"evaluate_on_exit": [{"onExitCode": "1", "action": "EXIT"}]}),
        ({"tags": {"team": "x"}, "propagateTags": True},
         {"tags": {"team": "x"}, "propagate_tags": True}),
    ],
)  # fmt: skip
def test_members_become_what_the_job_runs(
    user: User, members: dict[str, Any], stored: dict[str, Any]
) -> None:
    spec = submit(user, **members).spec
    assert {field: getattr(spec, field) for field in stored} == stored


def test_the_older_overrides_hold_where_the_definition_uses_the_older_members(user: User) -> None:
    ask(
        user,
        "RegisterJobDefinition",
        jobDefinitionName="older",
        type="container",
        containerProperties={"image": "busybox", "vcpus": 1, "memory": 64},
    )
    job = submit(user, jobDefinition="older", containerOverrides={"vcpus": 2, "memory": 128})
    assert (job.milli_vcpus, job.memory_mib) == (2000, 128)


def test_fair_share_members_are_taken_on_a_queue_with_a_policy(user: User) -> None:
    a_queue(name="fair", scheduling_policy=a_policy(shares={"red": 1}))
    job = submit(user, jobQueue="fair", shareIdentifier="red", schedulingPriorityOverride=7)
    assert (job.share_identifier, job.scheduling_priority) == ("red", 7)
    is_refused(
        user,
        {"jobQueue": "fair", "shareIdentifier": "red"},
        "Either schedulingPriority in job definition or schedulingPriorityOverride should be specified",
    )


def test_consumable_resources_go_by_name_or_arn(user: User) -> None:
    a_consumable(name="licence")
    for name in ("licence", f"{ARN}consumable-resource/licence"):
        needed = {"consumableResourceList": [{"consumableResource": name, "quantity": 2}]}
        job = submit(user, consumableResourcePropertiesOverride=needed)
        assert job.spec.consumables == [{"consumableResource": "licence", "quantity": 2}]


def test_several_containers_are_overridden_by_their_names(user: User) -> None:
    a_definition(name="several", ecs_properties=containers_of({"name": "main"}, {"name": "side"}))
    override = {"taskProperties": [{"containers": [{"name": "side", "command": ["ls"]}]}]}
    job = submit(user, jobDefinition="several", ecsPropertiesOverride=override)
    task = job.spec.ecs_properties["taskProperties"][0]
    assert [each["command"] for each in task["containers"]] == [["sleep"], ["ls"]]


def test_nodes_are_overridden_by_their_ranges(user: User) -> None:
    properties = nodes_of(3)
    properties["nodeRangeProperties"][0]["targetNodes"] = "0:"
    a_definition(name="nodes", type="multinode", node_properties=properties)
    each = {"targetNodes": "0:", "containerOverrides": {"command": ["ls"]}}
    job = submit(
        user,
        jobDefinition="nodes",
        nodeOverrides={"numNodes": 2, "nodePropertyOverrides": [each]},
    )
    assert job.node_count == 2
    assert job.spec.command == ["ls"]


def test_dependencies_are_written_as_asked_for(user: User) -> None:
    plain, array = a_job(owner=user), an_array(3, owner=user)
    child = array.children.get(array_index=1)
    job = submit(
        user,
        arrayProperties={"size": 3},
        dependsOn=[
            {"jobId": str(plain.id)},
            {"jobId": f"{ARN}job/{array.id}", "type": "N_TO_N"},
            {"jobId": text_of(child.id)},
            {"type": "SEQUENTIAL"},
        ],
    )
    edges = JobDependency.objects.filter(job=job).values_list("on_id", "type")
    assert list(edges) == [
        (plain.id, DependencyType.PLAIN),
        (array.id, DependencyType.N_TO_N),
        (child.id, DependencyType.PLAIN),
    ]
    assert job.spec.sequential


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"jobName": ""}, "jobName: Give a name."),
        ({"jobName": "no spaces"}, "jobName: A name starts with"),
        ({"jobName": "a" * 129}, "jobName: "),
        ({"arrayProperties": {"size": 1}}, "arrayProperties: An array has"),
        ({"arrayProperties": {"size": 10_001}}, "arrayProperties: "),
        ({"dependsOn": [{"jobId": "x"}]}, "dependsOn: x is no job's id"),
        ({"dependsOn": [{"jobId": str(new_job_id())}]}, "dependsOn: There is no job"),
        ({"dependsOn": [{"type": "SEQUENTIAL"}]}, "dependsOn: SEQUENTIAL is for arrays"),
        ({"dependsOn": [{"type": "N_TO_N"}]}, "dependsOn: [0]: Give the id"),
        ({"dependsOn": [{"jobId": str(new_job_id())}] * 21}, "dependsOn: There are at most 20"),
        ({"containerOverrides": {"command": [""]}}, "containerOverrides: command: "),
        (
            {"containerOverrides": {"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}},
            "containerOverrides: environment: AWS_BATCH_X: names that start with AWS_BATCH",
        ),
        (
            {"containerOverrides": {"resourceRequirements": [{"type": "VCPU", "value": "x"}]}},
            "containerOverrides: resourceRequirements[0].value: vCPUs are a number",
        ),
        (
            {"nodeOverrides": {"numNodes": 2}},
            "nodeOverrides: The definition is one of one container: override it by containerOverrides.",
        ),
        (
            {"ecsPropertiesOverride": {"taskProperties": [{"containers": [{"name": "a"}]}]}},
            "ecsPropertiesOverride: The definition is one of one container",
        ),
        (
            {"eksPropertiesOverride": {"podProperties": {"metadata": {"labels": {"a": "b"}}}}},
            "eksPropertiesOverride: There is no EKS here",
        ),
        ({"retryStrategy": {"attempts": 11}}, "retryStrategy.attempts: Attempts are between"),
        (
            {
                "retryStrategy": {
                    "evaluateOnExit": [{"onReason": "*", "action": "RETRY"}],
                }
            },
            "retryStrategy: evaluateOnExit needs attempts beside it",
        ),
        (
            {
                "retryStrategy": {
                    "attempts": 2,
                    "evaluateOnExit": [{"onReason": "*a", "action": "RETRY"}],
                }
            },
            "retryStrategy.evaluateOnExit: Retry rule 1, onReason",
        ),
        ({"timeout": {"attemptDurationSeconds": 59}}, "timeout.attemptDurationSeconds: "),
        ({"shareIdentifier": "red"}, "shareIdentifier can't be specified: "),
        ({"schedulingPriorityOverride": 10_000}, "schedulingPriorityOverride: "),
        ({"tags": {"aws:a": "b"}}, "tags: aws:a: keys that start with"),
        ({"parameters": {"": "b"}}, "parameters: A parameter has a name"),
        (
            {
                "consumableResourcePropertiesOverride": {
                    "consumableResourceList": [{"consumableResource": "x", "quantity": 1}]
                }
            },
            "consumableResourcePropertiesOverride: There is no consumable resource named x",
        ),
        (
            {
                "consumableResourcePropertiesOverride": {
                    "consumableResourceList": [{"consumableResource": "x", "quantity": 0}]
                }
            },
            "consumableResourcePropertiesOverride: consumableResourceList[0].quantity: ",
        ),
        ({"parameters": {"a": "x" * 31_000}}, "A submission has at most 30 KiB"),
        ({"nonsense": 1}, "nonsense: Unknown member"),
        ({"arrayProperties": {"size": "2"}}, "arrayProperties.size: This is an integer"),
    ],
)
def test_what_cannot_be_is_refused_under_names_of_aws_and_leaves_nothing_behind(
    user: User, members: dict[str, Any], said: str
) -> None:
    is_refused(user, members, said)


def test_jobs_of_others_cannot_be_waited_for(user: User) -> None:
    other = a_job()
    is_refused(user, {"dependsOn": [{"jobId": str(other.id)}]}, "dependsOn: There is no job")


def test_a_plain_submission_takes_three_reads_and_three_writes(user: User) -> None:
    # What is read with his key.
    note_policies(user, has_some=False)
    with CaptureQueriesContext(connection) as captured:
        answer(user)
    statements = [query["sql"].split()[0] for query in captured.captured_queries]
    # Its queue, its definition, and whether a budget is spent.
    assert statements.count("SELECT") == 3
    assert statements.count("INSERT") == 3
    assert "UPDATE" not in statements
