"""Reading jobs: who may see which, the list page by page, one job with all that belongs to it."""

import math
import statistics
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Max, Model, Q, QuerySet

from jobs.domain.errors import NotFound
from jobs.domain.ids import text_of
from jobs.domain.registries import LOGIN_KEY, SECRET_KEY
from jobs.models import (
    Attempt,
    ImagePull,
    ImagePullStatus,
    Job,
    JobDefinition,
    JobStatus,
    LogStream,
    RegistryLogin,
    Secret,
    Transition,
    UsageSample,
    WaitReason,
)

from .listing.newest import newest_in_queues

M = TypeVar("M", bound=Model)

# How far back a definition's run times are looked for.
REVISIONS_LOOKED_AT = 5
JOBS_LOOKED_AT = 200
ARRAYS_LOOKED_AT = 5


def visible_jobs(user: User | AnonymousUser) -> QuerySet[Job]:
    """The jobs that this user may see and act on: his own; all of them for administrators."""
    if not user.is_authenticated:
        return Job.objects.none()
    return Job.objects.all() if user.is_staff else Job.objects.filter(owner=user)


def may_see(user: User | AnonymousUser, job: Job) -> bool:
    """The same of a job that is at hand."""
    return user.is_authenticated and (user.is_staff or job.owner_id == user.pk)


def seen_by(rows: QuerySet[M], user: User, *, path: str = "job") -> QuerySet[M]:
    """Those of the rows whose job, which is at `path` from them, this user may see."""
    return rows if user.is_staff else rows.filter(**{f"{path}__owner": user})


def find_job(*, user: User | AnonymousUser, job_id: UUID) -> Job:
    """A visible job with queue, definition, owner, spec and array summary (if any).

    Raises NotFound, also if it is not his.
    """
    job = (
        visible_jobs(user)
        .select_related("queue", "definition", "owner", "spec", "array_summary")
        .filter(pk=job_id)
        .first()
    )
    if job is None:
        raise NotFound(f"There is no job {text_of(job_id)}.")
    return job


def attempts_of(job: Job) -> list[Attempt]:
    """The job's attempts, oldest try first, and of each try its containers in order.

    Each comes with its node, instance (if any), environment and log stream (if any).
    """
    return list(
        Attempt.objects.filter(job=job)
        .select_related("node", "instance", "environment", "log_stream")
        .order_by("number", "node_index", "container_index")
    )


def transitions_of(job: Job) -> list[Transition]:
    """The job's history, oldest first."""
    return list(Transition.objects.filter(job=job).order_by("id"))


def reruns_of(*, job: Job, user: User | AnonymousUser, limit: int = 5) -> list[Job]:
    """The newest visible jobs that ran this one, or its failed children, again."""
    return list(visible_jobs(user).filter(rerun_of=job).order_by("-pk")[:limit])


def wait_reasons_of(job: Job, *, limit: int = 20) -> list[WaitReason]:
    """Why the job waited, newest first."""
    return list(WaitReason.objects.filter(job=job).order_by("-id")[:limit])


def newest_wait_reason(job: Job) -> WaitReason | None:
    """Why the job waits, or waited last."""
    return WaitReason.objects.filter(job=job).order_by("-id").first()


def newest_wait_reasons(job_ids: Collection[UUID]) -> dict[UUID, WaitReason]:
    """The same for several jobs, each reason with its job. One query, whatever waiting came before."""
    return {row.job_id: row for row in _newest_reasons(job_ids).select_related("job")}


class Told(NamedTuple):
    """What a job's owner is told of why it waits: the newest reason, and the job's status reason."""

    row_id: int
    job_id: UUID
    code: str
    reason: str
    status_reason: str


def told_wait_reasons(job_ids: Collection[UUID]) -> dict[UUID, Told]:
    """The newest reasons of several jobs in little room, for the pass that compares them with its own."""
    rows = _newest_reasons(job_ids).values_list(
        "id", "job_id", "code", "reason", "job__status_reason"
    )
    return {row[1]: Told(*row) for row in rows}


def _newest_reasons(job_ids: Collection[UUID]) -> QuerySet[WaitReason]:
    newest = (
        WaitReason.objects.filter(job__in=job_ids)
        .order_by()
        .values("job")
        .annotate(newest=Max("id"))
        .values("newest")
    )
    return WaitReason.objects.filter(id__in=newest).order_by()


def pull_for(attempts: Collection[Attempt], *, owner_id: int) -> ImagePull | None:
    """The image pull that these attempts of this owner's wait for, if one is under way.

    Nothing of one with another's login: how large a private image is, and that somebody fetches it, is his alone. At
    most three queries, one where no login is used.
    """
    rows = ImagePull.objects.filter(
        engine_id__in={attempt.node.engine_id for attempt in attempts},
        image__in={attempt.image for attempt in attempts},
        status=ImagePullStatus.PULLING,
    )
    found = list(rows.order_by("pk"))
    own = _usable_keys([each.login for each in found if each.login], owner_id)
    return next((each for each in found if not each.login or each.login in own), None)


def _usable_keys(keys: Collection[str], owner_id: int) -> set[str]:
    """Those of the keys of logins that this owner's jobs may use."""
    usable: set[str] = set()
    for start, rows in ((LOGIN_KEY, RegistryLogin.objects), (SECRET_KEY, Secret.objects)):
        ids = [int(key.removeprefix(start)) for key in keys if key.startswith(start)]
        if ids:
            his = rows.filter(Q(owner_id=owner_id) | Q(shared=True), pk__in=ids)
            usable |= {f"{start}{pk}" for pk in his.values_list("pk", flat=True)}
    return usable


def usage_of(attempt: Attempt, *, limit: int = 120) -> list[UsageSample]:
    """The newest samples of an attempt, oldest of them first."""
    newest = UsageSample.objects.filter(attempt=attempt).order_by("-at")[:limit]
    return list(reversed(newest))


def find_attempt(
    *,
    user: User | AnonymousUser,
    job_id: UUID,
    number: int,
    node_index: int = 0,
    container_index: int = 0,
) -> Attempt:
    """A container of a try at a visible job, with its job, node and log stream (if any). Raises NotFound."""
    attempt = (
        Attempt.objects.filter(
            job__in=visible_jobs(user).filter(pk=job_id),
            number=number,
            node_index=node_index,
            container_index=container_index,
        )
        .select_related("job", "node", "log_stream")
        .first()
    )
    if attempt is None:
        raise NotFound(f"There is no such attempt {number} of job {text_of(job_id)}.")
    return attempt


def log_stream_of(attempt: Attempt) -> LogStream | None:
    """The attempt's log, read anew; None before its first line."""
    return LogStream.objects.filter(attempt=attempt).first()


class RunSeconds(NamedTuple):
    """How long runs took, in seconds: half of them no longer than the first, nine of ten than the second, nineteen
    of twenty than the third."""

    median: float
    p90: float
    p95: float


def run_seconds(definition: JobDefinition, *, sample: int = 50) -> RunSeconds | None:
    """The run times of succeeded jobs of a definition's newest revisions; None without any.

    Looks at so many of the newest jobs at most, however many there are. Of an array its children count.
    """
    revisions = JobDefinition.objects.filter(name=definition.name).order_by("-revision")
    seconds: list[float] = []
    for id_ in revisions.values_list("id", flat=True)[:REVISIONS_LOOKED_AT]:
        seconds += _run_seconds(id_, sample - len(seconds))
        if len(seconds) >= sample:
            break
    if not seconds:
        return None
    seconds.sort()
    # By nearest rank: a run that there was.
    p90, p95 = (seconds[math.ceil(len(seconds) * part) - 1] for part in (0.9, 0.95))
    return RunSeconds(statistics.median(seconds), p90, p95)


def _run_seconds(definition_id: int, sample: int) -> list[float]:
    of_definition = Job.objects.filter(definition=definition_id, parent=None)
    ids = newest_in_queues(of_definition, JOBS_LOOKED_AT)
    columns = ("id", "array_size", "status", "started_at", "stopped_at")
    newest = list(Job.objects.filter(id__in=ids).order_by("-id").values_list(*columns))
    plain = [row[3:] for row in newest if row[1] is None and row[2] == JobStatus.SUCCEEDED]
    seconds = _seconds_of(plain)[:sample]
    arrays = [row[0] for row in newest if row[1] is not None][:ARRAYS_LOOKED_AT]
    children = Job.objects.filter(
        parent__in=arrays, status=JobStatus.SUCCEEDED, started_at__isnull=False
    ).order_by()
    rows = children.values_list("started_at", "stopped_at")[: sample - len(seconds)]
    return seconds + _seconds_of(rows)


def _seconds_of(runs: Iterable[tuple[datetime | None, datetime | None]]) -> list[float]:
    return [(end - start).total_seconds() for start, end in runs if start and end]
