"""Whose a definition's name is: whoever submits by the bare name runs its newest revision with his own rights."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from jobs.domain.access_actions import DEREGISTER_JOB_DEFINITION, REGISTER_JOB_DEFINITION
from jobs.domain.access_policies import Context
from jobs.domain.plans import Work, plan_of
from jobs.models import JobDefinition
from jobs.selectors.access.policies import authorize, authorize_tags, base_context, policies_of
from jobs.selectors.access.resources import new_definition, of_definition, work_context
from jobs.selectors.definitions import may_change_definition


def require_own_definition(*, by: User | None, name: str) -> None:
    """Raises PermissionDenied unless `by` may register, deregister and tag revisions of this name.

    None is Batchweb itself, which sets up its examples.
    """
    if by is not None and not may_change_definition(user=by, name=name):
        raise PermissionDenied(
            f"The definition {name} belongs to somebody else. Register yours under another name."
        )


def may_register(
    *,
    by: User,
    name: str,
    work: Work,
    tags: Mapping[str, str],
    now: datetime,
    address: str,
) -> bool:
    """Whether an access policy gives it to him where it is an administrator's. Raises PermissionDenied if denied."""
    policies = [] if by.is_superuser else policies_of(by)
    if not policies:
        return False
    resource = new_definition(name)
    context = work_context(user=by, now=now, address=address, plan=plan_of(work), tags=tags)
    is_given = authorize(
        user=by,
        action=REGISTER_JOB_DEFINITION,
        resources=[resource],
        context=context,
        policies=policies,
    )
    may_tag = authorize_tags(
        user=by, resource=resource, tags=tags, values=context.values, policies=policies
    )
    return is_given and may_tag


def require_deregister(definition: JobDefinition, *, by: User, now: datetime, address: str) -> None:
    """Raises PermissionDenied if an access policy denies it. No policy gives it: see `require_own_definition`."""
    authorize(
        user=by,
        action=DEREGISTER_JOB_DEFINITION,
        resources=lambda: [of_definition(definition)],
        context=lambda: Context(base_context(user=by, now=now, address=address)),
    )
