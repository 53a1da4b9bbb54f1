"""A pasted definition is understood in two forms; what cannot be done is refused by its name."""

import pytest

from jobs.domain.definition_document import definition_fields
from jobs.domain.errors import InvalidInput


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
    assert fields == {"vcpus": "2", "memory_mib": 128}


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
            {"containerProperties": {"jobRoleArn": "arn"}},
            "containerProperties.jobRoleArn is not supported here",
        ),
        (
            {"retryStrategy": {"evaluateOnExit": [{"action": "EXIT"}]}},
            "evaluateOnExit needs attempts beside it",
        ),
        (
            {"containerProperties": {"resourceRequirements": [{"type": "GPU", "value": "1"}]}},
            "the type GPU is not supported; VCPU and MEMORY are",
        ),
        (
            {"containerProperties": {"resourceRequirements": [{"type": "VCPU", "more": 1}]}},
            "containerProperties.resourceRequirements.more is not supported",
        ),
        (
            {"containerProperties": {"resourceRequirements": "all"}},
            "containerProperties.resourceRequirements is a list",
        ),
        ({"containerProperties": ["image"]}, "containerProperties is an object"),
        ({"type": "multinode", "jobDefinitionName": "a"}, 'only "container" is supported'),
    ],
)
def test_what_cannot_be_done_is_refused_by_its_name(document: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        definition_fields(document)
    assert said in str(caught.value)
