"""What access policies are asked about: resources by their ARNs, and what a job or definition runs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.domain import arns as kinds
from jobs.domain import ids
from jobs.domain.access_policies import Context, Resource
from jobs.domain.plans import JobPlan
from jobs.domain.resources import MILLI
from jobs.models import Job, JobDefinition, JobQueue

from .. import tags
from ..jobs import visible_jobs
from ..named import DefinitionName, definition_named
from ..realm import arns
from .policies import base_context

_PARTS_OF_QUEUES = {
    kinds.COMPUTE_ENVIRONMENT: "environments",
    kinds.SERVICE_ENVIRONMENT: "service_environments",
    kinds.SCHEDULING_POLICY: "scheduling_policy",
}


def named(user: User, kind: str, name: str, *, service: str = "batch") -> Resource:
    """The resource of that kind and name, whether or not there is one; of `batch`, with its tags."""
    if service != "batch":
        return Resource(arns().of(kind, name, service=service))
    if kind == kinds.JOB_DEFINITION:
        return _definition(user, name)
    if kind == kinds.JOB:
        return _job(user, name)
    if kind == kinds.QUOTA_SHARE:
        queue, _, share = name.partition("/")
        return Resource(arns().quota_share(queue, share), tags=lambda: _tags(user, kind, name))
    return Resource(arns().of(kind, name), tags=lambda: _tags(user, kind, name))


def in_text(user: User, kind: str, text: str) -> Resource:
    """The resource that a name or ARN stands for; an ARN of elsewhere is what it is."""
    stripped = text.strip()
    if kind == kinds.QUOTA_SHARE:
        return of_arn(user, stripped)
    name = arns().name_in(stripped, kind)
    return Resource(stripped) if name is None else named(user, kind, name)


def of_log_group(text: str) -> Resource:
    """A log group by its name or ARN, which policies often write with an asterisk behind another colon."""
    group = text.removesuffix(":*")
    if not group.startswith("arn:"):
        group = f"{_log_groups()}{group}"
    return Resource(group, (f"{group}:*",))


def of_arn(user: User, text: str) -> Resource:
    """The resource of an ARN, of whatever kind."""
    if text.startswith(_log_groups()):
        return of_log_group(text)
    found = arns().resource_in(text)
    return Resource(text) if found is None else named(user, *found)


def _log_groups() -> str:
    return f"arn:{kinds.PARTITION}:logs:{arns().region}:{arns().account}:log-group:"


def of_queue(row: JobQueue) -> Resource:
    return Resource(arns().of(kinds.JOB_QUEUE, row.name), tags=lambda: row.tags)


def new_in_queue(queue: Resource, parts: Sequence[Resource]) -> list[Resource]:
    """Of what a queue is to be made of (environments, a policy) that which it is not made of yet: a form sends what is
    as it was, too. Three queries; none without parts."""
    name = arns().name_in(queue.arn, kinds.JOB_QUEUE)
    if not parts or not name or "\0" in name:
        return list(parts)
    rows = JobQueue.objects.filter(name=name)
    known = {
        arns().of(kind, each)
        for kind, column in _PARTS_OF_QUEUES.items()
        for each in rows.values_list(f"{column}__name", flat=True)
        if each is not None
    }
    return [part for part in parts if part.arn not in known]


def of_definition(row: JobDefinition) -> Resource:
    """A revision: it is meant by its own ARN, and by its definition's without a revision."""
    return _revision(row.name, row.revision, row.tags)


def of_job(row: Job) -> Resource:
    """A job; a child is meant by its array's ARN, too, and has its array's tags."""
    return of_jobs([row.pk])[0]


def of_jobs(job_ids: Sequence[UUID]) -> list[Resource]:
    """The same of several, by their ids. The tags of all, where a condition asks for any, are one query."""
    return _of_jobs(Job.objects.all(), job_ids)


def new_job() -> Resource:
    """A job that has no id yet."""
    return Resource(arns().of(kinds.JOB, "*"))


def new_definition(name: str) -> Resource:
    """A definition by its name, as one that is registered."""
    return Resource(arns().of(kinds.JOB_DEFINITION, name))


def work_context(
    *,
    user: User,
    now: datetime,
    address: str,
    plan: JobPlan,
    tags: Mapping[str, str],
    share_identifier: str = "",
    array_size: int | None = None,
) -> Context:
    """What conditions may ask of a job or definition: each of its containers, after all overrides."""
    containers = list(
        dict.fromkeys(_of_container(each) for node in plan.nodes for each in node.containers)
    )
    nodes = plan.nodes
    values: dict[str, Any] = {
        **base_context(user=user, now=now, address=address),
        "batch:Image": _column(containers, 0),
        "batch:Privileged": _column(containers, 1),
        "batch:User": _column(containers, 2),
        "batch:LogDriver": _column(containers, 3),
        "batchweb:Vcpus": (str(max(node.milli_vcpus for node in nodes) / MILLI),),
        "batchweb:MemoryMib": (str(max(node.memory_mib for node in nodes)),),
        "batchweb:Gpus": (str(max(node.gpus for node in nodes)),),
    }
    if share_identifier:
        values["batch:ShareIdentifier"] = (share_identifier,)
    if array_size is not None:
        values["batchweb:ArraySize"] = (str(array_size),)
    return Context(values, dict(tags))


def _of_container(container: Any) -> tuple[str, str, str | None, str | None]:
    properties = container.properties
    log = properties.get("logConfiguration") or {}
    return (
        container.image,
        "true" if properties.get("privileged") else "false",
        properties.get("user") or None,
        log.get("logDriver") or None,
    )


def _column(rows: list[tuple[Any, ...]], index: int) -> tuple[str | None, ...]:
    return tuple(dict.fromkeys(row[index] for row in rows))


def _definition(user: User, name: str) -> Resource:
    base, colon, revision = name.rpartition(":")
    if not colon:
        return new_definition(name.strip())
    if not (revision.isascii() and revision.isdigit()):
        return new_definition(name)
    number = int(revision[:10])
    # What is named may not be there.
    own = Resource(arns().of(kinds.JOB_DEFINITION, f"{base}:{number}"))
    return Resource(
        own.arn,
        (arns().of(kinds.JOB_DEFINITION, base),),
        lambda: getattr(definition_named(DefinitionName(base, number)), "tags", {}),
    )


def _revision(name: str, revision: int, own_tags: Mapping[str, str]) -> Resource:
    return Resource(
        arns().of(kinds.JOB_DEFINITION, f"{name}:{revision}"),
        (arns().of(kinds.JOB_DEFINITION, name),),
        lambda: own_tags,
    )


def _job(user: User, name: str) -> Resource:
    try:
        job_id = ids.id_of(name.partition("#")[0])
    except ValueError:
        return Resource(arns().of(kinds.JOB, name))
    return _of_jobs(visible_jobs(user), [job_id])[0]


def _of_jobs(rows: QuerySet[Job], job_ids: Sequence[UUID]) -> list[Resource]:
    read = cache(lambda: tags.tags_of_jobs(rows, job_ids))

    def found(job_id: UUID) -> Resource:
        parent = ids.parent_id(job_id)
        also = () if parent == job_id else (arns().of(kinds.JOB, ids.text_of(parent)),)
        own = arns().of(kinds.JOB, ids.text_of(job_id))
        return Resource(own, also, lambda: read().get(job_id, {}))

    return [found(job_id) for job_id in job_ids]


def _tags(user: User, kind: str, name: str) -> Mapping[str, str]:
    row = tags.find_tagged(user=user, kind=kind, name=name)
    return {} if row is None else tags.tags_of(row)
