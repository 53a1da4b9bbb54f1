"""Which action of access policies each operation is, on which resources: asked by the door before it is carried out.

Source of the resources: AWS's Service Authorization Reference, "Actions, resources, and condition keys for AWS Batch".
An operation that changes something and is not in RULES is refused: tests find it before anybody else does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.core.exceptions import PermissionDenied

from jobs.domain import arns
from jobs.domain.access_actions import BATCH, READS
from jobs.domain.access_policies import Context, Resource
from jobs.models import Job
from jobs.selectors.access.policies import authorize, authorize_tags, base_context, policies_of
from jobs.selectors.access.resources import (
    in_text,
    named,
    new_in_queue,
    of_arn,
    of_jobs,
    of_log_group,
)

from .calls import Caller, Request

Find = Callable[[Caller, Request], Sequence[Resource]]


@dataclass(frozen=True, slots=True)
class Rule:
    """The action, and what finds its resources. Without an action, what carries it out asks by itself: `why`."""

    action: str = ""
    find: Find | None = None
    why: str = ""


def permitted(
    service: str, operation: str, caller: Caller, request: Request, now: datetime
) -> Caller:
    """The caller, with `is_given` if a policy gives him the operation. Raises PermissionDenied."""
    if operation.lower().startswith(READS):
        return caller
    rule = RULES.get((service, operation))
    if rule is None:
        raise PermissionDenied(f"{service}:{operation} is not among what may be asked for.")
    find = rule.find
    if find is None:
        return caller
    policies = [] if caller.user.is_superuser else policies_of(caller.user)
    if not policies:
        return caller
    resources, context = find(caller, request), _context(caller, request, now)
    is_given = authorize(
        user=caller.user,
        action=rule.action,
        resources=resources,
        context=context,
        policies=policies,
    )
    if service == BATCH and not operation.endswith("agResource"):
        may_tag = authorize_tags(
            user=caller.user,
            resource=_tagged(operation, caller, resources),
            tags=context.request_tags or {},
            values=context.values,
            policies=policies,
        )
        is_given = is_given and may_tag
    return replace(caller, is_given=True) if is_given else caller


def _tagged(operation: str, caller: Caller, resources: Sequence[Resource]) -> Resource:
    """What gets the tags of a request."""
    if operation == "SubmitServiceJob":
        return _any_service_job(caller, {})[0]
    # Of a share in a queue, it is the share.
    return resources[-1 if operation == "CreateQuotaShare" else 0]


def refused_jobs(caller: Caller, jobs: Sequence[Job], action: str, now: datetime) -> dict[Job, str]:
    """Of jobs those that a policy denies the action on, each with the refusal. One query, and one for tags."""
    policies = policies_of(caller.user)
    context = Context(base_context(user=caller.user, now=now, address=caller.address))
    refused = {}
    resources = of_jobs([job.pk for job in jobs] if policies else [])
    for job, resource in zip(jobs, resources, strict=False):
        try:
            authorize(
                user=caller.user,
                action=action,
                resources=[resource],
                context=context,
                policies=policies,
            )
        except PermissionDenied as error:
            refused[job] = str(error)
    return refused


def _context(caller: Caller, request: Request, now: datetime) -> Context:
    values: dict[str, Sequence[str | None]] = dict(
        base_context(user=caller.user, now=now, address=caller.address)
    )
    if request.get("shareIdentifier"):
        values["batch:ShareIdentifier"] = (request["shareIdentifier"],)
    tags = request.get("tags")
    return Context(values, dict(tags) if tags else None, tuple(request.get("tagKeys") or ()))


def _of(kind: str, member: str) -> Find:
    return lambda caller, request: [in_text(caller.user, kind, request[member])]


def _new(kind: str, member: str) -> Find:
    """By a name alone: what looks like an ARN is refused as a name."""
    return lambda caller, request: [named(caller.user, kind, request[member].strip())]


def _queue(find: Find, *, is_new: bool) -> Find:
    """A queue, and what it is to be made of; of one that is there already what it is not made of yet."""
    orders = (
        ("computeEnvironmentOrder", "computeEnvironment", arns.COMPUTE_ENVIRONMENT),
        ("serviceEnvironmentOrder", "serviceEnvironment", arns.SERVICE_ENVIRONMENT),
    )

    def found(caller: Caller, request: Request) -> Sequence[Resource]:
        parts = [
            in_text(caller.user, kind, each[member])
            for order, member, kind in orders
            for each in request.get(order) or ()
        ]
        policy = request.get("schedulingPolicyArn")
        if policy:
            parts.append(in_text(caller.user, arns.SCHEDULING_POLICY, policy))
        queue = find(caller, request)[0]
        return [queue, *(parts if is_new else new_in_queue(queue, parts))]

    return found


def _quota_share(caller: Caller, request: Request) -> Sequence[Resource]:
    queue = in_text(caller.user, arns.JOB_QUEUE, request["jobQueue"])
    name = request["quotaShareName"].strip()
    return [queue, of_arn(caller.user, f"{queue.arn}/{arns.QUOTA_SHARE}/{name}")]


def _any_service_job(caller: Caller, _: Request) -> Sequence[Resource]:
    return [Resource(caller.arns.of(arns.SERVICE_JOB, "*"))]


def _group(_: Caller, request: Request) -> Sequence[Resource]:
    return [of_log_group(request.get("logGroupName") or request["resourceArn"])]


_SERVICE = Rule(why="The service asks, with all that the job or definition runs.")
_EACH = Rule(why="Each job is asked for by itself.")


def _crud(noun: str, kind: str, name: str, given: str) -> Mapping[str, Rule]:
    return {
        f"Create{noun}": Rule(f"batch:Create{noun}", _new(kind, name)),
        f"Update{noun}": Rule(f"batch:Update{noun}", _of(kind, given)),
        f"Delete{noun}": Rule(f"batch:Delete{noun}", _of(kind, given)),
    }


_BATCH: dict[str, Rule] = {
    "SubmitJob": _SERVICE,
    "RegisterJobDefinition": _SERVICE,
    "DeregisterJobDefinition": _SERVICE,
    "CancelJob": _EACH,
    "CancelJobs": _EACH,
    "TerminateJob": _EACH,
    "TerminateJobs": _EACH,
    "SubmitServiceJob": Rule("batch:SubmitServiceJob", _of(arns.JOB_QUEUE, "jobQueue")),
    "TerminateServiceJob": Rule("batch:TerminateServiceJob", _any_service_job),
    "TerminateServiceJobs": Rule("batch:TerminateServiceJob", _any_service_job),
    "UpdateServiceJob": Rule("batch:UpdateServiceJob", _any_service_job),
    **_crud(
        "ComputeEnvironment",
        arns.COMPUTE_ENVIRONMENT,
        "computeEnvironmentName",
        "computeEnvironment",
    ),
    **_crud("JobQueue", arns.JOB_QUEUE, "jobQueueName", "jobQueue"),
    "CreateJobQueue": Rule(
        "batch:CreateJobQueue", _queue(_new(arns.JOB_QUEUE, "jobQueueName"), is_new=True)
    ),
    "UpdateJobQueue": Rule(
        "batch:UpdateJobQueue", _queue(_of(arns.JOB_QUEUE, "jobQueue"), is_new=False)
    ),
    **_crud("SchedulingPolicy", arns.SCHEDULING_POLICY, "name", "arn"),
    **_crud(
        "ConsumableResource",
        arns.CONSUMABLE_RESOURCE,
        "consumableResourceName",
        "consumableResource",
    ),
    **_crud(
        "ServiceEnvironment",
        arns.SERVICE_ENVIRONMENT,
        "serviceEnvironmentName",
        "serviceEnvironment",
    ),
    **_crud("QuotaShare", arns.QUOTA_SHARE, "quotaShareArn", "quotaShareArn"),
    "CreateQuotaShare": Rule("batch:CreateQuotaShare", _quota_share),
    "TagResource": Rule(
        "batch:TagResource", lambda caller, asked: [of_arn(caller.user, asked["resourceArn"])]
    ),
    "UntagResource": Rule(
        "batch:UntagResource", lambda caller, asked: [of_arn(caller.user, asked["resourceArn"])]
    ),
}
_LOGS = (
    "CreateLogGroup",
    "DeleteLogGroup",
    "PutRetentionPolicy",
    "DeleteRetentionPolicy",
    "TagResource",
    "UntagResource",
)
RULES: Mapping[tuple[str, str], Rule] = {
    **{("batch", name): rule for name, rule in _BATCH.items()},
    **{("logs", name): Rule(f"logs:{name}", _group) for name in _LOGS},
}
