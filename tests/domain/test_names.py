"""Names that the outside sees."""

import re
from typing import Any
from uuid import UUID

import pytest

from jobs.domain import names

JOB = UUID("0192f000-0000-7000-8000-000000004000")
# What Docker accepts as the name of a container or a volume.
DOCKER_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}")
TASK = re.compile("[0-9a-f]{32}")


def test_a_plain_jobs_container_is_named_for_job_and_attempt() -> None:
    assert names.container_name(JOB, 2) == f"batchweb-{JOB}-2"
    assert names.container_name(JOB, 2, 0, 0) == names.container_name(JOB, 2)


def test_everything_of_a_try_has_a_name_of_its_own() -> None:
    made = [
        *(names.container_name(JOB, 1, node, index) for node in range(3) for index in range(3)),
        *(names.pod_name(JOB, 1, node) for node in range(3)),
        *(names.volume_name(JOB, 1, node, name) for node in range(3) for name in ("a", "b")),
        names.container_name(JOB, 11),
        names.container_name(JOB, 1, 1, 11),
        names.job_network_name("x", JOB, 1),
    ]
    assert len(set(made)) == len(made)
    assert all(DOCKER_NAME.fullmatch(name) for name in made)


@pytest.mark.parametrize(
    "name",
    [
        names.container_name(JOB, 7),
        names.container_name(JOB, 7, 3, 4),
        names.pod_name(JOB, 7, 3),
        names.volume_name(JOB, 7, 3, "scratch"),
        names.job_network_name("house-1", JOB, 7),
    ],
)
def test_a_name_tells_its_try(name: str) -> None:
    assert names.try_of(name) == (JOB, 7)


@pytest.mark.parametrize(
    "name", ["bridge", "batchweb-1", names.network_name("house-1", 5), f"{JOB}-1", ""]
)
def test_other_names_are_of_no_try(name: str) -> None:
    assert names.try_of(name) is None


def test_a_volumes_name_may_have_any_characters_and_any_length() -> None:
    odd = names.volume_name(JOB, 1, 0, "a/b:c " * 60)
    assert DOCKER_NAME.fullmatch(odd)


def test_a_log_stream_is_named_as_aws_batch_names_it() -> None:
    definition, container, task = names.log_stream_name("d" * 300, JOB, 1).split("/")
    assert (definition, container) == ("d" * 200, "default")
    assert TASK.fullmatch(task)


def test_containers_of_one_node_share_a_task_and_nodes_do_not() -> None:
    first, side = (names.log_stream_name("d", JOB, 1, container=name) for name in ("app", "side"))
    other = names.log_stream_name("d", JOB, 1, container="app", node_index=1)
    assert (first.split("/")[1], side.split("/")[1]) == ("app", "side")
    assert first.split("/")[2] == side.split("/")[2] != other.split("/")[2]


@pytest.mark.parametrize(
    ("configuration", "group", "start"),
    [
        (None, "/aws/batch/job", "d/default/"),
        ({"logDriver": "awslogs"}, "/aws/batch/job", "d/default/"),
        ({"logDriver": "awslogs", "options": {"awslogs-group": "/own"}}, "/own", "d/default/"),
        (
            {"logDriver": "awslogs", "options": {"awslogs-stream-prefix": "p/q"}},
            "/aws/batch/job",
            "p/q/default/",
        ),
        # Docker's own driver has no groups, whatever its options are called.
        (
            {"logDriver": "json-file", "options": {"awslogs-group": "/own"}},
            "/aws/batch/job",
            "d/default/",
        ),
    ],
)
def test_a_log_goes_where_its_configuration_says(
    configuration: dict[str, Any] | None, group: str, start: str
) -> None:
    stream = names.log_stream("d", JOB, 1, log_configuration=configuration)
    assert stream.group == group
    assert stream.name == start + names.log_stream_name("d", JOB, 1).split("/")[2]
