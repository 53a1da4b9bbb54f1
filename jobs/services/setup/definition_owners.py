"""Whose a definition's name is: whoever submits by the bare name runs its newest revision with his own rights."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from jobs.domain.access_actions import DEREGISTER_JOB_DEFINITION, REGISTER_JOB_DEFINITION
from jobs.domain.access_policies import Context
from jobs.domain.plans import Work, plan_of
from jobs.models import JobDefinition
from jobs.selectors.access_policies import authorize, base_context
from jobs.selectors.access_resources import new_definition, of_definition, work_context
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
    return authorize(
        user=by,
        action=REGISTER_JOB_DEFINITION,
        resources=lambda: [new_definition(name)],
        context=lambda: work_context(
            user=by, now=now, address=address, plan=plan_of(work), tags=tags
        ),
    )


def require_deregister(definition: JobDefinition, *, by: User, now: datetime, address: str) -> None:
    """Raises PermissionDenied if an access policy denies it. No policy gives it: see `require_own_definition`."""
    authorize(
        user=by,
        action=DEREGISTER_JOB_DEFINITION,
        resources=lambda: [of_definition(definition)],
        context=lambda: Context(base_context(user=by, now=now, address=address)),
    )
