"""Jobs with a role: boto3 inside their containers works without any key, and only as long as they run."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import docker
import pytest
from botocore.exceptions import ClientError

from jobs.engines.docker_engine.service_address import NETWORK
from tests.images import busybox_image, python_image
from tests.installation import ROOT, Installation

pytestmark = pytest.mark.processes

# Those of a client that is tested anyway: boto3 is among them.
REQUIREMENTS = ROOT / "tests" / "clients" / "requirements" / "redun.txt"
ROLE = "arn:aws:iam::123456789012:role/submitter"
# What there is, is its role's.
NO_KEYS = """
import json, os, boto3
assert not [name for name in os.environ if name in ("AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_PROFILE")]
session = boto3.Session()
credentials = session.get_credentials()
said = {
    "method": credentials.method,
    "key": credentials.get_frozen_credentials()._asdict(),
    "account": session.client("sts").get_caller_identity()["Account"],
}
"""
SUBMITS = f"""{NO_KEYS}
batch = session.client("batch")
said["child"] = batch.submit_job(jobName="child", jobQueue="default", jobDefinition="hello")["jobId"]
me = batch.describe_jobs(jobs=[os.environ["AWS_BATCH_JOB_ID"]])["jobs"][0]
said["status"], said["role"] = me["status"], me["container"]["jobRoleArn"]
print(json.dumps(said))
"""
SAYS = f"{NO_KEYS}\nprint(json.dumps(said))\n"


@pytest.fixture(scope="module")
def image(docker_engine_url: str) -> str:
    """One with boto3."""
    engine = docker.DockerClient(base_url=docker_engine_url, timeout=600)
    try:
        return python_image(engine, REQUIREMENTS)
    finally:
        engine.close()


@pytest.fixture(scope="module")
def installation(docker_engine_url: str) -> Iterator[Installation]:
    with Installation(image=busybox_image(docker_engine_url)) as running:
        yield running


def container(image: str, script: str, **fields: Any) -> dict[str, Any]:
    return {
        "image": image,
        "command": ["python", "-c", script],
        "resourceRequirements": [
            {"type": "VCPU", "value": "0.5"},
            {"type": "MEMORY", "value": "256"},
        ],
        **fields,
    }


def submit(installation: Installation, **definition: Any) -> str:
    definition = {"jobDefinitionName": "with-role", "type": "container", **definition}
    return installation.submit("with-role", definition=installation.define(**definition))


def said_by(installation: Installation, job_id: str, **which: int) -> dict[str, Any]:
    last = installation.log(job_id, **which).splitlines()[-1]
    return dict(json.loads(last))


def client(installation: Installation, key: dict[str, str]) -> Any:
    return boto3.client(
        "batch",
        endpoint_url=installation.url,
        region_name="us-east-1",
        aws_access_key_id=key["access_key"],
        aws_secret_access_key=key["secret_key"],
        aws_session_token=key["token"],
    )


def test_a_job_submits_another_with_its_role_which_ends_with_it(
    installation: Installation, image: str
) -> None:
    properties = container(image, SUBMITS, jobRoleArn=ROLE)
    parent = submit(installation, containerProperties=properties)
    ended = installation.wait_for(parent)
    assert ended["status"] == "SUCCEEDED", installation.log(parent)
    said = said_by(installation, parent)
    assert (said["method"], said["status"], said["role"]) == ("container-role", "RUNNING", ROLE)

    child = installation.wait_for(said["child"])
    assert (child["status"], child["owner"]) == ("SUCCEEDED", ended["owner"])

    with pytest.raises(ClientError) as refused:
        client(installation, said["key"]).describe_job_queues()
    assert refused.value.response["Error"]["Code"] == "ExpiredTokenException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_containers_and_nodes_have_credentials_each_of_their_own(
    installation: Installation, image: str
) -> None:
    task = {
        "taskRoleArn": ROLE,
        "containers": [
            container(image, SAYS, name="first", essential=False),
            container(
                image,
                SAYS,
                name="second",
                dependsOn=[{"containerName": "first", "condition": "COMPLETE"}],
            ),
        ],
    }
    several = submit(
        installation,
        jobDefinitionName="task-with-role",
        ecsProperties={"taskProperties": [task]},
    )
    nodes = submit(
        installation,
        jobDefinitionName="nodes-with-role",
        type="multinode",
        nodeProperties={
            "numNodes": 2,
            "mainNode": 0,
            "nodeRangeProperties": [
                {"targetNodes": "0:1", "container": container(image, SAYS, jobRoleArn=ROLE)}
            ],
        },
    )
    for job in installation.wait_for_all([several, nodes]):
        assert job["status"] == "SUCCEEDED", job
    said = [
        said_by(installation, several, container=0),
        said_by(installation, several, container=1),
        said_by(installation, nodes, node=0),
    ]
    assert {each["method"] for each in said} == {"container-role"}
    assert len({each["key"]["access_key"] for each in said}) == len(said)


def test_the_address_comes_back_with_the_next_job_where_somebody_removed_it(
    installation: Installation, image: str, docker_engine_url: str
) -> None:
    properties = container(image, SAYS, jobRoleArn=ROLE)
    for removed in (False, True):
        if removed:
            _remove_network(docker_engine_url)
        job_id = submit(installation, containerProperties=properties)
        ended = installation.wait_for(job_id)
        assert ended["status"] == "SUCCEEDED", installation.log(job_id)


def _remove_network(docker_engine_url: str) -> None:
    engine = docker.DockerClient(base_url=docker_engine_url)
    try:
        engine.networks.get(NETWORK).remove()
    finally:
        engine.close()


def test_tokens_of_jobs_are_shown_nowhere(installation: Installation, image: str) -> None:
    script = "import os; print(os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN'])"
    properties = container(image, script, jobRoleArn=ROLE)
    job_id = submit(installation, containerProperties=properties)
    installation.wait_for(job_id)
    token = installation.log(job_id).strip()
    assert len(token) > 40
    keys = installation.dev_env()
    batch = boto3.client(
        "batch",
        endpoint_url=installation.url,
        region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    shown = [batch.describe_jobs(jobs=[job_id]), installation.job(job_id)]
    assert token not in json.dumps(shown, default=str)
    assert token not in installation.logs()
