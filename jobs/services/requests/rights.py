"""Whether access policies let somebody submit: asked of each submission and rerun, whichever door it comes by."""

from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from jobs.domain.access_actions import SUBMIT_JOB, TAG_RESOURCE
from jobs.domain.access_policies import Context, Decision, refusal
from jobs.domain.plans import plan_of
from jobs.models import Job, JobDefinition, JobQueue
from jobs.selectors.access.policies import decision_of, policies_of
from jobs.selectors.access.resources import new_job, of_definition, of_queue, work_context
from jobs.selectors.plans import plan_of_job

from .submission import Submission


def require_right(submission: Submission, *, owner: User, now: datetime, address: str) -> None:
    """Raises PermissionDenied where a policy denies the submission. Looked at is what would run, all overrides made."""
    _require(owner, denial_of(submission, owner=owner, now=now, address=address))


def require_right_again(job: Job, *, by: User, now: datetime, address: str) -> None:
    """The same for a job that is to run again as it was; with its queue, spec and definition read or to be read."""
    _require(by, denial_again(job, by=by, now=now, address=address))


def denial_of(
    submission: Submission, *, owner: User, now: datetime, address: str
) -> Decision | None:
    """What denies the submission to him, of `batch:SubmitJob` or `batch:TagResource`; None if nothing does."""

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

    return _denial(owner, lambda: submission.queue, lambda: submission.definition, context)


def denial_again(job: Job, *, by: User, now: datetime, address: str) -> Decision | None:
    """The same of a job that is to run again as it was."""

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

    # Most users have no policy: then a job's queue and definition need not be read.
    return _denial(by, lambda: job.queue, lambda: job.definition, context)


def _denial(
    user: User,
    queue: Callable[[], JobQueue],
    definition: Callable[[], JobDefinition],
    make_context: Callable[[], Context],
) -> Decision | None:
    policies = [] if user.is_superuser else policies_of(user)
    if not policies:
        return None
    context = make_context()
    asked = [(SUBMIT_JOB, [of_queue(queue()), of_definition(definition())])]
    if context.request_tags:
        asked.append((TAG_RESOURCE, [new_job()]))
    for action, resources in asked:
        found = decision_of(
            user=user, action=action, resources=resources, context=context, policies=policies
        )
        if found is not None and found.is_denied:
            return found
    return None


def _require(user: User, denial: Decision | None) -> None:
    if denial is not None:
        raise PermissionDenied(refusal(denial, user.get_username()))
