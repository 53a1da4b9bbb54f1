"""Jobs that cannot work, and output that is hard to show, on a whole installation."""

from collections.abc import Iterator

import pytest
import requests

from tests.images import busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    with Installation(image=busybox_image(docker_engine_url)) as running:
        yield running


def test_an_image_that_no_registry_has_fails_the_job_with_the_reason(
    installation: Installation,
) -> None:
    # Port 1 of this machine: refused at once.
    job = installation.wait_for(installation.submit("image", image="127.0.0.1:1/nosuch:1"))
    assert job["status"] == "FAILED"
    assert job["status_reason"].startswith("CannotPullContainerError: 127.0.0.1:1/nosuch:1: ")


def test_a_command_that_the_image_has_not_fails_the_job_with_the_reason(
    installation: Installation,
) -> None:
    job = installation.wait_for(installation.submit("command", command="nosuch"))
    assert (job["status"], job["exit_code"]) == ("FAILED", 127)
    assert job["explanation"].startswith("The command could not be run: ")


def test_more_memory_than_any_machine_has_waits_and_says_so(installation: Installation) -> None:
    job_id = installation.submit("huge", memory_mib="9000000")
    wait_until(
        lambda: (
            "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT" in installation.job(job_id)["status_reason"]
        ),
        what="the reason",
    )
    installation.post(f"/jobs/{job_id}/cancel/", reason="too large")
    assert installation.wait_for(job_id)["status_reason"] == "too large"


def test_words_that_a_shell_would_not_take_are_refused(installation: Installation) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        installation.submit("words", command="echo 'open")
    assert caught.value.response.status_code == 400
    assert "close every quote" in caught.value.response.json()["errors"]["command"][0]


def test_bytes_that_are_not_utf_8_are_kept_as_they_came(installation: Installation) -> None:
    job = installation.wait_for(
        installation.submit("bytes", command=r"printf '\377\376 caf\351\n'")
    )
    assert job["status"] == "SUCCEEDED"
    assert installation.log(job["id"]) == b"\xff\xfe caf\xe9\n".decode(errors="replace")
