"""What is as large as it can be in a large database: made once, also in one that was built without it."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from jobs.models import (
    AccessKey,
    AccessToken,
    Alarm,
    AlarmChange,
    AlarmMetric,
    AlarmState,
    Attempt,
    BulkAction,
    BulkKind,
    BulkResult,
    Checkpoint,
    Engine,
    Job,
    JobDefinition,
    JobQueue,
    JobStatus,
    RegistryLogin,
    Secret,
)
from jobs.services.access.access_keys import create_access_key
from jobs.services.access.tokens import create_token
from tests.builders import a_definition, a_registry_login, a_secret
from tests.joblogs.writing import a_long_log

from .setting import ADMINISTRATOR, HEAVY_USER

REVISED, REVISIONS = "revised-00", 300
# Whose newest jobs are from now on of those revisions, each of so many in turn.
JOBS_FROM, JOBS_OF_REVISIONS = "align-00", 6_000
LINES_OF_LOG = 1_000_000
ALARMS, CHANGES_OF_ALARM = 100, 500
JOBS_OF_BULK_ACTION = 10_000
# Of each kind, of each user.
HANDED_OUT = 20


@transaction.atomic
def make_extremes() -> None:
    """What is not there yet of it."""
    users = [User.objects.get(username=name) for name in (ADMINISTRATOR, HEAVY_USER)]
    for user in users:
        _handed_out(user)
    if JobDefinition.objects.filter(name=REVISED).exists():
        return
    _revisions()
    _alarms()
    for user in users:
        _bulk_action(user)
    failed = failed_job()
    a_long_log(LINES_OF_LOG, attempt=Attempt.objects.filter(job=failed).latest("number"))
    engine = Engine.objects.earliest("id")
    Checkpoint.objects.create(job=failed, engine=engine, volume="kept", created_at=timezone.now())


def failed_job() -> Job:
    """The one whose log is long: the heavy user's newest that failed by itself."""
    rows = Job.objects.filter(owner__username=HEAVY_USER, parent=None, array_size=None)
    return rows.filter(status=JobStatus.FAILED, attempts_made__gt=0).latest("id")


def _revisions() -> None:
    moved = Job.objects.filter(definition__name=JOBS_FROM, parent=None, array_size=None)
    job_ids = list(moved.order_by("-id").values_list("id", flat=True)[:JOBS_OF_REVISIONS])
    for number in range(REVISIONS):
        revision = a_definition(
            name=REVISED, revision=number + 1, command=["run", "--threshold", str(number)]
        )
        Job.objects.filter(id__in=job_ids[number::REVISIONS]).update(definition=revision)


def _alarms() -> None:
    now, queue = timezone.now(), JobQueue.objects.earliest("id")
    alarms = [
        Alarm.objects.create(
            name=f"alarm-{number:02}",
            metric=AlarmMetric.WAITING_JOBS,
            queue=queue,
            comparison="GREATER_THAN",
            threshold=number,
            created_at=now,
            state=AlarmState.OK,
            state_since=now,
        )
        for number in range(ALARMS)
    ]
    AlarmChange.objects.bulk_create(
        AlarmChange(
            alarm=alarms[0],
            from_state=AlarmState.OK,
            to_state=AlarmState.ALARM,
            reason=f"{number} jobs waited.",
            at=now - timedelta(hours=number),
        )
        for number in range(CHANGES_OF_ALARM)
    )


def _bulk_action(user: User) -> None:
    now = timezone.now()
    rows = Job.objects.filter(owner__username=HEAVY_USER, parent=None)
    job_ids = list(rows.order_by("-id").values_list("id", flat=True)[:JOBS_OF_BULK_ACTION])
    action = BulkAction.objects.create(
        kind=BulkKind.CANCEL,
        owner=user,
        job_ids=[str(each) for each in job_ids],
        total=len(job_ids),
        done=len(job_ids),
        changed=len(job_ids),
        created_at=now,
        updated_at=now,
        finished_at=now,
    )
    BulkResult.objects.bulk_create(
        BulkResult(action=action, position=place, job=job_id, outcome="CHANGED")
        for place, job_id in enumerate(job_ids)
    )


def _handed_out(user: User) -> None:
    """Tokens, keys, secrets and logins of registries."""
    now = timezone.now()
    for number in range(HANDED_OUT - AccessToken.objects.filter(user=user).count()):
        create_token(user=user, name=f"token {number}", now=now)
    for number in range(HANDED_OUT - AccessKey.objects.filter(user=user).count()):
        create_access_key(user=user, name=f"key {number}", now=now)
    for number in range(HANDED_OUT - Secret.objects.filter(owner=user).count()):
        a_secret(name=f"{user.username}-{number}", owner=user)
    for number in range(HANDED_OUT - RegistryLogin.objects.filter(owner=user).count()):
        a_registry_login(prefix=f"localhost:5000/{user.username}-{number}", owner=user)
