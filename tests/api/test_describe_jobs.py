"""DescribeJobs tells all of a job that is known, to its owner."""

import pytest

from tests.api.asking import ask
from tests.builders import a_definition, a_queue, a_user

pytestmark = pytest.mark.django_db


def test_a_submitted_job_is_described() -> None:
    user, queue = a_user(), a_queue(name="high")
    ask(
        user,
        "RegisterJobDefinition",
        jobDefinitionName="hello",
        type="container",
        containerProperties={
            "image": "busybox",
            "command": ["echo"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "64"},
            ],
        },
    )
    found = ask(user, "SubmitJob", jobName="a", jobQueue="high", jobDefinition="hello")
    [job] = ask(user, "DescribeJobs", jobs=[found["jobId"]])["jobs"]
    assert job["status"] == "SUBMITTED"
    assert ask(user, "DescribeJobDefinitions")["jobDefinitions"][0]["revision"] == 1
    ask(user, "DeregisterJobDefinition", jobDefinition="hello:1")
