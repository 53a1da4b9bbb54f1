"""A row of every model, as the pages of the administration show them, and their addresses."""

from django.contrib.auth.models import User
from django.db.models import Model
from django.urls import reverse

from jobs.models import (
    AccessKey,
    AccessToken,
    Alarm,
    AlarmChange,
    Attempt,
    AuditDoor,
    AuditEntry,
    BulkAction,
    BulkKind,
    BulkResult,
    Checkpoint,
    ConsumableChange,
    CostHour,
    CostMark,
    CostMinute,
    CostTagHour,
    CostTagMinute,
    DocumentBlock,
    EnvironmentMetric,
    EventDelivery,
    FollowMark,
    ImagePull,
    Job,
    JobCredentials,
    JobDependency,
    JobDocument,
    JobQueueServiceEnvironment,
    JobStatus,
    LogChunk,
    LogGroup,
    LogStream,
    NodeTransition,
    QueueBlock,
    QueueMetric,
    QuotaShare,
    RightSizing,
    SavedView,
    SchedulerLease,
    SentForm,
    ServiceEnvironment,
    ShareUsage,
    SpotPressure,
    StaleCostHour,
    StaleCostMinute,
    UsageSample,
    WaitReason,
)
from tests.builders import (
    NOW,
    a_budget,
    a_consumable,
    a_hold,
    a_policy,
    a_registry_login,
    a_secret,
    an_access_policy,
    an_array,
    an_attempt,
    an_event_rule,
    an_instance,
    an_instance_type,
)


def url(model: type[Model], page: str, *args: object) -> str:
    """Where the administration has a page of a model."""
    return reverse(f"admin:jobs_{model._meta.model_name}_{page}", args=args)


def write_one_of_each(boss: User) -> None:
    """At least one row of every model."""
    array, attempt = an_array(2), an_attempt()
    _what_is_set_up(array)
    _asked_by(boss, array)
    _of_job(attempt.job, array)
    _of_attempt(attempt)
    _log_of(attempt)
    _costs_of(attempt, boss)
    _measured(attempt)
    _access_of(boss)
    _alarm()


def _what_is_set_up(array: Job) -> None:
    a_policy()
    a_budget()
    ShareUsage.objects.create(
        queue=array.queue, share_identifier="a", milli_vcpu_seconds=1.5, as_of=NOW
    )
    resource = a_consumable()
    ConsumableChange.objects.create(resource=resource, client_token="t", digest="d", at=NOW)
    environment = ServiceEnvironment.objects.create(name="training", created_at=NOW)
    JobQueueServiceEnvironment.objects.create(queue=array.queue, environment=environment, order=1)
    QuotaShare.objects.create(queue=array.queue, name="half", created_at=NOW)
    an_instance_type()
    an_instance()


def _asked_by(boss: User, array: Job) -> None:
    action = BulkAction.objects.create(
        kind=BulkKind.CANCEL, owner=boss, job_ids=["x"], created_at=NOW, updated_at=NOW
    )
    BulkResult.objects.create(action=action, position=0, job=array.pk, outcome="CHANGED")
    SavedView.objects.create(owner=boss, name="Failures", created_at=NOW)
    SentForm.objects.create(owner=boss, digest="e" * 64, made=str(array.pk), created_at=NOW)


def _of_job(job: Job, array: Job) -> None:
    a_hold(job=job)
    JobDependency.objects.create(job=job, on=array)
    WaitReason.objects.create(job=job, code="CAPACITY", reason="Full.", since=NOW)
    NodeTransition.objects.create(
        job=job, attempt_number=1, node_index=0, to_status=JobStatus.RUNNING, at=NOW
    )
    QueueBlock.objects.create(queue=job.queue, job=job, reason="Full.", at=NOW)
    JobDocument.objects.create(job=job, text=" hello ")
    DocumentBlock.objects.create(first=job.pk)


def _of_attempt(attempt: Attempt) -> None:
    UsageSample.objects.create(attempt=attempt, at=NOW, milli_vcpus=250, memory_mib=10)
    JobCredentials.objects.create(
        attempt=attempt,
        role_arn="arn:aws:iam::123456789012:role/submit",
        access_key_id="ASIAEXAMPLE",
        encrypted_secret=b"NEVER SHOWN",
        encrypted_session_token=b"NEVER SHOWN",
        session_digest="NEVER SHOWN",
        created_at=NOW,
        expires_at=NOW,
    )
    Checkpoint.objects.create(
        job=attempt.job, engine=attempt.node.engine, volume="v", created_at=NOW
    )
    ImagePull.objects.create(
        engine=attempt.node.engine, image="a", status="DONE", started_at=NOW, updated_at=NOW
    )
    SpotPressure.objects.create(engine=attempt.node.engine, pressure="0.5", at=NOW)


def _log_of(attempt: Attempt) -> None:
    LogGroup.objects.create(name="/lab", created_at=NOW)
    stream = LogStream.objects.create(
        attempt=attempt, owner=attempt.job.owner, name="hello/default/1"
    )
    LogChunk.objects.create(
        stream=stream,
        first_line=0,
        line_count=1,
        byte_count=2,
        first_ns=1,
        last_ns=1,
        data=b"NEVER SHOWN",
    )


def _costs_of(attempt: Attempt, boss: User) -> None:
    CostHour.objects.create(hour=NOW, environment=attempt.environment, capacity="EC2")
    CostTagHour.objects.create(hour=NOW, owner=boss, key="team", value="a")
    CostMark.objects.create(name="hours", until=NOW)
    StaleCostHour.objects.create(hour=NOW)
    CostMinute.objects.create(minute=NOW, environment=attempt.environment, capacity="EC2")
    CostTagMinute.objects.create(minute=NOW, owner=boss, key="team", value="a")
    StaleCostMinute.objects.create(minute=NOW)
    RightSizing.objects.create(definition_name="work")


def _measured(attempt: Attempt) -> None:
    SchedulerLease.objects.create(name="scheduler", holder="here", token=1)
    QueueMetric.objects.create(seconds=60, start=NOW, queue=attempt.job.queue)
    EnvironmentMetric.objects.create(seconds=60, start=NOW, environment=attempt.environment)
    FollowMark.objects.create(name="metrics", until=NOW)
    EventDelivery.objects.create(
        rule=an_event_rule(encrypted=b"NEVER SHOWN"),
        kind="TEST",
        at=NOW,
        put_down_at=NOW,
        next_at=NOW,
    )


def _access_of(boss: User) -> None:
    a_secret(encrypted=b"NEVER SHOWN")
    a_registry_login(encrypted=b"NEVER SHOWN")
    an_access_policy()
    AccessKey.objects.create(
        user=boss,
        name="cli",
        access_key_id="AKIAEXAMPLE",
        encrypted_secret=b"NEVER SHOWN",
        created_at=NOW,
    )
    AccessToken.objects.create(
        user=boss, name="script", prefix="bw_abc", digest="d" * 64, created_at=NOW
    )
    AuditEntry.objects.create(
        at=NOW, user=boss, username="boss", door=AuditDoor.PAGE, action="queue_edit", status=302
    )


def _alarm() -> None:
    alarm = Alarm.objects.create(
        name="failing",
        metric="FAILED_JOBS",
        comparison="GREATER_THAN",
        threshold=5,
        created_at=NOW,
        state_since=NOW,
    )
    AlarmChange.objects.create(alarm=alarm, from_state="OK", to_state="ALARM", at=NOW)
