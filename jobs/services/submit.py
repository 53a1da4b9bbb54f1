"""Submitting a job: all checks first, then one transaction."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from jobs import changes
from jobs.domain.ids import new_job_id
from jobs.models import Job, JobSpec, JobStatus, Transition

from .submission import Submission, check_submission


def submit_job(*, owner: User, fields: Mapping[str, object], now: datetime) -> Job:
    """Writes the job as SUBMITTED and wakes the scheduler. Raises InvalidInput; then nothing changed."""
    submission = check_submission(owner=owner, fields=fields)
    with transaction.atomic():
        job = _write(submission, owner, now)
        Transition.objects.create(job=job, to_status=JobStatus.SUBMITTED, at=now)
        changes.publish([changes.JOBS, changes.job_topic(job.id)])
        changes.wake_scheduler()
    return job


def _write(submission: Submission, owner: User, now: datetime) -> Job:
    job_id = new_job_id()
    spec = JobSpec.objects.create(
        id=job_id,
        image=submission.image,
        command=submission.command,
        environment=submission.environment,
        evaluate_on_exit=submission.evaluate_on_exit,
    )
    return Job.objects.create(
        id=job_id,
        spec=spec,
        name=submission.name,
        queue=submission.queue,
        definition=submission.definition,
        owner=owner,
        status=JobStatus.SUBMITTED,
        status_changed_at=now,
        milli_vcpus=submission.milli_vcpus,
        memory_mib=submission.memory_mib,
        attempts_allowed=submission.attempts,
        timeout_seconds=submission.timeout_seconds,
        created_at=now,
    )
