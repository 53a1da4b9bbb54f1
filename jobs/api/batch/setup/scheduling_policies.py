"""Scheduling policies."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import arns
from jobs.models import SchedulingPolicy
from jobs.selectors.policies import list_policies, policies_named
from jobs.services.setup import policies as services

from ...calls import Caller, Operation, Request
from ...errors import client_error
from ...paging import page
from ..lookup import policy_named, require_staff
from ..names import wanted_names

LIST = "ListSchedulingPolicies"
# Our fields by AWS's members of `fairsharePolicy`.
FAIR = {
    "shareDecaySeconds": "share_decay_seconds",
    "computeReservation": "compute_reservation",
    "shareDistribution": "share_distribution",
}
NAMES = {
    **{field: f"fairsharePolicy.{member}" for member, field in FAIR.items()},
    "quota_share_policy": "quotaSharePolicy",
}


def create_scheduling_policy(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Writes a new policy: for fair shares, unless it is one for quota shares."""
    require_staff(caller)
    if "fairsharePolicy" in request and "quotaSharePolicy" in request:
        raise client_error(f"quotaSharePolicy: {services.ONE_KIND}")
    fields = {"name": request["name"], "tags": request.get("tags"), **_fields(request)}
    policy = services.create_policy(fields=fields, now=now)
    return {"name": policy.name, "arn": _arn(caller, policy)}


def describe_scheduling_policies(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """Policies in the order asked for; those that there are not are left out."""
    wanted = wanted_names(caller, request, "arns", arns.SCHEDULING_POLICY) or []
    found = policies_named(wanted)
    return {
        "schedulingPolicies": [_detail(caller, found[name]) for name in wanted if name in found]
    }


def list_scheduling_policies(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """The ARNs of all policies, by name."""

    def read(after: str | None, limit: int) -> list[SchedulingPolicy]:
        return list_policies(after=after or "", size=limit).rows

    found = page(request, LIST, read, key=lambda policy: policy.name)
    return {"schedulingPolicies": [{"arn": _arn(caller, row)} for row in found.rows], **found.more}


def update_scheduling_policy(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Changes what is given of a policy; it stays of its kind."""
    require_staff(caller)
    policy = policy_named(caller, request["arn"])
    if "fairsharePolicy" in request and policy.quota_share_policy:
        raise client_error(f"fairsharePolicy: {services.STAYS_QUOTA}")
    services.update_policy(policy=policy, fields=_fields(request))
    return {}


def delete_scheduling_policy(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Deletes a policy that no queue uses."""
    require_staff(caller)
    services.delete_policy(policy=policy_named(caller, request["arn"]))
    return {}


def _fields(request: Request) -> dict[str, object]:
    given = request.get("fairsharePolicy", {})
    fields = {FAIR[member]: given[member] for member in FAIR if member in given}
    if "quotaSharePolicy" in request:
        fields["quota_share_policy"] = request["quotaSharePolicy"]
    return fields


def _detail(caller: Caller, policy: SchedulingPolicy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "arn": _arn(caller, policy),
        "tags": policy.tags,
        **_rules(policy),
    }


def _rules(policy: SchedulingPolicy) -> dict[str, Any]:
    if policy.quota_share_policy:
        return {"quotaSharePolicy": policy.quota_share_policy}
    fair = {member: getattr(policy, field) for member, field in FAIR.items()}
    return {"fairsharePolicy": fair}


def _arn(caller: Caller, policy: SchedulingPolicy) -> str:
    return caller.arns.of(arns.SCHEDULING_POLICY, policy.name)


_NO_QUOTA = "A `quotaSharePolicy` is kept and described, but nothing is scheduled by it."

OPERATIONS: dict[str, Operation] = {
    "CreateSchedulingPolicy": Operation(create_scheduling_policy, _NO_QUOTA, names=NAMES),
    "DescribeSchedulingPolicies": Operation(describe_scheduling_policies),
    LIST: Operation(list_scheduling_policies),
    "UpdateSchedulingPolicy": Operation(
        update_scheduling_policy,
        "Members of `fairsharePolicy` that are left out stay as they are.",
        names=NAMES,
    ),
    "DeleteSchedulingPolicy": Operation(delete_scheduling_policy),
}
