"""Submitting a job: all checks first, then one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from jobs import changes
from jobs.domain import ids
from jobs.domain.ids import new_job_id
from jobs.domain.states import LIVE
from jobs.models import DependencyType, Job, JobDependency, JobSpec, JobStatus, Transition
from jobs.services.writing.locks import lock_jobs
from jobs.services.writing.rows import insert_row

from .array_rows import write_children
from .rights import require_right
from .submission import Submission, check_submission


def submit_job(
    *, owner: User, fields: Mapping[str, object], now: datetime, address: str = ""
) -> Job:
    """Writes the job, and an array's children, and wakes the scheduler.

    The job is SUBMITTED. `address`: from where it is asked for. Raises InvalidInput, or PermissionDenied where an
    access policy of the owner denies it; then nothing changed.
    """
    submission = check_submission(owner=owner, fields=fields)
    require_right(submission, owner=owner, now=now, address=address)
    job_id = new_job_id()
    spec = _spec(job_id, submission)
    job = _job(job_id, submission, spec, owner)
    with transaction.atomic():
        insert_row(spec)
        write_job(job=job, depends_on=submission.depends_on, now=now)
    return job


def _spec(job_id: UUID, submission: Submission) -> JobSpec:
    return JobSpec(
        id=job_id,
        image=submission.image,
        command=submission.command,
        environment=submission.environment,
        parameters=submission.parameters,
        container=submission.container,
        ecs_properties=submission.ecs_properties,
        node_properties=submission.node_properties,
        evaluate_on_exit=submission.evaluate_on_exit,
        consumables=submission.consumables,
        sequential=submission.sequential,
        tags=submission.tags,
        propagate_tags=submission.propagate_tags,
    )


def _job(job_id: UUID, submission: Submission, spec: JobSpec, owner: User) -> Job:
    return Job(
        id=job_id,
        spec=spec,
        name=submission.name,
        queue=submission.queue,
        definition=submission.definition,
        owner=owner,
        array_size=submission.array_size,
        node_count=submission.node_count,
        milli_vcpus=submission.milli_vcpus,
        memory_mib=submission.memory_mib,
        gpus=submission.gpus,
        share_identifier=submission.share_identifier,
        scheduling_priority=submission.scheduling_priority,
        has_consumables=bool(submission.consumables),
        attempts_allowed=submission.attempts,
        timeout_seconds=submission.timeout_seconds,
    )


def write_job(
    *,
    job: Job,
    depends_on: Sequence[tuple[Job, str]],
    now: datetime,
    again_of: Job | None = None,
) -> None:
    """Writes a new job whose spec is stored, with all that belongs to it, and wakes the scheduler.

    `depends_on` are jobs and `DependencyType`s. With `again_of`, an array gets children only where a child of
    that array (or that child itself) ended as it did. Within a transaction.
    """
    job.status = JobStatus.SUBMITTED
    job.status_changed_at = job.created_at = now
    insert_row(job)
    insert_row(Transition(job=job, to_status=JobStatus.SUBMITTED, at=now))
    if job.array_size is not None:
        write_children(parent=job, again_of=again_of)
    if depends_on:
        _tell_who_is_waited_for(depends_on)
        JobDependency.objects.bulk_create(
            JobDependency(job=job, on=on, type=type_) for on, type_ in depends_on
        )
    changes.publish([changes.JOBS, changes.job_topic(job.id)])
    changes.wake_scheduler()


def _tell_who_is_waited_for(depends_on: Sequence[tuple[Job, str]]) -> None:
    """Marks the jobs depended on, so that their ends are settled.

    One that ends meanwhile is either marked first, or seen as ended by `services.passes.accept`.
    """
    unmarked = Job.objects.filter(has_dependents=False, status__in=LIVE)
    children = [on.id for on, _ in depends_on if ids.child_index(on.id) is not None]
    n_to_n = [on.id for on, type_ in depends_on if type_ == DependencyType.N_TO_N]
    whole = [on.id for on, _ in depends_on if ids.child_index(on.id) is None]
    # Children before parents: see `services.writing.locks`.
    for jobs in (
        unmarked.filter(Q(id__in=children) | Q(parent_id__in=n_to_n))
        if children or n_to_n
        else None,
        unmarked.filter(id__in=whole) if whole else None,
    ):
        if jobs is not None:
            lock_jobs(jobs)
            jobs.update(has_dependents=True)
