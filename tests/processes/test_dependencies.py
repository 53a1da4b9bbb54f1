"""Arrays that depend on each other, and stops in every state, with real containers."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

import pytest

from tests.images import BUSYBOX, busybox_image
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.processes

MORE_THAN_THERE_IS = "128"


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    grace = {"BATCHWEB_STOP_GRACE_SECONDS": "1"}
    with Installation(image=busybox_image(docker_engine_url), environment=grace) as running:
        yield running


def define(installation: Installation, script: str) -> str:
    return installation.define(
        jobDefinitionName="work",
        type="container",
        containerProperties={
            "image": BUSYBOX,
            "command": ["sh", "-c", script],
            "resourceRequirements": [
                {"type": "VCPU", "value": "0.1"},
                {"type": "MEMORY", "value": "32"},
            ],
        },
    )


def after(*job_ids: str, **more: str) -> str:
    """What a form says of the jobs that one waits for."""
    return json.dumps([{"job_id": job_id, **more} for job_id in job_ids] or [more])


def run_of(installation: Installation, job_id: str) -> tuple[datetime, datetime]:
    """When the only try of a job ran."""
    job = installation.job(job_id)
    assert job["status"] == "SUCCEEDED", (job["status_reason"], installation.log(job_id))
    return datetime.fromisoformat(job["started_at"]), datetime.fromisoformat(job["stopped_at"])


def test_children_of_a_sequential_array_run_one_after_the_other(installation: Installation) -> None:
    array = installation.submit(
        "steps",
        definition=define(installation, "sleep 0.2"),
        array_size="4",
        depends_on=after(type="SEQUENTIAL"),
    )
    installation.wait_for(array)
    runs = [run_of(installation, f"{array}:{index}") for index in range(4)]
    assert all(ended <= started for (_, ended), (started, _) in pairwise(runs))


def test_child_by_child_an_array_follows_another_one(installation: Installation) -> None:
    # Its last child ends long after the others, which do not make those that follow them wait.
    first = installation.submit(
        "first",
        definition=define(installation, "[ $AWS_BATCH_JOB_ARRAY_INDEX = 2 ] && sleep 5; true"),
        array_size="3",
    )
    second = installation.submit(
        "second",
        definition=define(installation, "true"),
        array_size="3",
        depends_on=after(first, type="N_TO_N"),
    )
    installation.wait_for(second)
    ends = [run_of(installation, f"{first}:{index}")[1] for index in range(3)]
    starts = [run_of(installation, f"{second}:{index}")[0] for index in range(3)]
    assert all(end <= start for end, start in zip(ends, starts, strict=True))
    assert starts[0] < ends[2]


def test_a_failure_travels_down_a_diamond_and_names_the_job_that_failed(
    installation: Installation,
) -> None:
    fails, works = define(installation, "exit 3"), define(installation, "true")
    top = installation.submit("top", definition=works)
    bad = installation.submit("bad", definition=fails, depends_on=after(top))
    good = installation.submit("good", definition=works, depends_on=after(top))
    bottom = installation.submit("bottom", definition=works, depends_on=after(bad, good))
    ended = installation.wait_for(bottom)
    assert ended["status"] == "FAILED"
    assert bad in ended["status_reason"]
    assert installation.wait_for(good)["status"] == "SUCCEEDED"
    assert installation.job(bottom)["attempts"] == []


@pytest.mark.parametrize("state", ["PENDING", "RUNNABLE", "RUNNING"])
@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_a_job_is_stopped_in_each_state(how: str, state: str, installation: Installation) -> None:
    waits = define(installation, "trap 'exit 7' TERM; sleep 600 & wait")
    other = installation.submit("other", definition=waits)
    more: dict[str, dict[str, str]] = {
        "PENDING": {"depends_on": after(other)},
        "RUNNABLE": {"vcpus": MORE_THAN_THERE_IS},
        "RUNNING": {},
    }
    job_id = installation.submit("stopped", definition=waits, **more[state])
    wait_until(lambda: installation.job(job_id)["status"] == state, what=f"it is {state}")
    installation.post(f"/jobs/{job_id}/{how}/", reason="by a test")
    if (how, state) == ("cancel", "RUNNING"):
        # AWS: nothing happens to what is placed already.
        assert installation.job(job_id)["status"] == "RUNNING"
        installation.post(f"/jobs/{job_id}/terminate/", reason="by a test")
    job = installation.wait_for(job_id)
    assert (job["status"], job["status_reason"]) == ("FAILED", "by a test")
    assert [attempt["exit_code"] for attempt in job["attempts"]] == (
        [7] if state == "RUNNING" else []
    )
    installation.post(f"/jobs/{other}/terminate/", reason="")
    installation.wait_for(other)
