"""Managed environments: their own fields, and changes held against what runs there."""

from typing import Any

import pytest

from jobs.domain.errors import InvalidInput
from jobs.domain.states import JobStatus
from jobs.models import Attempt, ComputeEnvironment, Engine
from jobs.services.setup.environments import create_environment, update_environment
from tests.builders import (
    NOW,
    a_job,
    a_node,
    a_queue,
    an_attempt,
    an_engine,
    an_instance,
    an_instance_type,
    load_catalogue,
)

pytestmark = pytest.mark.django_db
EC2: dict[str, Any] = {
    "type": "EC2",
    "maxvCpus": 16,
    "instanceTypes": ["family.large"],
    "allocationStrategy": "BEST_FIT_PROGRESSIVE",
    "subnets": ["subnet"],
    "securityGroupIds": ["group"],
    "instanceRole": "role",
}
FARGATE = {
    "type": "FARGATE",
    "maxvCpus": 16,
    "subnets": ["subnet"],
    "securityGroupIds": ["group"],
}


@pytest.fixture
def engine() -> Engine:
    an_instance_type("family.large")
    return a_node(engine=an_engine(name="local")).engine


def make(resources: dict[str, Any] = EC2, **fields: Any) -> ComputeEnvironment:
    values = {"name": "new", "engine": "local", "type": "MANAGED", "compute_resources": resources}
    return create_environment(fields={**values, **fields}, now=NOW)


def change(environment: ComputeEnvironment, **fields: Any) -> ComputeEnvironment:
    return update_environment(environment=environment, fields=fields)


def a_running_attempt(environment: ComputeEnvironment, **fields: Any) -> Attempt:
    job = a_job(queue=a_queue(environment), status=JobStatus.RUNNING, attempts_made=1)
    return an_attempt(job=job, **fields)


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({}, (None, None)),
        ({"idle_seconds": "", "interruption_seconds": " "}, (None, None)),
        ({"idle_seconds": "0", "interruption_seconds": 0}, (0, 0)),
        ({"idle_seconds": 86_400, "interruption_seconds": "3600"}, (86_400, 3600)),
    ],
)
def test_idle_and_notice_time_may_be_its_own(
    fields: dict[str, Any], kept: tuple[int | None, int | None], engine: Engine
) -> None:
    environment = make(**fields)
    environment = change(environment, state="DISABLED")
    assert (environment.idle_seconds, environment.interruption_seconds) == kept
    change(environment, idle_seconds="", interruption_seconds="")
    environment.refresh_from_db()
    assert (environment.idle_seconds, environment.interruption_seconds) == (None, None)


@pytest.mark.parametrize("value", ["-1", 86_401, "soon", 1.5])
@pytest.mark.parametrize("field", ["idle_seconds", "interruption_seconds"])
def test_other_times_are_refused(field: str, value: object, engine: Engine) -> None:
    fields: dict[str, Any] = {field: value}
    with pytest.raises(InvalidInput) as caught:
        make(**fields)
    assert list(caught.value.errors) == [field]
    assert "whole seconds. Leave it empty for the usual time." in caught.value.errors[field][0]


@pytest.mark.parametrize("field", ["idle_seconds", "interruption_seconds"])
def test_an_unmanaged_environment_has_no_such_times(field: str, engine: Engine) -> None:
    with pytest.raises(InvalidInput) as caught:
        create_environment(fields={"name": "new", "engine": "local", field: 5}, now=NOW)
    assert caught.value.errors == {field: ["Only a MANAGED environment has this."]}
    create_environment(fields={"name": "new", "engine": "local", field: ""}, now=NOW)


@pytest.mark.parametrize("kind", ["EC2", "SPOT"])
def test_a_maximum_below_the_instances_that_jobs_are_on_is_refused(
    kind: str, engine: Engine
) -> None:
    environment = make({**EC2, "type": kind})
    busy = an_instance(environment=environment, milli_vcpus=8000)
    an_instance(environment=environment, milli_vcpus=4000)
    attempt = a_running_attempt(environment, instance=busy)
    with pytest.raises(InvalidInput, match="compute_resources: maxvCpus: Jobs run on 8 vCPUs of"):
        change(environment, compute_resources={"maxvCpus": 7})
    with pytest.raises(InvalidInput, match="max_vcpus: Jobs run on 8 vCPUs of instances now"):
        change(environment, max_vcpus="7")
    environment.refresh_from_db()
    assert environment.compute_resources["maxvCpus"] == 16
    # Instances without jobs are ended to fit, other types drain.
    change(environment, compute_resources={"maxvCpus": 8})
    change(environment, compute_resources={"instanceTypes": ["family"], "bidPercentage": 50})
    Attempt.objects.filter(pk=attempt.pk).update(ended_at=NOW)
    change(environment, compute_resources={"maxvCpus": 2})


def test_a_maximum_below_what_jobs_hold_on_fargate_is_refused(engine: Engine) -> None:
    environment = make(FARGATE)
    a_running_attempt(environment, milli_vcpus=2250, memory_mib=4096)
    with pytest.raises(
        InvalidInput, match=r"maxvCpus: Jobs that run now hold 2.25 vCPUs. Give at l"
    ):
        change(environment, compute_resources={"maxvCpus": 2})
    change(environment, compute_resources={"maxvCpus": 3})


def test_what_was_right_when_it_was_made_stands_against_no_other_change(engine: Engine) -> None:
    environment = make()
    engine.nodes.update(milli_vcpus=1000)
    change(environment, state="DISABLED", compute_resources={"maxvCpus": 4, "minvCpus": 2})
    change(environment, max_vcpus="8")
    with pytest.raises(InvalidInput, match="No node of the engine local can hold any of these"):
        change(environment, compute_resources={"instanceTypes": ["family"]})


def test_vcpus_that_are_handed_out_beyond_those_that_there_are_count(engine: Engine) -> None:
    an_instance_type("family.xlarge", milli_vcpus=8000, memory_mib=8192)
    wide = {**EC2, "instanceTypes": ["family.xlarge"]}
    with pytest.raises(InvalidInput, match="has 4 vCPU, 8 GiB, and the smallest type"):
        make(wide)
    Engine.objects.update(cpu_overcommit=2)
    make(wide)


def test_the_bundles_are_of_the_catalogue() -> None:
    load_catalogue()
    an_engine(name="local")
    for name in ("optimal", "default_x86_64", "default_arm64", "m4", "m4.large"):
        make({**EC2, "instanceTypes": [name]}, name=name.replace(".", "-"))
    with pytest.raises(InvalidInput, match="All types have one architecture"):
        make({**EC2, "instanceTypes": ["optimal", "m6g"]})
