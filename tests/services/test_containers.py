"""What a container is made of: variables, labels, properties, and what its environment lends it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from jobs.domain import names
from jobs.engines.base import HostMount, Tmpfs, Ulimit, VolumeMount
from jobs.engines.fake.world import SHELL_IMAGE, World, forget_world, world
from jobs.models import Attempt, Job, JobStatus
from jobs.services.attempts.containers import CannotPrepare, container_spec
from jobs.services.attempts.launch import launch_attempt
from jobs.services.attempts.reap import reap_attempt
from tests.builders import NOW, a_group, a_job, an_array, an_attempt, containers_of

pytestmark = pytest.mark.django_db


def placed(**fields: Any) -> Attempt:
    job = a_job(status=JobStatus.STARTING, attempts_made=1, **fields)
    return an_attempt(job=job)


def read(attempt: Attempt) -> Attempt:
    return Attempt.objects.select_related("job__spec", "job__queue", "environment").get(
        id=attempt.id
    )


def batch_variables(attempt: Attempt) -> dict[str, str]:
    environment = container_spec(read(attempt)).environment
    return {name: value for name, value in environment.items() if name.startswith("AWS_BATCH")}


def test_a_plain_job_knows_its_id_attempt_queue_and_environment() -> None:
    attempt = placed(environment=[{"name": "OWN", "value": "1"}])
    assert batch_variables(attempt) == {
        "AWS_BATCH_JOB_ID": str(attempt.job_id),
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JQ_NAME": attempt.job.queue.name,
        "AWS_BATCH_CE_NAME": attempt.environment.name,
    }
    spec = container_spec(read(attempt))
    assert spec.environment["OWN"] == "1"
    assert spec.network == names.network_name(
        settings.BATCHWEB_INSTALLATION, attempt.environment_id
    )
    assert (spec.pod, list(spec.aliases)) == ("", [])


@pytest.mark.parametrize(
    ("kind", "told"), [("", "AWS_ECS_EC2"), ("SPOT", "AWS_ECS_EC2"), ("FARGATE", "AWS_ECS_FARGATE")]
)
def test_a_job_is_told_what_it_runs_on_unless_it_says_so_itself(kind: str, told: str) -> None:
    attempt = placed()
    attempt.environment.compute_resources = {"type": kind} if kind else {}
    attempt.environment.save(update_fields=["compute_resources"])
    assert container_spec(read(attempt)).environment["AWS_EXECUTION_ENV"] == told

    own = placed(environment=[{"name": "AWS_EXECUTION_ENV", "value": "own"}])
    assert container_spec(read(own)).environment["AWS_EXECUTION_ENV"] == "own"


def test_an_array_s_child_knows_its_index_and_the_size() -> None:
    parent = an_array(3, children=JobStatus.STARTING)
    child = Job.objects.get(parent=parent, array_index=2)
    variables = batch_variables(an_attempt(job=child))
    assert variables["AWS_BATCH_JOB_ID"] == f"{parent.id}:2"
    assert variables["AWS_BATCH_JOB_ARRAY_INDEX"] == "2"
    assert variables["AWS_BATCH_JOB_ARRAY_SIZE"] == "3"


@pytest.mark.parametrize(("propagate", "labelled"), [(True, True), (False, False)])
def test_tags_become_labels_where_they_are_to_be_handed_on(propagate: bool, labelled: bool) -> None:
    attempt = placed(tags={"team": "blue"}, propagate_tags=propagate)
    labels = container_spec(read(attempt)).labels
    assert (labels.get("batchweb.tag.team") == "blue") is labelled
    assert labels[names.LABEL_ATTEMPT] == str(attempt.id)


def test_properties_of_a_job_reach_its_container() -> None:
    attempt = placed(
        container={
            "user": "1000:1000",
            "readonlyRootFilesystem": True,
            "ulimits": [{"name": "nofile", "softLimit": 64, "hardLimit": 128}],
            "linuxParameters": {
                "sharedMemorySize": 32,
                "initProcessEnabled": True,
                "tmpfs": [{"containerPath": "/scratch", "size": 16}],
            },
            "volumes": [{"name": "work"}],
            "mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}],
        }
    )
    spec = container_spec(read(attempt))
    assert (spec.user, spec.read_only_root, spec.init, spec.shm_mib) == (
        "1000:1000",
        True,
        True,
        32,
    )
    assert list(spec.ulimits) == [Ulimit("nofile", 64, 128)]
    assert list(spec.tmpfs) == [Tmpfs("/scratch", 16)]
    assert list(spec.mounts) == [
        VolumeMount(names.volume_name(attempt.job_id, 1, 0, "work"), "/work")
    ]


MOUNT = {
    "volumes": [{"name": "data", "host": {"sourcePath": "/data"}}],
    "mountPoints": [{"sourceVolume": "data", "containerPath": "/data", "readOnly": True}],
}


@pytest.mark.parametrize(
    ("container", "allowed", "fine"),
    [
        (MOUNT, {}, False),
        (MOUNT, {"allowed_host_paths": [{"path": "/data", "readOnly": True}]}, True),
        (MOUNT, {"allowed_host_paths": [{"path": "/other", "readOnly": True}]}, False),
        ({"privileged": True}, {}, False),
        ({"privileged": True}, {"allow_privileged": True}, True),
    ],
)
def test_what_the_environment_lends_is_looked_at_again(
    container: dict[str, Any], allowed: dict[str, Any], fine: bool
) -> None:
    attempt = placed(container=container)
    for field, value in allowed.items():
        setattr(attempt.environment, field, value)
    attempt.environment.save()
    if not fine:
        with pytest.raises(CannotPrepare, match=attempt.environment.name):
            container_spec(read(attempt))
        return
    spec = container_spec(read(attempt))
    assert spec.privileged or list(spec.mounts) == [HostMount("/data", "/data", True)]


def test_the_containers_of_one_node_share_a_pod_and_their_volumes() -> None:
    mounted = {"mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}]}
    first, second = a_group(
        ecs_properties=containers_of(
            {"name": "a", **mounted}, {"name": "b", **mounted}, volumes=[{"name": "work"}]
        )
    )
    one, other = container_spec(read(first)), container_spec(read(second))
    assert one.name != other.name
    assert one.pod == other.pod == names.pod_name(first.job_id, 1)
    assert list(one.mounts) == list(other.mounts)


# --- a plain job's way costs no more than it did -----------------------------------------


@pytest.fixture
def plain() -> Iterator[tuple[Attempt, World]]:
    attempt = placed(image=SHELL_IMAGE, command=["exit"])
    name = attempt.node.engine.url.removeprefix("fake://")
    yield attempt, world(name)
    forget_world(name)


def test_a_launch_takes_so_many_queries(
    plain: tuple[Attempt, World], django_assert_num_queries: Any
) -> None:
    attempt, _ = plain
    # In a transaction, read and claim; whether its image came with somebody's login; record; then, in another: lock
    # the job, the attempt, its log stream, the job, its history. (A transaction's begin and end count too.)
    with django_assert_num_queries(2 + 2 + 1 + 1 + 2 + 5):
        launch_attempt(attempt_id=attempt.id, now=NOW)


def test_a_reap_takes_so_many_queries(
    plain: tuple[Attempt, World], django_assert_num_queries: Any
) -> None:
    attempt, here = plain
    launch_attempt(attempt_id=attempt.id, now=NOW)
    # Read; then, in a transaction: lock, the attempt, the job, its history; the container's end. An end that is written
    # hours late costs one more (`services.costs`).
    with django_assert_num_queries(1 + 2 + 4 + 1):
        assert reap_attempt(attempt_id=attempt.id, now=timezone.now())
    assert not here.containers
