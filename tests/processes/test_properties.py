"""Container properties, secrets and an array's variables on real containers."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.images import BUSYBOX, busybox_image
from tests.installation import Installation

pytestmark = pytest.mark.processes

SECRET = "s3cr3t of a test"


@pytest.fixture(scope="module")
def lent() -> Iterator[Path]:
    """A folder of this machine that the environment lends to jobs, for reading."""
    folder = Path(tempfile.mkdtemp(prefix="batchweb-lent-"))
    (folder / "greeting").write_text("from the host\n")
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    with Installation(image=busybox_image(docker_engine_url)) as running:
        yield running


def define(installation: Installation, script: str, **container: Any) -> str:
    return installation.define(
        jobDefinitionName="properties",
        type="container",
        containerProperties={
            "image": BUSYBOX,
            "command": ["sh", "-c", script],
            "resourceRequirements": [
                {"type": "VCPU", "value": "0.25"},
                {"type": "MEMORY", "value": "64"},
            ],
            **container,
        },
    )


def output(installation: Installation, script: str, **container: Any) -> str:
    """What a job with these properties writes; it must succeed."""
    job_id = installation.submit("work", definition=define(installation, script, **container))
    job = installation.wait_for(job_id)
    log = installation.log(job_id)
    assert job["status"] == "SUCCEEDED", (job["status_reason"], job["explanation"], log)
    return log


@pytest.mark.parametrize(
    ("script", "container", "expected"),
    [
        ("id -u; id -g", {"user": "1234:99"}, "1234\n99\n"),
        (
            "touch /file 2>/dev/null || echo refused",
            {"readonlyRootFilesystem": True},
            "refused\n",
        ),
        (
            "touch /scratch/file && df -m /scratch | awk 'NR==2 {print $2}'",
            {
                "readonlyRootFilesystem": True,
                "linuxParameters": {"tmpfs": [{"containerPath": "/scratch", "size": 8}]},
            },
            "8\n",
        ),
        (
            "df -m /dev/shm | awk 'NR==2 {print $2}'",
            {"linuxParameters": {"sharedMemorySize": 24}},
            "24\n",
        ),
        (
            "ulimit -n; ulimit -Hn",
            {"ulimits": [{"name": "nofile", "softLimit": 77, "hardLimit": 99}]},
            "77\n99\n",
        ),
        # Process 1 is the small one that hands signals on.
        (
            "echo $$ | grep -vx 1 >/dev/null && echo other",
            {"linuxParameters": {"initProcessEnabled": True}},
            "other\n",
        ),
        (
            "echo kept > /work/file && cat /work/file",
            {
                "volumes": [{"name": "work"}],
                "mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}],
            },
            "kept\n",
        ),
    ],
)
def test_properties_reach_the_container(
    script: str, container: dict[str, Any], expected: str, installation: Installation
) -> None:
    assert output(installation, script, **container) == expected


def test_a_host_path_is_for_environments_that_lend_it(
    installation: Installation, lent: Path
) -> None:
    mount = {
        "volumes": [{"name": "lent", "host": {"sourcePath": str(lent)}}],
        "mountPoints": [{"sourceVolume": "lent", "containerPath": "/lent", "readOnly": True}],
    }
    script = "cat /lent/greeting; touch /lent/x 2>/dev/null || echo refused"
    with pytest.raises(requests.HTTPError) as caught:
        installation.submit("work", definition=define(installation, script, **mount))
    assert caught.value.response.status_code == 400
    assert "does not lend jobs the path" in str(caught.value.response.json()["errors"])

    [environment] = installation.get("/environments/")["results"]
    allowed = f'[{{"path": "{lent}", "readOnly": true}}]'
    installation.post(f"/environments/{environment['name']}/", allowed_host_paths=allowed)
    assert output(installation, script, **mount) == "from the host\nrefused\n"


def test_privileged_is_for_environments_that_allow_it(installation: Installation) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        installation.submit("work", definition=define(installation, "true", privileged=True))
    assert "runs no privileged jobs" in str(caught.value.response.json()["errors"])


def test_a_secret_is_a_variable_of_the_container_and_nowhere_else_to_be_seen(
    installation: Installation,
) -> None:
    made = installation.post("/secrets/", name="db/password", value=SECRET)
    assert SECRET not in str(made)
    secrets = [{"name": "PASSWORD", "valueFrom": "db/password"}]
    definition = define(installation, 'echo "${#PASSWORD} ${PASSWORD%% *}"', secrets=secrets)
    job = installation.wait_for(installation.submit("work", definition=definition))
    assert installation.log(job["id"]) == f"{len(SECRET)} s3cr3t\n"
    assert SECRET not in str(job) + installation.logs()


def test_an_array_s_children_know_their_index(installation: Installation) -> None:
    definition = define(
        installation,
        "echo $AWS_BATCH_JOB_ID $AWS_BATCH_JOB_ARRAY_INDEX $AWS_BATCH_JOB_ARRAY_SIZE",
    )
    parent = installation.submit("work", definition=definition, array_size="3")
    assert installation.wait_for(parent)["status"] == "SUCCEEDED"
    for index in range(3):
        assert installation.log(f"{parent}:{index}") == f"{parent}:{index} {index} 3\n"
