"""What clients of Batch ask of STS."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.selectors.access.identities import identity_of

from .calls import Caller, Operation, Request


def get_caller_identity(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Who asks."""
    identity = identity_of(user=caller.user, attempt_id=caller.attempt_id)
    return {"Account": identity.account, "UserId": identity.user_id, "Arn": identity.arn}


def operations() -> Mapping[str, Operation]:
    """Every operation by its name."""
    return {"GetCallerIdentity": Operation(get_caller_identity)}
