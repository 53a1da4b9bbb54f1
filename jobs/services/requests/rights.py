"""Whether access policies let somebody submit: asked of each submission and rerun, whichever door it comes by."""

from datetime import datetime

from django.contrib.auth.models import User

from jobs.domain.access_actions import SUBMIT_JOB
from jobs.domain.access_policies import Context
from jobs.domain.plans import plan_of
from jobs.models import Job
from jobs.selectors.access_policies import authorize
from jobs.selectors.access_resources import of_definition, of_queue, work_context
from jobs.selectors.plans import plan_of_job

from .submission import Submission


def require_right(submission: Submission, *, owner: User, now: datetime, address: str) -> None:
    """Raises PermissionDenied where a policy denies the submission. Looked at is what would run, all overrides made."""

    def context() -> Context:
        return work_context(
            user=owner,
            now=now,
            address=address,
            plan=plan_of(submission.work),
            tags=submission.tags,
            share_identifier=submission.share_identifier,
            array_size=submission.array_size,
        )

    authorize(
        user=owner,
        action=SUBMIT_JOB,
        resources=lambda: [of_queue(submission.queue), of_definition(submission.definition)],
        context=context,
    )


def require_right_again(job: Job, *, by: User, now: datetime, address: str) -> None:
    """The same for a job that is to run again as it was; with its queue, spec and definition read or to be read."""

    def context() -> Context:
        return work_context(
            user=by,
            now=now,
            address=address,
            plan=plan_of_job(job),
            tags=job.spec.tags,
            share_identifier=job.share_identifier,
            array_size=job.array_size,
        )

    authorize(
        user=by,
        action=SUBMIT_JOB,
        resources=lambda: [of_queue(job.queue), of_definition(job.definition)],
        context=context,
    )
