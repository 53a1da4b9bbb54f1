"""Reads of tags: which a job has, and what it is that an ARN with tags names."""

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.domain import arns, ids
from jobs.domain.numbers import is_revision
from jobs.models import (
    ComputeEnvironment,
    ConsumableResource,
    Job,
    JobDefinition,
    JobQueue,
    QuotaShare,
    SchedulingPolicy,
    ServiceEnvironment,
)

from .definitions import may_change_definition
from .job_details import tags_of as tags_of_job
from .jobs import visible_jobs

Tagged = (
    ComputeEnvironment
    | ConsumableResource
    | Job
    | JobDefinition
    | JobQueue
    | QuotaShare
    | SchedulingPolicy
    | ServiceEnvironment
)


def tags_of(row: Tagged) -> dict[str, str]:
    """The tags of a resource; of a job those of its submission until somebody changes them.

    A job needs its spec (`select_related`), else that is one query.
    """
    return dict(tags_of_job(row) if isinstance(row, Job) else row.tags)


def tags_of_jobs(rows: QuerySet[Job], job_ids: Collection[UUID]) -> dict[UUID, dict[str, str]]:
    """The tags that each job is known by; one query. Without those that are not among the rows.

    Children of arrays have none of their own: theirs are the array's, as they are now.
    """
    wanted = {job_id: ids.parent_id(job_id) for job_id in job_ids}
    found = rows.select_related("spec").only("tags", "spec__tags")
    tags = {job.pk: tags_of(job) for job in found.filter(pk__in=set(wanted.values()))}
    return {job_id: tags[parent] for job_id, parent in wanted.items() if parent in tags}


def may_tag(user: User, row: Tagged) -> bool:
    """Whether this user, who sees the resource, may change its tags: who runs things here sets up the rest."""
    if isinstance(row, JobDefinition):
        return may_change_definition(user=user, name=row.name)
    return user.is_staff or isinstance(row, Job)


def find_tagged(*, user: User, kind: str, name: str) -> Tagged | None:
    """What an ARN's kind and name stand for, if there is such a thing for this user; one query.

    Jobs are known by their id, definitions by `name:revision`, quota shares by `queue/share`.
    """
    find = _FINDERS.get(kind)
    if find is None or "\0" in name:
        return None
    return find(user, name)


def _definition(_user: User, name: str) -> JobDefinition | None:
    base, _, revision = name.rpartition(":")
    if not is_revision(revision):
        return None
    return JobDefinition.objects.filter(name=base, revision=int(revision)).first()


def _job(user: User, name: str) -> Job | None:
    try:
        job_id = ids.id_of(name)
    except ValueError:
        return None
    return visible_jobs(user).select_related("spec").filter(pk=job_id).first()


def _quota_share(_user: User, name: str) -> QuotaShare | None:
    queue, _, share = name.partition("/")
    found = QuotaShare.objects.filter(queue__in=JobQueue.objects.filter(name=queue), name=share)
    return found.first()


_FINDERS: Mapping[str, Callable[[User, str], Tagged | None]] = {
    arns.COMPUTE_ENVIRONMENT: lambda _, name: ComputeEnvironment.objects.filter(name=name).first(),
    arns.CONSUMABLE_RESOURCE: lambda _, name: ConsumableResource.objects.filter(name=name).first(),
    arns.JOB: _job,
    arns.JOB_DEFINITION: _definition,
    arns.JOB_QUEUE: lambda _, name: JobQueue.objects.filter(name=name).first(),
    arns.QUOTA_SHARE: _quota_share,
    arns.SCHEDULING_POLICY: lambda _, name: SchedulingPolicy.objects.filter(name=name).first(),
    arns.SERVICE_ENVIRONMENT: lambda _, name: ServiceEnvironment.objects.filter(name=name).first(),
}
