"""AWS Batch's first steps with the real AWS CLI: the same commands, and a job that really runs."""

import json
from typing import Any

import pytest

from tests.installation import wait_until

from .clients import Clients

pytestmark = pytest.mark.processes

CREATE_ENVIRONMENT = """
aws batch create-compute-environment \
  --compute-environment-name first-environment \
  --type MANAGED \
  --state ENABLED \
  --compute-resources type=EC2,allocationStrategy=BEST_FIT_PROGRESSIVE,minvCpus=0,maxvCpus=16,\
instanceTypes=m4.large,subnets=subnet-220c0e0a,subnet-1a95556d,securityGroupIds=sg-cf5093b2,\
instanceRole=ecsInstanceRole
"""
CREATE_QUEUE = """
aws batch create-job-queue \
  --job-queue-name first-queue \
  --state ENABLED \
  --priority 1 \
  --compute-environment-order order=1,computeEnvironment=first-environment
"""
REGISTER = """
aws batch register-job-definition \
  --job-definition-name first-definition \
  --type container \
  --container-properties '{"image": "busybox:1.36", "vcpus": 1, "memory": 128, \
"command": ["echo", "hello", "world"]}'
"""
SUBMIT = """
aws batch submit-job --job-name first-job --job-queue first-queue --job-definition first-definition
"""


def test_the_first_example_of_aws_batch_runs_as_it_stands(clients: Clients) -> None:
    made = json.loads(clients.shell(CREATE_ENVIRONMENT))
    assert made["computeEnvironmentArn"].endswith(":compute-environment/first-environment")
    wait_until(
        lambda: (
            clients.aws(
                "batch",
                "describe-compute-environments",
                "--compute-environments",
                "first-environment",
            )["computeEnvironments"][0]["status"]
            == "VALID"
        ),
        what="the environment is VALID",
    )
    queue = json.loads(clients.shell(CREATE_QUEUE))
    assert queue["jobQueueArn"].endswith(":job-queue/first-queue")
    definition = json.loads(clients.shell(REGISTER))
    assert definition["revision"] == 1
    job = json.loads(clients.shell(SUBMIT))

    found = wait_until(lambda: _ended(clients, job["jobId"]), what="the job has ended")
    assert found["status"] == "SUCCEEDED", found
    stream = found["container"]["logStreamName"]
    events = clients.aws(
        "logs",
        "get-log-events",
        *("--log-group-name", "/aws/batch/job", "--log-stream-name", stream, "--start-from-head"),
    )["events"]
    assert [event["message"] for event in events] == ["hello world"]
    log = clients.tail("/aws/batch/job", "--log-stream-names", stream, "--format", "short")
    assert "hello world" in log


def _ended(clients: Clients, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = clients.aws("batch", "describe-jobs", "--jobs", job_id)["jobs"][0]
    return job if job["status"] in {"SUCCEEDED", "FAILED"} else {}
