"""Signature Version 4: who makes a call, from how it is signed."""

from datetime import datetime

from .calls import Call, Caller
from .errors import ApiError


def authenticate(call: Call, service: str, now: datetime) -> Caller:
    """Who makes a call. Raises ApiError in the words that SDKs understand."""
    raise ApiError(
        "MissingAuthenticationTokenException", "Missing Authentication Token", status=403
    )
