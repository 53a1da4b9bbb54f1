"""The estimate beside the submit form: what a job would cost on each kind of capacity."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import ComputeEnvironment, EnvironmentType, JobDefinition, JobStatus
from jobs.selectors.jobs import RunSeconds, run_seconds
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_node,
    a_queue,
    an_environment,
    an_instance_type,
)

pytestmark = pytest.mark.django_db


def ran(definition: JobDefinition, *seconds: int) -> None:
    for each in seconds:
        a_job(
            definition=definition,
            status=JobStatus.SUCCEEDED,
            started_at=NOW,
            stopped_at=NOW + timedelta(seconds=each),
        )


def checked(client: Client, environment: ComputeEnvironment, definition: JobDefinition) -> str:
    """What the form says beside a submission of the definition as it is."""
    fields = {
        "name": "x",
        "queue": a_queue(environment).name,
        "definition": definition.name,
        "vcpus": "1",
        "memory_mib": "2048",
        "attempts": "1",
    }
    answer = client.post("/submit/check/", fields)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def managed(kind: str, **resources: object) -> ComputeEnvironment:
    return an_environment(
        engine=a_node(milli_vcpus=64000, memory_mib=262144).engine,
        type=EnvironmentType.MANAGED,
        compute_resources={
            "type": kind,
            "minvCpus": 0,
            "desiredvCpus": 0,
            "maxvCpus": 16,
            "allocationStrategy": "BEST_FIT_PROGRESSIVE",
            **resources,
        },
    )


def test_run_times_are_the_median_and_the_nine_tenths() -> None:
    definition = a_definition()
    assert run_seconds(definition) is None
    ran(definition, *range(10, 110, 10))
    assert run_seconds(definition) == RunSeconds(median=55.0, p90=90.0, p95=100.0)


def test_all_kinds_stand_side_by_side(client: Client, boss: User) -> None:
    an_instance_type("m5.large", memory_mib=8192)
    definition = a_definition(milli_vcpus=1000, memory_mib=2048)
    # Ten runs of 6 to 60 minutes: half of them took 33, nine of ten at most 54.
    ran(definition, *range(360, 3601, 360))
    html = checked(client, an_environment(name="here"), definition)
    # Own and Fargate: 0.04937 x 33/60 = 0.02715, x 54/60 = 0.04443.
    assert "$0.0272" in html
    assert "$0.0444" in html
    # Its part of m5.large: (1/2 + 1/4) / 2 = 3/8 of 0.1.
    assert "Its part of m5.large; alone there, $0.1000 an hour." in html
    assert "$0.0375" in html
    # Spot: 3/8 of 0.04; Fargate Spot: 30 % of 0.04937.
    assert "$0.0150" in html
    assert "$0.0148" in html
    for label in ("here", "On-Demand instance", "Spot instance", "Fargate", "Fargate Spot"):
        assert label in html


@pytest.mark.parametrize(
    ("kind", "resources", "text"),
    [
        ("EC2", {"instanceTypes": ["m5.large"]}, "Its part of m5.large"),
        ("SPOT", {"instanceTypes": ["m5"]}, "This queue’s: Spot instance"),
        ("FARGATE", {}, "1 vCPU with 2 GiB"),
        ("EC2", {"instanceTypes": ["t3.nano"]}, "None of its instance types is large enough"),
    ],
)
def test_the_queues_own_environment_is_priced_as_what_it_is(
    client: Client, boss: User, kind: str, resources: dict[str, object], text: str
) -> None:
    an_instance_type("m5.large", family="m5", memory_mib=8192)
    definition = a_definition(milli_vcpus=1000, memory_mib=2048)
    assert text in checked(client, managed(kind, **resources), definition)


def test_what_fargate_does_not_have_is_said(client: Client, boss: User) -> None:
    definition = a_definition(milli_vcpus=1000, memory_mib=2048, gpus=1)
    html = checked(client, an_environment(engine=a_node(gpus=2).engine), definition)
    assert "Has no GPUs." in html
    assert "No instance type of the catalogue is large enough." in html
