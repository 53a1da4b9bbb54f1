"""What is asked about instances must not read all that ever ran on them: one may live for months."""

from datetime import timedelta

import pytest
from django.db import connection

from jobs.domain.ids import new_job_id
from jobs.models import (
    Attempt,
    Capacity,
    ComputeEnvironment,
    EnvironmentType,
    Instance,
    Job,
    JobStatus,
    NodeState,
)
from jobs.scheduling.plan import Drain, EndCause, Interruption, Plan
from jobs.selectors.instances import busy_milli_vcpus, live_instances
from jobs.services.passes.instances import advance_instances, end_and_drain, interrupted_jobs
from jobs.services.passes.lease import Lease, Standby
from tests.builders import NOW, a_job, a_queue, an_attempt, an_environment, an_instance
from tests.selectors.test_plans import bad_steps, statements_of

pytestmark = pytest.mark.django_db

ENDED = 300
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def environment() -> ComputeEnvironment:
    """It has five instances, on each of which something runs beside much that has ended."""
    found = an_environment(
        type=EnvironmentType.MANAGED, compute_resources={"type": "SPOT", "instanceTypes": ["rack"]}
    )
    queue = a_queue(found)
    for _ in range(5):
        instance = an_instance(environment=found, is_spot=True, spot_usd_per_hour="0.04")
        job = a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1, started_at=NOW)
        of_it = {"environment": found, "node": instance.node, "capacity": Capacity.SPOT}
        live = an_attempt(job=job, instance=instance, started_at=NOW, **of_it)
        have_run(instance, live)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return found


def have_run(instance: Instance, like: Attempt) -> None:
    """Hundreds of jobs as that one's have run on an instance, and ended."""
    job = a_job(queue=like.job.queue, status=JobStatus.SUCCEEDED, started_at=NOW)
    of_job = {field.attname: getattr(job, field.attname) for field in Job._meta.concrete_fields}
    jobs = Job.objects.bulk_create(Job(**{**of_job, "id": new_job_id()}) for _ in range(ENDED))
    values = {
        field.attname: getattr(like, field.attname) for field in Attempt._meta.concrete_fields
    }
    end = {"id": None, "ended_at": NOW, "stopped_at": NOW, "removed_at": NOW}
    Attempt.objects.bulk_create(Attempt(**{**values, **end, "job_id": job.id}) for job in jobs)


@pytest.fixture
def lease() -> Lease:
    held = Standby(holder="test").try_acquire(monotonic=0.0)
    assert held is not None
    return held


def test_a_pass_looks_only_at_what_is_on_them_now(
    environment: ComputeEnvironment, lease: Lease
) -> None:
    statements = statements_of(lambda: advance_instances(lease=lease, now=LATER))
    assert len(statements) >= 6
    assert bad_steps(statements) == []


def test_an_interruption_looks_only_at_what_is_on_them_now(
    environment: ComputeEnvironment, lease: Lease
) -> None:
    first, second = Instance.objects.order_by("id")[:2]
    of_second = Attempt.objects.get(instance=second, ended_at=None)
    cause = EndCause.INTERRUPTED_FOR_ROOM
    plan = Plan(
        at=LATER,
        placements=(),
        waits=(),
        drains=(Drain(first.id, cause, "room", LATER),),
        interruptions=(Interruption(of_second.id, cause, "room", LATER),),
    )

    def interrupt() -> None:
        assert len(interrupted_jobs(plan)) == 2
        end_and_drain(plan=plan)

    assert bad_steps(statements_of(interrupt)) == []
    assert Attempt.objects.filter(interrupted_at=LATER).count() == 2


def test_a_look_at_an_environment_reads_only_what_is_on_its_instances_now(
    environment: ComputeEnvironment,
) -> None:
    def look() -> None:
        busy_milli_vcpus(environment=environment)
        live_instances(environment=environment, now=LATER)

    assert bad_steps(statements_of(look)) == []


def test_who_is_on_a_machine_that_is_gone_is_found_among_what_is_on_it_now(
    environment: ComputeEnvironment, lease: Lease
) -> None:
    instance = Instance.objects.order_by("id")[0]
    node = instance.node
    node.state = NodeState.DOWN
    node.save()

    statements = statements_of(lambda: advance_instances(lease=lease, now=LATER))

    instance.refresh_from_db()
    assert instance.end_cause == "HOST_LOST"
    # What its end costs is of all that ever ran on it: that is added up once.
    before = [
        each for each in statements if "cost_usd" not in each[0] and "idle_usd" not in each[0]
    ]
    assert bad_steps(before) == []
    assert Job.objects.filter(status=JobStatus.RUNNING).count() == 5
