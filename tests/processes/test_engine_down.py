"""A Docker Engine that goes down under running jobs, and comes back."""

from collections.abc import Callable, Iterator

import pytest

from tests.engines.daemon import Daemon
from tests.images import busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes

HOST_LOST = "Host EC2 (instance i-"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    one = Daemon()
    one.start()
    yield one
    one.remove()


@pytest.fixture(scope="module")
def installation(daemon: Daemon) -> Iterator[Installation]:
    image = busybox_image(daemon.url)
    with Installation(image=image, environment={"DOCKER_HOST": daemon.url}) as running:
        yield running


def environment_is(status: str, installation: Installation) -> Callable[[], bool]:
    return lambda: installation.get("/environments/")["results"][0]["status"] == status


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_its_jobs_end_as_host_loss_and_retry_and_what_waits_is_told_why(
    how: str, daemon: Daemon, installation: Installation
) -> None:
    # The first attempt would run far longer than the test; the second ends at once.
    command = 'sh -c "[ $AWS_BATCH_JOB_ATTEMPT = 2 ] || sleep 600"'
    retried = installation.submit("retried", command=command, attempts="2")
    given_up = installation.submit("given-up", command="sleep 600")
    for job_id in (retried, given_up):
        installation.wait_for(job_id, "RUNNING")

    daemon.stop() if how == "stopped" else daemon.kill()
    wait_until(environment_is("INVALID", installation), what="INVALID")
    row = installation.get("/environments/")["results"][0]
    assert "does not answer" in row["status_reason"]
    waiting = installation.submit("waiting", command="echo late")
    wait_until(
        lambda: "does not answer" in installation.job(waiting)["status_reason"],
        what="the waiting job says why",
    )

    daemon.start()
    wait_until(environment_is("VALID", installation), what="VALID again")
    assert installation.wait_for(waiting)["status"] == "SUCCEEDED"

    job = installation.wait_for(retried)
    assert (job["status"], len(job["attempts"])) == ("SUCCEEDED", 2)
    assert job["attempts"][0]["status_reason"].startswith(HOST_LOST)
    job = installation.wait_for(given_up)
    assert job["status"] == "FAILED"
    assert job["status_reason"].startswith(HOST_LOST)
