"""Names of ECS that are handed out can be read backwards."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import ecs_arns
from jobs.domain.arns import Arns
from jobs.domain.definitions.node_properties import MAX_NODES
from jobs.domain.ecs_arns import TaskKey
from jobs.domain.ids import MAX_CHILDREN, child_id, new_job_id
from jobs.domain.retry import MAX_ATTEMPTS

REALM = Arns(account="123456789012", region="us-east-1")
JOB = new_job_id()
INSTANCE = "i-0123456789abcdef0"

numbers = st.integers(1, MAX_ATTEMPTS)


@given(numbers, st.integers(0, MAX_NODES - 1))
def test_a_task_of_a_job_is_read_backwards(number: int, node: int) -> None:
    task = ecs_arns.task_id(JOB, number, node)
    assert ecs_arns.task_of(task) == TaskKey(JOB, number, node)


@given(numbers, st.integers(0, MAX_CHILDREN - 1))
def test_a_task_of_a_child_is_read_backwards(number: int, index: int) -> None:
    child = child_id(JOB, index)
    assert ecs_arns.task_of(ecs_arns.task_id(child, number)) == TaskKey(child, number, 0)


def test_each_node_of_each_try_of_each_job_has_a_task_of_its_own() -> None:
    jobs = [JOB, *(child_id(JOB, index) for index in range(50))]
    tasks = [ecs_arns.task_id(job, number) for job in jobs for number in range(1, 11)]
    tasks += [ecs_arns.task_id(JOB, number, node) for node in range(1, 50) for number in (1, 10)]
    assert len(set(tasks)) == len(tasks)


@pytest.mark.parametrize(
    "text",
    ["", "x", "0" * 32, ecs_arns.task_id(JOB, 1)[:-1], ecs_arns.task_id(JOB, 1).upper(), str(JOB)],
)
def test_other_texts_are_no_tasks(text: str) -> None:
    assert ecs_arns.task_of(text) is None


def test_a_cluster_tells_its_environment() -> None:
    uuid = uuid4()
    cluster = ecs_arns.cluster_name("my_Batch_place", uuid)
    assert cluster == f"my_Batch_place_Batch_{uuid}"
    assert ecs_arns.environment_uuid_in(cluster) == uuid


@pytest.mark.parametrize("text", ["", "default", "a_Batch_", f"_Batch_{UUID(int=0)}", "a_Batch_x"])
def test_other_names_are_no_clusters(text: str) -> None:
    assert ecs_arns.environment_uuid_in(text) is None


def test_a_container_instance_tells_its_instance() -> None:
    text = ecs_arns.container_instance_id(INSTANCE)
    assert len(text) == 32
    assert ecs_arns.instance_id_of(text) == INSTANCE


@pytest.mark.parametrize("text", ["", INSTANCE, "f" * 32, "0" * 31])
def test_other_texts_are_no_container_instances(text: str) -> None:
    assert ecs_arns.instance_id_of(text) is None


def test_arns_name_the_cluster() -> None:
    assert ecs_arns.task_arn(REALM, "c", "t") == "arn:aws:ecs:us-east-1:123456789012:task/c/t"
    assert ecs_arns.container_instance_arn(REALM, "c", INSTANCE) == (
        "arn:aws:ecs:us-east-1:123456789012:container-instance/c/0123456789abcdef0000000000000000"
    )
