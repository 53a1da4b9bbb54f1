"""What has added up in a server that has been in use: costs, metrics, an audit trail, events sent, for `world`."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User

from jobs.models import (
    AuditDoor,
    AuditEntry,
    Capacity,
    ComputeEnvironment,
    CostHour,
    DeliveryState,
    EnvironmentMetric,
    EventDelivery,
    EventRule,
    Job,
    JobDefinition,
    JobQueue,
    MetricSpan,
    QueueMetric,
)

from .builders import a_user, an_event_rule

HOURS = MINUTES = 3


def costs_of(
    user: User,
    environment: ComputeEnvironment,
    queue: JobQueue,
    definition: JobDefinition,
    now: datetime,
) -> None:
    """What attempts cost in the last hours."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    for ago in range(1, HOURS + 1):
        CostHour.objects.create(
            hour=hour - timedelta(hours=ago),
            environment=environment,
            capacity=Capacity.UNMANAGED,
            queue=queue,
            definition=definition,
            owner=user,
            attempts=3,
            seconds=600,
            usd=Decimal("1.25"),
            on_demand_usd=Decimal("1.25"),
        )


def metrics_of(environment: ComputeEnvironment, queue: JobQueue, now: datetime) -> None:
    """What was counted in the last minutes."""
    minute = now.replace(second=0, microsecond=0)
    for ago in range(1, MINUTES + 1):
        start = minute - timedelta(minutes=ago)
        QueueMetric.objects.create(
            seconds=MetricSpan.MINUTE,
            start=start,
            queue=queue,
            submitted=4,
            started=3,
            succeeded=2,
            failed=1,
            samples=1,
            waiting_sum=7,
            waiting_max=7,
            running_sum=2,
            running_max=2,
        )
        EnvironmentMetric.objects.create(
            seconds=MetricSpan.MINUTE,
            start=start,
            environment=environment,
            samples=1,
            used_milli_vcpus_sum=2000,
            used_milli_vcpus_max=2000,
            total_milli_vcpus_sum=8000,
            used_memory_mib_sum=1024,
            used_memory_mib_max=1024,
            total_memory_mib_sum=16384,
        )


def a_trail(user: User, now: datetime) -> None:
    """Two changes by a user, and what another may not."""
    stranger = a_user(username="mallory")
    for door, action, status in (
        (AuditDoor.PAGE, "queue_edit", 302),
        (AuditDoor.API, "UpdateJobQueue", 200),
        (AuditDoor.PAGE, "queue_delete", 403),
    ):
        who = stranger if status == 403 else user
        AuditEntry.objects.create(
            at=now,
            user=who,
            username=who.username,
            door=door,
            address="192.0.2.7",
            action=action,
            target="name=nightly",
            status=status,
        )


def a_rule_that_sends(owner: User, failed: Job, now: datetime) -> EventRule:
    """One with a delivery of each state, and a receiver that fails now."""
    rule = an_event_rule(
        name="failures",
        owner=owner,
        description="To the pager of the team",
        pattern={"source": ["aws.batch"], "detail": {"status": ["FAILED"]}},
        address="https://hooks.example.com/batch",
        last_sent_at=now,
        failures=3,
        last_error="The receiver answered 503 Service Unavailable.",
    )
    for number, state in enumerate(DeliveryState):
        EventDelivery.objects.create(
            rule=rule,
            kind="JOB",
            row_id=number,
            job_id=failed.pk,
            name=failed.name,
            status="FAILED",
            at=now,
            put_down_at=now,
            next_at=now,
            state=state,
            tries=1,
            error="" if state == DeliveryState.SENT else rule.last_error,
            done_at=now,
        )
    return rule
