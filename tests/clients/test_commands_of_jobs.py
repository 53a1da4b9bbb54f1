"""The command that a job's page gives, run by a shell with the AWS CLI, submits one like it."""

import json

import pytest

from tests.installation import Installation

from .clients import Clients

pytestmark = pytest.mark.processes
# Its number of attempts, and so on: what must be the same of both.
SAME = (
    *("jobName", "jobQueue", "jobDefinition", "parameters", "retryStrategy", "timeout", "tags"),
    *("arrayProperties", "propagateTags"),
)
OF_CONTAINER = ("command", "environment", "resourceRequirements", "image")


def test_the_command_of_a_job_submits_one_like_it(live: Installation, clients: Clients) -> None:
    job_id = live.submit(
        "it-is",
        command=json.dumps(["sh", "-c", "echo \"$GREETING\" it's 'quoted' \\ \u202e"]),
        environment=json.dumps([{"name": "GREETING", "value": "a\nb $(c) `d` 'e'"}]),
        vcpus="0.25",
        array_size="2",
        attempts="2",
        timeout_seconds="90",
        tags=json.dumps({"team": "blue & green"}),
    )
    command = live.get(f"/jobs/{job_id}/api/")["command"]
    again = json.loads(clients.shell(f"{command} \\\n  --output json"))["jobId"]
    first, second = clients.boto().describe_jobs(jobs=[job_id, again])["jobs"]
    for member in SAME:
        if member == "arrayProperties":
            assert first[member]["size"] == second[member]["size"]
        else:
            assert first.get(member) == second.get(member), member
    for member in OF_CONTAINER:
        assert first["container"].get(member) == second["container"].get(member), member
