"""Whether access policies let somebody submit: asked of each submission and rerun, whichever door it comes by."""

from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.models import User

from jobs.domain.access_actions import SUBMIT_JOB
from jobs.domain.access_policies import Context
from jobs.domain.plans import plan_of
from jobs.models import Job, JobDefinition, JobQueue
from jobs.selectors.access_policies import authorize, authorize_tags, policies_of
from jobs.selectors.access_resources import new_job, of_definition, of_queue, work_context
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

    _require(owner, submission.queue, submission.definition, context)


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

    # Most users have no policy: then a job's definition need not be read.
    _require(by, job.queue, lambda: job.definition, context)


def _require(
    user: User,
    queue: JobQueue,
    definition: JobDefinition | Callable[[], JobDefinition],
    make_context: Callable[[], Context],
) -> None:
    policies = [] if user.is_superuser else policies_of(user)
    if not policies:
        return
    context = make_context()
    meant = definition if isinstance(definition, JobDefinition) else definition()
    authorize(
        user=user,
        action=SUBMIT_JOB,
        resources=[of_queue(queue), of_definition(meant)],
        context=context,
        policies=policies,
    )
    authorize_tags(
        user=user,
        resource=new_job(),
        tags=context.request_tags or {},
        values=context.values,
        policies=policies,
    )
