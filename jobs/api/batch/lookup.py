"""What a request names: found by name or ARN, or refused in AWS's words."""

from typing import TypeVar

from django.core.exceptions import PermissionDenied

from jobs.domain import arns
from jobs.models import (
    ConsumableResource,
    JobQueue,
    QuotaShare,
    SchedulingPolicy,
    ServiceEnvironment,
)
from jobs.selectors.consumables import find_resource
from jobs.selectors.policies import find_policy
from jobs.selectors.service import find_quota_share, find_service_environment
from jobs.selectors.tags import find_tagged

from ..calls import Caller
from ..errors import ApiError, client_error

M = TypeVar("M")

MAX_SHOWN_CHARACTERS = 200
ONLY_ADMINISTRATORS = "Only administrators may change this."


def require_staff(caller: Caller) -> None:
    """Raises PermissionDenied (AccessDeniedException) for anybody but an administrator."""
    if not caller.user.is_staff:
        raise PermissionDenied(ONLY_ADMINISTRATORS)


def queue_named(caller: Caller, text: str) -> JobQueue:
    """The queue of that name or ARN. Raises ApiError."""
    name = _name(caller, text, arns.JOB_QUEUE)
    found = find_tagged(user=caller.user, kind=arns.JOB_QUEUE, name=name) if name else None
    if not isinstance(found, JobQueue):
        raise not_found("JobQueue", text)
    return found


def policy_named(caller: Caller, text: str) -> SchedulingPolicy:
    """The scheduling policy of that ARN or name. Raises ApiError."""
    name = _name(caller, text, arns.SCHEDULING_POLICY)
    return _found(find_policy(name=name) if name else None, "SchedulingPolicy", text)


def resource_named(caller: Caller, text: str) -> ConsumableResource:
    """The consumable resource of that name or ARN. Raises ApiError."""
    name = _name(caller, text, arns.CONSUMABLE_RESOURCE)
    return _found(find_resource(name=name) if name else None, "ConsumableResource", text)


def service_environment_named(caller: Caller, text: str) -> ServiceEnvironment:
    """The service environment of that name or ARN. Raises ApiError."""
    name = _name(caller, text, arns.SERVICE_ENVIRONMENT)
    return _found(find_service_environment(name=name) if name else None, "ServiceEnvironment", text)


def quota_share_named(caller: Caller, text: str) -> QuotaShare:
    """The quota share of that ARN. Raises ApiError."""
    resource = caller.arns.resource_in(text)
    found = None
    if resource is not None and resource[0] == arns.QUOTA_SHARE and "\0" not in text:
        queue, _, share = resource[1].partition("/")
        found = find_quota_share(queue=queue, name=share)
    return _found(found, "QuotaShare", text)


def not_found(kind: str, text: str) -> ApiError:
    """AWS's error for a name or ARN that stands for nothing: `JobQueue high not found.`"""
    return client_error(f"{kind} {text[:MAX_SHOWN_CHARACTERS]} not found.")


def _name(caller: Caller, text: str, kind: str) -> str:
    """The name in a text; empty where there can be nothing of that name."""
    name = caller.arns.name_in(text, kind) or ""
    return "" if "\0" in name else name


def _found(row: M | None, kind: str, text: str) -> M:
    if row is None:
        raise not_found(kind, text)
    return row
