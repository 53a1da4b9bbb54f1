"""What a request names: found by name or ARN, or refused in AWS's words."""

from typing import TypeVar

from django.core.exceptions import PermissionDenied

from jobs.domain import arns
from jobs.models import (
    ComputeEnvironment,
    ConsumableResource,
    JobQueue,
    QuotaShare,
    SchedulingPolicy,
    ServiceEnvironment,
)
from jobs.selectors import named
from jobs.selectors.consumables import find_resource
from jobs.selectors.descriptions import environments_after
from jobs.selectors.policies import find_policy
from jobs.selectors.service import find_quota_share, find_service_environment

from ..calls import Caller
from ..errors import ApiError, client_error, shown

M = TypeVar("M")

ONLY_ADMINISTRATORS = "Only administrators may change this."


def require_staff(caller: Caller) -> None:
    """Raises PermissionDenied (AccessDeniedException) for anybody but an administrator, and who is given it."""
    if not (caller.user.is_staff or caller.is_given):
        raise PermissionDenied(ONLY_ADMINISTRATORS)


def find_environment(caller: Caller, text: str) -> ComputeEnvironment | None:
    """The compute environment of that name or ARN."""
    name = caller.arns.name_in(text, arns.COMPUTE_ENVIRONMENT)
    rows = environments_after(after=None, limit=1, names=[name]) if name else ()
    return next(iter(rows), None)


def environment_named(caller: Caller, text: str) -> ComputeEnvironment:
    """The same. Raises ApiError if there is none."""
    return _found(find_environment(caller, text), "ComputeEnvironment", text)


def find_queue(caller: Caller, text: str) -> JobQueue | None:
    """The queue of that name or ARN."""
    name = caller.arns.name_in(text, arns.JOB_QUEUE)
    return named.queue_named(name) if name else None


def queue_named(caller: Caller, text: str) -> JobQueue:
    """The same. Raises ApiError if there is none."""
    return _found(find_queue(caller, text), "JobQueue", text)


def policy_named(caller: Caller, text: str) -> SchedulingPolicy:
    """The scheduling policy of that ARN or name. Raises ApiError."""
    name = caller.arns.name_in(text, arns.SCHEDULING_POLICY)
    return _found(find_policy(name=name) if name else None, "SchedulingPolicy", text)


def resource_named(caller: Caller, text: str) -> ConsumableResource:
    """The consumable resource of that name or ARN. Raises ApiError."""
    name = caller.arns.name_in(text, arns.CONSUMABLE_RESOURCE)
    return _found(find_resource(name=name) if name else None, "ConsumableResource", text)


def service_environment_named(caller: Caller, text: str) -> ServiceEnvironment:
    """The service environment of that name or ARN. Raises ApiError."""
    name = caller.arns.name_in(text, arns.SERVICE_ENVIRONMENT)
    return _found(find_service_environment(name=name) if name else None, "ServiceEnvironment", text)


def quota_share_named(caller: Caller, text: str) -> QuotaShare:
    """The quota share of that ARN. Raises ApiError."""
    resource = caller.arns.resource_in(text)
    found = None
    if resource is not None and resource[0] == arns.QUOTA_SHARE:
        queue, _, share = resource[1].partition("/")
        found = find_quota_share(queue=queue, name=share)
    return _found(found, "QuotaShare", text)


def not_found(kind: str, text: str) -> ApiError:
    """AWS's error for a name or ARN that stands for nothing: `JobQueue high not found.`"""
    return client_error(f"{kind} {shown(text)} not found.")


def _found(row: M | None, kind: str, text: str) -> M:
    if row is None:
        raise not_found(kind, text)
    return row
