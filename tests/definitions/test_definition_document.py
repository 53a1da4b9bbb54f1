"""A pasted definition is understood in two forms; what cannot be done is refused by its name."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain.definitions.definition_document import AWS_MEMBERS, definition_fields
from jobs.domain.errors import InvalidInput
from jobs.services.setup.definitions import FIELDS, check_definition


def test_our_own_words_are_taken_as_they_are() -> None:
    document = {"name": "hello", "image": "busybox", "nonsense": 1}
    assert definition_fields(document) == document


def test_the_form_of_register_job_definition_is_taken() -> None:
    fields = definition_fields(
        {
            "jobDefinitionName": "hello",
            "type": "container",
            "containerProperties": {
                "image": "busybox:1.36",
                "command": ["echo", "hello"],
                "environment": [{"name": "A", "value": "b"}],
                "resourceRequirements": [
                    {"type": "VCPU", "value": "0.25"},
                    {"type": "MEMORY", "value": "64"},
                ],
            },
            "retryStrategy": {
                "attempts": 3,
                "evaluateOnExit": [{"onExitCode": "1", "action": "exit"}],
            },
            "timeout": {"attemptDurationSeconds": 60},
        }
    )
    assert fields == {
        "name": "hello",
        "type": "container",
        "image": "busybox:1.36",
        "command": ["echo", "hello"],
        "environment": [{"name": "A", "value": "b"}],
        "vcpus": "0.25",
        "memory_mib": "64",
        "attempts": 3,
        "evaluate_on_exit": [{"onExitCode": "1", "action": "exit"}],
        "timeout_seconds": 60,
    }


@pytest.mark.parametrize("requirements_first", [True, False])
def test_resource_requirements_go_before_the_older_members(requirements_first: bool) -> None:
    requirements = {"resourceRequirements": [{"type": "VCPU", "value": "2"}]}
    older = {"vcpus": 1, "memory": 128}
    properties = {**requirements, **older} if requirements_first else {**older, **requirements}
    fields = definition_fields({"containerProperties": properties})
    # What is asked for in the older way stays so, for overrides of a job depend on it.
    assert fields == {"vcpus": "2", "container": {"vcpus": 1, "memory": 128}}


def test_empty_and_false_members_ask_for_nothing() -> None:
    fields = definition_fields(
        {
            "jobDefinitionName": "hello",
            "parameters": {},
            "containerProperties": {"mountPoints": [], "privileged": False, "user": ""},
        }
    )
    assert fields == {"name": "hello"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"jobDefinitionName": "a", "timeout": {"x": 1}}, "timeout.x is not supported here"),
        ({"jobDefinitionName": "a", "timeout": 60}, "timeout is an object"),
        (
            {"containerProperties": {"nonsense": "arn"}},
            "containerProperties.nonsense is not supported here",
        ),
        (
            {"containerProperties": {"enableExecuteCommand": True}},
            "containerProperties.enableExecuteCommand: Not supported here. Use docker exec",
        ),
        (
            {"containerProperties": {"linuxParameters": {"tmpfs": [{"size": 0}]}}},
            "containerProperties.linuxParameters.tmpfs[0].containerPath: This is required",
        ),
        (
            {"retryStrategy": {"evaluateOnExit": [{"action": "EXIT"}]}},
            "evaluateOnExit needs attempts beside it",
        ),
        (
            {"containerProperties": {"resourceRequirements": [{"type": "DISK", "value": "1"}]}},
            "resourceRequirements[0].type: This is one of VCPU, MEMORY, GPU",
        ),
        (
            {"containerProperties": {"resourceRequirements": [{"type": "VCPU", "more": 1}]}},
            "containerProperties.resourceRequirements[0].more: There is no such member",
        ),
        (
            {"containerProperties": {"resourceRequirements": "all"}},
            "containerProperties.resourceRequirements: This is a list",
        ),
        ({"containerProperties": ["image"]}, "containerProperties is an object"),
        ({"jobDefinitionName": "a", "eksProperties": {"a": 1}}, "eksProperties is not supported"),
        ({"nodeProperties": {"numNodes": 1}}, "nodeProperties.mainNode: This is required"),
        ({"ecsProperties": {"taskProperties": [1]}}, "ecsProperties.taskProperties[0]: This is"),
        (
            {"jobDefinitionName": "a", "containerOrchestrationType": "EKS"},
            "only ECS is supported here",
        ),
        ({"jobDefinitionName": "a", "tags": {"aws:a": "b"}}, "tags: aws:a: keys that start"),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(document: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        definition_fields(document)
    assert said in str(caught.value)


def test_an_answer_of_aws_is_a_document_too() -> None:
    fields = definition_fields(
        {
            "jobDefinitionName": "hello",
            "jobDefinitionArn": "arn:aws:batch:eu-1:123456789012:job-definition/hello:3",
            "revision": 3,
            "status": "ACTIVE",
            "type": "container",
            "containerOrchestrationType": "ECS",
            "schedulingPriority": 0,
            "parameters": {"a": "b"},
            "tags": {"team": "x"},
            "propagateTags": True,
            "platformCapabilities": ["EC2"],
            "consumableResourceProperties": {
                "consumableResourceList": [{"consumableResource": "licence", "quantity": 1}]
            },
            "retryStrategy": {"attempts": 2, "evaluateOnExit": []},
            "containerProperties": {
                "image": "busybox",
                "command": [],
                "jobRoleArn": "arn:aws:iam::123456789012:role/r",
                "volumes": [],
                "environment": [],
                "mountPoints": [],
                "ulimits": [],
                "resourceRequirements": [{"value": "1", "type": "GPU"}],
                "linuxParameters": {"devices": [], "tmpfs": []},
                "logConfiguration": {"logDriver": "awslogs", "options": {}, "secretOptions": []},
                "secrets": [],
                "user": "nobody",
            },
        }
    )
    assert fields == {
        "name": "hello",
        "type": "container",
        "image": "busybox",
        "gpus": "1",
        "container": {
            "user": "nobody",
            "logConfiguration": {"logDriver": "awslogs"},
            "jobRoleArn": "arn:aws:iam::123456789012:role/r",
        },
        "scheduling_priority": 0,
        "parameters": {"a": "b"},
        "tags": {"team": "x"},
        "propagate_tags": True,
        "platform_capabilities": ["EC2"],
        "consumables": [{"consumableResource": "licence", "quantity": 1}],
        "attempts": 2,
    }


def test_several_containers_and_several_nodes_are_taken_as_a_whole() -> None:
    container = {
        "image": "a",
        "resourceRequirements": [
            {"type": "VCPU", "value": "1"},
            {"type": "MEMORY", "value": "4"},
        ],
    }
    task = {"taskProperties": [{"containers": [{"name": "main", **container}]}]}
    gang = {
        "numNodes": 2,
        "mainNode": 0,
        "nodeRangeProperties": [{"targetNodes": "0:", "container": container}],
    }
    assert definition_fields({"ecsProperties": task}) == {"ecs_properties": task}
    assert definition_fields({"type": "multinode", "nodeProperties": gang}) == {
        "type": "multinode",
        "node_properties": gang,
    }


MEMBERS = [
    *AWS_MEMBERS,
    *FIELDS,
    *("resourceRequirements", "taskProperties", "containers", "tags", "timeout", "parameters"),
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(MEMBERS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(MEMBERS), ANYTHING, max_size=6))
def test_no_document_escapes_as_another_error(document: dict[str, object]) -> None:
    with suppress(InvalidInput):
        check_definition(fields=definition_fields(document))
