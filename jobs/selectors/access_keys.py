"""Reads of access keys and of whatever else requests are signed with."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User

from jobs.domain.errors import NotFound
from jobs.models import AccessKey, JobCredentials

# How ids begin, as AWS has it: lasting keys of users, and temporary ones of jobs.
KEY_PREFIX = "AKIA"
TEMPORARY_PREFIX = "ASIA"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a signature is checked with, and whose it is.

    `key` is the lasting access key, if it is one. Temporary ones are an attempt's, need their session token, and end at
    `ends_at`.
    """

    access_key_id: str
    user: User
    encrypted_secret: bytes
    key: AccessKey | None = None
    attempt_id: int | None = None
    encrypted_session_token: bytes = b""
    ends_at: datetime | None = None


def keys_of(user: User) -> list[AccessKey]:
    """A user's access keys, usable ones first, newest first. At most 200: older revoked ones are of no use."""
    rows = list(AccessKey.objects.filter(user=user).order_by("-pk")[:200])
    return sorted(rows, key=lambda key: key.revoked_at is not None)


def find_key(*, user: User, key_id: int) -> AccessKey:
    """One of the user's own access keys. Raises NotFound."""
    key = AccessKey.objects.filter(user=user, pk=key_id).first()
    if key is None:
        raise NotFound("There is no such access key.")
    return key


def find_credentials(access_key_id: str) -> Credentials | None:
    """What belongs to an access key's id; None if it is unknown, revoked, or its user not active. One query."""
    found = (
        _of_job(access_key_id)
        if access_key_id.startswith(TEMPORARY_PREFIX)
        else _of_user(access_key_id)
    )
    return found if found is not None and found.user.is_active else None


def any_key_user() -> User | None:
    """Who is meant by requests that are signed with any key at all; None where they are refused."""
    name = settings.BATCHWEB_ANY_ACCESS_KEY_USER
    return User.objects.filter(username=name, is_active=True).first() if name else None


def _of_user(access_key_id: str) -> Credentials | None:
    key = (
        AccessKey.objects.select_related("user")
        .filter(access_key_id=access_key_id, revoked_at=None)
        .first()
    )
    if key is None:
        return None
    return Credentials(key.access_key_id, key.user, bytes(key.encrypted_secret), key=key)


def _of_job(access_key_id: str) -> Credentials | None:
    row = (
        JobCredentials.objects.select_related("attempt__job__owner")
        .only(
            "access_key_id",
            "encrypted_secret",
            "encrypted_session_token",
            "expires_at",
            "attempt__ended_at",
            "attempt__job__owner",
        )
        .filter(access_key_id=access_key_id)
        .first()
    )
    if row is None:
        return None
    return Credentials(
        row.access_key_id,
        row.attempt.job.owner,
        bytes(row.encrypted_secret),
        attempt_id=row.attempt_id,
        encrypted_session_token=bytes(row.encrypted_session_token),
        # What ended stays ended, even where it is asked with a time before that.
        ends_at=row.attempt.ended_at or row.expires_at,
    )
