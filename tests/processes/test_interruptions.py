"""The seeded example on real containers: interrupted twice, it goes on where it was, each step once."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator

import pytest

from tests.images import busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes

STEPS = 6
INTERRUPT = """
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from jobs.models import Attempt
from jobs.services.attempts.interruptions import interrupt_attempts
now = timezone.now()
with transaction.atomic():
    told = interrupt_attempts(
        attempts=list(Attempt.objects.filter(job_id="{job}", ended_at=None)),
        reason="Other work needs its room.", kill_at=now + timedelta(seconds={seconds}), now=now,
    )
assert len(told) == 1
"""


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    with Installation(image=busybox_image(docker_engine_url)) as running:
        yield running


def has_done(
    installation: Installation, job_id: str, step: int, attempt: int
) -> Callable[[], bool]:
    def done() -> bool:
        attempts = installation.job(job_id)["attempts"]
        if len(attempts) < attempt or not attempts[-1]["started_at"]:
            return False
        return f"step {step}\n" in installation.log(job_id, attempt)

    return done


def test_the_seeded_example_is_interrupted_twice_and_does_each_step_once(
    installation: Installation,
) -> None:
    job_id = installation.submit(
        "careful", definition="checkpoint", parameters=json.dumps({"steps": str(STEPS)})
    )
    # Once with time to end by itself, and once killed at once.
    for attempt, (step, seconds) in enumerate([(2, 60), (4, 0)], start=1):
        wait_until(has_done(installation, job_id, step, attempt), what=f"step {step} is done")
        installation.manage("shell", "-c", INTERRUPT.format(job=job_id, seconds=seconds))
    job = installation.wait_for(job_id)
    assert job["status"] == "SUCCEEDED", job
    attempts = job["attempts"]
    assert len(attempts) == 3
    for each in attempts[:2]:
        assert each["status_reason"] == f"Host EC2 (instance {each['host_id']}) terminated."
        assert each["explanation"].startswith("Interrupted: Other work needs its room.")
    # It heard of it, and found the notice.
    first = installation.log(job_id, 1)
    assert '"action": "terminate"' in first
    printed = "".join(installation.log(job_id, number) for number in (1, 2, 3))
    steps = [f"step {number}" for number in range(1, STEPS + 1)]
    assert [line for line in printed.splitlines() if line.startswith("step ")] == steps

    done = "\n".join(steps) + "\n"
    wait_until(
        lambda: installation.job(job_id)["checkpoint"]["size_bytes"] == len(done),
        what="its checkpoint is measured",
    )
    listed = installation.get(f"/jobs/{job_id}/checkpoint/")
    assert [each["name"] for each in listed["files"]] == ["steps"]
    assert installation.read(listed["files"][0]["url"]) == done.encode()
    archive = installation.read(f"/jobs/{job_id}/checkpoint/archive/")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert tar.getnames() == [f"checkpoint-{job_id}", f"checkpoint-{job_id}/steps"]

    installation.post(f"/jobs/{job_id}/checkpoint/delete/")
    wait_until(
        lambda: installation.job(job_id)["checkpoint"]["removed_at"],
        what="its checkpoint is deleted",
    )
