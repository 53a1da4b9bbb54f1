"""Running again what has ended: a job, or of an array that failed the children that did."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from jobs.domain import ids, reasons, shares
from jobs.domain.errors import Conflict, InvalidInput
from jobs.domain.ids import new_job_id
from jobs.domain.states import TERMINAL, JobStatus
from jobs.domain.validation import Checker
from jobs.models import DependencyType, Job, JobDependency, QueueState, QueueStatus
from jobs.selectors.jobs import may_see, visible_jobs
from jobs.selectors.plans import plan_of_job, work_of_job

from .rights import require_right_again
from .submission_checks import (
    check_budgets,
    check_consumables_exist,
    check_fargate,
    check_host_access,
    check_secrets_exist,
)
from .submit import write_job

# What a rerun has of the job that it runs again; all else is new.
SAME = (
    *("name", "queue", "definition", "spec", "array_size", "node_count"),
    *("milli_vcpus", "memory_mib", "gpus", "has_consumables"),
    *("share_identifier", "scheduling_priority", "attempts_allowed", "timeout_seconds"),
)


def rerun_job(
    *,
    owner: User,
    job: Job,
    now: datetime,
    also_succeeded: bool = False,
    by: User | None = None,
    address: str = "",
) -> Job:
    """Submits a failed job again as it was, for `owner`; of an array only the children that failed.

    With `also_succeeded` one that has succeeded, too, with all its children: who looks at it may want it once more,
    who takes many means those that failed.

    The new array has the same size, so each child is given the index that it had; a child that is run again
    alone is an array of one. What it waited for and never got it waits for again: for the job itself while
    that may still succeed, else for its rerun. Raises Conflict if there is nothing to run again, if what it
    waited for was not run again, or if a new submission of the same would be refused; PermissionDenied where an access
    policy denies it to who asks: `by`, or without it the owner.
    """
    with transaction.atomic():
        job = Job.objects.select_related("queue", "spec").get(id=job.id)
        _check(job, also_succeeded)
        _check_as_submission(job, owner)
        require_right_again(job, by=by or owner, now=now, address=address)
        again = Job(
            id=new_job_id(),
            owner=owner,
            rerun_of=job,
            **{field: getattr(job, field) for field in SAME},
        )
        write_job(
            job=again,
            depends_on=_still_to_wait_for(job, owner),
            now=now,
            again_of=job if job.array_size is not None else None,
        )
    return again


def _check(job: Job, also_succeeded: bool) -> None:
    named = f"{job.name} ({ids.text_of(job.id)})"
    if job.status not in TERMINAL:
        raise Conflict(f"{named} has not ended yet. Wait, or terminate it.")
    if job.status != JobStatus.FAILED and not also_succeeded:
        raise Conflict(
            f"{named} has succeeded: there is nothing to run again. Its own page runs it once more."
        )
    if job.queue.status in {QueueStatus.DELETING, QueueStatus.DELETED}:
        raise Conflict(f"The job queue {job.queue.name} was deleted. Clone the job into another.")
    if job.queue.state == QueueState.DISABLED:
        raise Conflict(
            f"The job queue {job.queue.name} is disabled and takes no jobs. Enable it first."
        )


def _check_as_submission(job: Job, owner: User) -> None:
    """Queue, secrets, resources and rights may have changed since, and so may the owner."""
    checker = Checker()
    wrong = shares.check_share(
        queue=job.queue.name,
        is_fair_share=job.queue.scheduling_policy_id is not None,
        share_identifier=job.share_identifier,
        scheduling_priority=job.scheduling_priority,
    )
    for field, text in wrong.items():
        checker.add(field, text)
    # Tags that were changed later are the old job's alone.
    check_budgets(checker, queue=job.queue, owner=owner, tags=job.spec.tags)
    plan = plan_of_job(job)
    check_host_access(checker, plan, job.queue)
    check_fargate(checker, work_of_job(job), job.queue, size_field="definition")
    check_secrets_exist(checker, plan, owner)
    check_consumables_exist(checker, job.spec.consumables, field="consumables")
    try:
        checker.done()
    except InvalidInput as error:
        texts = (text for texts in error.errors.values() for text in texts)
        raise Conflict(" ".join(texts)) from None


def _still_to_wait_for(job: Job, owner: User) -> list[tuple[Job, str]]:
    """What the rerun of a job depends on: jobs with the type of `JobDependency`.

    Edges join whole jobs, so a child has those of its array. SEQUENTIAL is the spec's.
    """
    edges = JobDependency.objects.filter(job=job.parent_id or job.id, met=False)
    found: dict[tuple[UUID, str], Job] = {}
    for edge in edges.select_related("on").order_by("id"):
        n_to_n = edge.type == DependencyType.N_TO_N
        if n_to_n and not _is_open(job, edge.on):
            continue
        on = _stand_in(edge.on, owner, index=job.array_index if n_to_n else None)
        found[on.id, edge.type] = on
    return [(on, type_) for (_, type_), on in found.items()]


def _is_open(job: Job, on: Job) -> bool:
    """Of N_TO_N: whether a child that is run again has a counterpart that has not succeeded."""
    counterparts = Job.objects.filter(parent=on.id).exclude(status=JobStatus.SUCCEEDED)
    if job.parent_id is not None:
        return counterparts.filter(array_index=job.array_index).exists()
    failed = Job.objects.filter(parent=job.id, status=JobStatus.FAILED)
    return counterparts.filter(array_index__in=failed.values("array_index")).exists()


def _stand_in(on: Job, owner: User, *, index: int | None) -> Job:
    """The job that was waited for; if that has failed, its newest rerun that has not.

    With an `index`, a rerun of that child of it alone will do. Raises Conflict.
    """
    if not may_see(owner, on):
        raise Conflict(reasons.WAITED_FOR_HIDDEN)
    level = [on]
    while level:
        hopeful = [each for each in level if each.status != JobStatus.FAILED]
        if hopeful:
            return max(hopeful, key=lambda each: each.id)
        # A rerun may have failed, too, and been run again.
        level = _reruns(level, owner, index=index)
    raise Conflict(reasons.waited_for_failed(name=on.name, job=ids.text_of(on.id)))


def _reruns(jobs: Sequence[Job], owner: User, *, index: int | None) -> list[Job]:
    """The visible reruns of jobs; of an array's child also its likes in the reruns of its array."""
    wanted = [each.id for each in jobs]
    if index is not None:
        wanted += [ids.child_id(each.id, index) for each in jobs if each.is_array]
    found = list(visible_jobs(owner).filter(rerun_of__in=wanted))
    places = {
        each.parent_id: each.array_index
        for each in jobs
        if each.parent_id is not None and each.array_index is not None
    }
    arrays = visible_jobs(owner).filter(rerun_of__in=places, parent=None)
    likes = [
        ids.child_id(array_id, places[of])
        for array_id, of in arrays.values_list("id", "rerun_of_id")
        if of in places
    ]
    return found + list(Job.objects.filter(id__in=likes))
