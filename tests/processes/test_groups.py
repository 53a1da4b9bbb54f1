"""Jobs of several containers and of several nodes, really run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import docker
import pytest

from tests.images import BUSYBOX, busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes

TIMED_OUT = "Job attempt duration exceeded timeout"
# Says that it was told, and ends.
WAITS = 'trap "echo told; exit 7" TERM; echo ready; sleep 600 & wait'
MOVE = """
from datetime import datetime
from jobs.models import Attempt
moved = Attempt.objects.filter(job_id="{job_id}", ended_at=None)
assert moved.update(deadline_at=datetime.fromisoformat("{at}"))
"""


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    grace = {"BATCHWEB_STOP_GRACE_SECONDS": "2"}
    with Installation(image=busybox_image(docker_engine_url), environment=grace) as running:
        yield running


def container(name: str, script: str, **fields: Any) -> dict[str, Any]:
    return {**plain(script, **fields), "name": name}


def plain(script: str, **fields: Any) -> dict[str, Any]:
    return {
        "image": BUSYBOX,
        "command": ["sh", "-c", script],
        "resourceRequirements": [
            {"type": "VCPU", "value": "0.1"},
            {"type": "MEMORY", "value": "32"},
        ],
        **fields,
    }


def after(name: str, condition: str) -> dict[str, Any]:
    return {"dependsOn": [{"containerName": name, "condition": condition}]}


def submit_task(
    installation: Installation,
    *containers: dict[str, Any],
    volumes: tuple[str, ...] = (),
    **job: str,
) -> str:
    task: dict[str, Any] = {"containers": list(containers)}
    if volumes:
        task["volumes"] = [{"name": name} for name in volumes]
    definition = installation.define(
        jobDefinitionName="several",
        type="container",
        ecsProperties={"taskProperties": [task]},
    )
    return installation.submit("several", definition=definition, **job)


def submit_nodes(installation: Installation, count: int, group: dict[str, Any], **job: str) -> str:
    definition = installation.define(
        jobDefinitionName="nodes",
        type="multinode",
        nodeProperties={
            "numNodes": count,
            "mainNode": 0,
            "nodeRangeProperties": [{"targetNodes": f"0:{count - 1}", **group}],
        },
    )
    return installation.submit("nodes", definition=definition, **job)


def rows(job: dict[str, Any]) -> list[tuple[str, int | None]]:
    return [(row["container"], row["exit_code"]) for row in job["attempts"]]


def assert_nothing_is_left(installation: Installation, job_id: str) -> None:
    """No container, pod, volume or network of the job stays on the engine."""
    client = docker.DockerClient()

    def left() -> list[str]:
        found = [
            *(each.name for each in client.containers.list(all=True, ignore_removed=True)),
            *(each.name for each in client.networks.list()),
            *(each.name for each in client.volumes.list()),
        ]
        return [name for name in found if name and job_id in name]

    try:
        wait_until(lambda: not left(), what=f"nothing is left of {job_id}")
    finally:
        client.close()


def test_containers_start_in_order_share_a_volume_and_meet_on_localhost(
    installation: Installation,
) -> None:
    mount = {"mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}]}
    job_id = submit_task(
        installation,
        container("init", "echo prepared > /work/file", essential=False, **mount),
        container(
            "server",
            "while :; do nc -l -p 8000 < /work/file; done",
            essential=False,
            **after("init", "SUCCESS"),
            **mount,
        ),
        container(
            "app",
            "until nc 127.0.0.1 8000 < /dev/null > /tmp/got && [ -s /tmp/got ]; do sleep 0.1; done; cat /tmp/got",
            **after("server", "START"),
        ),
        volumes=("work",),
    )
    job = installation.wait_for(job_id)
    assert (job["status"], job["exit_code"]) == ("SUCCEEDED", 0), job
    assert installation.log(job_id, container=2) == "prepared\n"
    init, server, app = job["attempts"]
    assert init["stopped_at"] <= server["started_at"] <= app["started_at"]
    assert (init["exit_code"], app["exit_code"]) == (0, 0)
    assert server["status_reason"] == "Essential container in task exited"
    assert_nothing_is_left(installation, job_id)


def test_a_success_that_does_not_come_fails_the_job_in_words(installation: Installation) -> None:
    job_id = submit_task(
        installation,
        container("init", "exit 5", essential=False),
        container("app", "echo never", **after("init", "SUCCESS")),
        container("side", WAITS, essential=False),
    )
    job = installation.wait_for(job_id)
    assert job["status"] == "FAILED"
    assert job["status_reason"] == (
        "CannotStartContainerError: app depends on init, which ended with exit code 5."
    )
    assert rows(job)[:2] == [("init", 5), ("app", None)]
    assert_nothing_is_left(installation, job_id)


def test_the_end_of_a_container_that_is_not_essential_changes_nothing(
    installation: Installation,
) -> None:
    job_id = submit_task(
        installation,
        container("side", "exit 5", essential=False),
        container("app", "echo done", **after("side", "COMPLETE")),
    )
    job = installation.wait_for(job_id)
    assert (job["status"], rows(job)) == ("SUCCEEDED", [("side", 5), ("app", 0)])
    assert installation.log(job_id, container=1) == "done\n"


def test_an_essential_failure_fails_the_job_and_is_tried_again_once(
    installation: Installation,
) -> None:
    job_id = submit_task(
        installation,
        container("app", "sleep 0.5; exit $((10 + AWS_BATCH_JOB_ATTEMPT))"),
        container("other", WAITS),
        attempts="2",
    )
    job = installation.wait_for(job_id)
    assert (job["status"], job["exit_code"]) == ("FAILED", 12)
    assert [row["number"] for row in job["attempts"]] == [1, 1, 2, 2]
    assert [row["exit_code"] for row in job["attempts"]][::2] == [11, 12]
    assert [each["to"] for each in job["transitions"]].count("RUNNING") == 2


def test_out_of_memory_in_one_container_is_told(installation: Installation) -> None:
    job_id = submit_task(
        installation,
        container("app", "tail /dev/zero"),
        container("other", WAITS, essential=False),
    )
    job = installation.wait_for(job_id)
    assert (job["status"], job["exit_code"]) == ("FAILED", 137)
    app, other = job["attempts"]
    assert app["oom_killed"]
    assert app["reason"] == "OutOfMemoryError: Container killed due to memory usage"
    assert not other["oom_killed"]


MEET = """
if [ $AWS_BATCH_JOB_NODE_INDEX = $AWS_BATCH_JOB_MAIN_NODE_INDEX ]; then
    seen=
    until [ "$(echo $seen | wc -w)" = $((AWS_BATCH_JOB_NUM_NODES - 1)) ]; do
        got=$(nc -l -p 9000)
        case " $seen " in *" $got "*) ;; *) seen="$seen $got" ;; esac
    done
    echo $seen | xargs -n 1 | sort
else
    echo "$AWS_BATCH_JOB_ID calls $AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"
    while :; do
        echo node-$AWS_BATCH_JOB_NODE_INDEX | nc -w 1 $AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS 9000 \
            2> /dev/null
        sleep 0.2
    done
fi
"""


def test_three_nodes_meet_at_the_main_node_s_address(installation: Installation) -> None:
    job_id = submit_nodes(installation, 3, {"container": plain(MEET)})
    job = installation.wait_for(job_id)
    assert (job["status"], job["exit_code"]) == ("SUCCEEDED", 0), job
    assert installation.log(job_id) == "node-1\nnode-2\n"
    main, *others = job["attempts"]
    for row in others:
        assert main["started_at"] <= row["started_at"]
        log = installation.log(job_id, node=row["node_index"])
        assert log == f"{job_id}#{row['node_index']} calls {main['address']}\n"
    assert_nothing_is_left(installation, job_id)


def test_nodes_of_several_containers_have_a_localhost_each(installation: Installation) -> None:
    server = container(
        "server",
        "while :; do echo $AWS_BATCH_JOB_NODE_INDEX | nc -l -p 8000; done",
        essential=False,
    )
    app = container(
        "app",
        "until nc 127.0.0.1 8000 < /dev/null > /tmp/got && [ -s /tmp/got ]; do sleep 0.1; done; cat /tmp/got;"
        "[ $AWS_BATCH_JOB_NODE_INDEX = 1 ] || sleep 2",
        **after("server", "START"),
    )
    group = {"ecsProperties": {"taskProperties": [{"containers": [server, app]}]}}
    job_id = submit_nodes(installation, 2, group)
    job = installation.wait_for(job_id)
    assert job["status"] == "SUCCEEDED", job
    assert installation.log(job_id, node=0, container=1) == "0\n"
    assert installation.log(job_id, node=1, container=1) == "1\n"
    assert_nothing_is_left(installation, job_id)


def running(installation: Installation, kind: str) -> str:
    """A job of several containers or nodes, once all of them run and have said so."""
    if kind == "containers":
        first, second = container("a", WAITS), container("b", WAITS, essential=False)
        job_id = submit_task(installation, first, second, timeout_seconds="60", attempts="2")
        logs = [{"container": 0}, {"container": 1}]
    else:
        job_id = submit_nodes(
            installation, 2, {"container": plain(WAITS)}, timeout_seconds="60", attempts="2"
        )
        logs = [{"node": 0}, {"node": 1}]

    def ready() -> bool:
        job = installation.job(job_id)
        return (
            job["status"] == "RUNNING"
            and all(row["started_at"] for row in job["attempts"])
            and all("ready" in installation.log(job_id, **which) for which in logs)
        )

    wait_until(ready, what="all of it runs")
    return job_id


@pytest.mark.parametrize("kind", ["containers", "nodes"])
def test_terminate_tells_all_of_them(kind: str, installation: Installation) -> None:
    job_id = running(installation, kind)
    installation.post(f"/jobs/{job_id}/terminate/", reason="enough")
    job = installation.wait_for(job_id)
    assert (job["status"], job["status_reason"]) == ("FAILED", "enough")
    assert [row["exit_code"] for row in job["attempts"]] == [7, 7]
    assert_nothing_is_left(installation, job_id)


@pytest.mark.parametrize("kind", ["containers", "nodes"])
def test_a_time_limit_ends_all_of_them_and_there_is_no_second_try(
    kind: str, installation: Installation
) -> None:
    job_id = running(installation, kind)
    at = datetime.now(UTC) + timedelta(seconds=4)
    installation.manage("shell", "-c", MOVE.format(job_id=job_id, at=at.isoformat()))
    job = installation.wait_for(job_id)
    assert (job["status"], job["status_reason"]) == ("FAILED", TIMED_OUT)
    assert [row["exit_code"] for row in job["attempts"]] == [7, 7]
    assert {row["status_reason"] for row in job["attempts"]} == {TIMED_OUT}
