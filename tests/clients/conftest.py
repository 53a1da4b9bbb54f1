"""One installation for all tests of clients: what they make has names of its own."""

from collections.abc import Iterator

import docker
import pytest

from benchmarks.moto import MotoServer
from tests.images import busybox_image, python_image
from tests.installation import Installation

from .clients import Clients
from .one_address import OneAddress
from .third_party import Ground, requirements_of
from .world import World

BUCKET = "workflows"
ROLE = "arn:aws:iam::123456789012:role/workflows"


@pytest.fixture(scope="session")
def live(docker_engine_url: str) -> Iterator[Installation]:
    """A whole installation, with a short grace time."""
    settings = {"BATCHWEB_STOP_GRACE_SECONDS": "1"}
    with Installation(image=busybox_image(docker_engine_url), environment=settings) as running:
        # Workflows wait for jobs of theirs that need an instance each: more than two CPUs have room for.
        running.post("/environments/local/engine/", cpu_overcommit="8")
        yield running


@pytest.fixture(scope="session")
def clients(live: Installation) -> Clients:
    """The clients of its administrator."""
    return Clients(live.dev_env())


@pytest.fixture(scope="session")
def one_address(live: Installation) -> Iterator[OneAddress]:
    """Batchweb, and a moto server for all that it is not."""
    with MotoServer() as moto, OneAddress(batchweb=live.url, others=moto.url) as address:
        yield address


@pytest.fixture(scope="session")
def ground(live: Installation, one_address: OneAddress, docker_engine_url: str) -> Ground:
    """What workflows of other makers' clients need."""
    engine = docker.DockerClient(base_url=docker_engine_url, timeout=600)
    try:
        image = python_image(engine, requirements_of("redun"))
        # The engine's machine, as containers see it.
        host = engine.networks.get("bridge").attrs["IPAM"]["Config"][0]["Gateway"]
    finally:
        engine.close()
    url = f"http://{host}:{one_address.port}"
    clients = Clients({**live.dev_env(), "AWS_ENDPOINT_URL": url})
    clients.boto("s3").create_bucket(Bucket=BUCKET)
    return Ground(clients, queue=_queue(clients), bucket=BUCKET, image=image, role=ROLE)


def _queue(clients: Clients) -> str:
    """One on a managed environment: Metaflow looks at what that is made of."""
    world, name = World(clients), "workflows"
    clients.boto().create_compute_environment(
        computeEnvironmentName=name,
        type="MANAGED",
        computeResources={
            "type": "EC2",
            "maxvCpus": 16,
            "instanceTypes": ["optimal"],
            "subnets": ["subnet-1"],
            "securityGroupIds": ["sg-1"],
            "instanceRole": "ecsInstanceRole",
        },
    )
    world.wait_for_environment(name, "VALID")
    clients.boto().create_job_queue(
        jobQueueName=name,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}],
    )
    world.wait_for_queue(name, "VALID")
    return name
