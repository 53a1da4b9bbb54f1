"""Reads of access keys and of whatever else requests are signed with."""

import re
from copy import copy
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User

from jobs.models import AccessKey, JobCredentials

from . import handed_out
from .policies import note_job, note_policies

# How ids begin, as AWS has it: lasting keys of users, and temporary ones of jobs.
KEY_PREFIX = "AKIA"
TEMPORARY_PREFIX = "ASIA"
# What anybody sends may have characters that a database does not even take in a question.
_KEY_ID = re.compile(r"[A-Za-z0-9_]{1,128}")


# Each request asks this. Written out, it takes a fifth of the time that Django takes to make it up; the user's other
# columns are fetched if somebody asks for them. `from_db` wants the fields in their order in the model.
_USER_FIELDS = ("id", "is_superuser", "username", "is_staff", "is_active")
_KEY_WITH_USER = """
    SELECT keys.id, keys.user_id, keys.access_key_id, keys.encrypted_secret, keys.last_used_at,
           users.username AS user_username, users.is_active AS user_is_active,
           users.is_staff AS user_is_staff, users.is_superuser AS user_is_superuser,
           (EXISTS (SELECT 1 FROM jobs_accesspolicy_users AS own WHERE own.user_id = users.id)
            OR EXISTS (SELECT 1 FROM auth_user_groups AS membership
                       INNER JOIN jobs_accesspolicy_groups AS of_group
                       ON of_group.group_id = membership.group_id
                       WHERE membership.user_id = users.id)) AS user_has_policies
    FROM jobs_accesskey AS keys INNER JOIN auth_user AS users ON users.id = keys.user_id
    WHERE keys.access_key_id = %s AND keys.revoked_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a signature is checked with, and whose it is.

    `key` is the lasting access key, if it is one. Temporary ones are an attempt's, need the session token of that
    digest, and end with the attempt, or at `expires_at` if that is earlier. Their `user` is never an administrator:
    what his jobs run may be somebody else's. He is to be read and never to be saved.
    """

    access_key_id: str
    user: User
    encrypted_secret: bytes
    key: AccessKey | None = None
    attempt_id: int | None = None
    session_digest: str = ""
    attempt_ended: bool = False
    expires_at: datetime | None = None

    def have_expired(self, now: datetime) -> bool:
        """Whether they were good once, and are not any more."""
        return self.attempt_ended or (self.expires_at is not None and self.expires_at <= now)


def keys_of(user: User) -> list[AccessKey]:
    """A user's access keys: see `handed_out.those_of`."""
    return handed_out.those_of(AccessKey, user)


def find_key(*, user: User, key_id: int) -> AccessKey:
    """One of the user's own access keys. Raises NotFound."""
    return handed_out.find(AccessKey, user=user, pk=key_id, what="access key")


def find_credentials(access_key_id: str) -> Credentials | None:
    """What belongs to an access key's id; None if it is unknown, revoked, or its user not active. One query."""
    if not _KEY_ID.fullmatch(access_key_id):
        return None
    is_temporary = access_key_id.startswith(TEMPORARY_PREFIX)
    found = _of_job(access_key_id) if is_temporary else _of_user(access_key_id)
    return found if found is not None and found.user.is_active else None


def any_key_user() -> User | None:
    """Who is meant by requests that are signed with any key at all; None where they are refused."""
    name = settings.BATCHWEB_ANY_ACCESS_KEY_USER
    return User.objects.filter(username=name, is_active=True).first() if name else None


def _of_user(access_key_id: str) -> Credentials | None:
    for key in AccessKey.objects.raw(_KEY_WITH_USER, [access_key_id]):
        values = [getattr(key, f"user_{name}") for name in _USER_FIELDS]
        user = User.from_db(AccessKey.objects.db, _USER_FIELDS, values)
        note_policies(user, has_some=bool(vars(key)["user_has_policies"]))
        return Credentials(key.access_key_id, user, bytes(key.encrypted_secret), key=key)
    return None


def _of_job(access_key_id: str) -> Credentials | None:
    row = (
        JobCredentials.objects.select_related("attempt__job__owner")
        .only(
            "access_key_id",
            "encrypted_secret",
            "session_digest",
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
        _without_rights(row.attempt.job.owner),
        bytes(row.encrypted_secret),
        attempt_id=row.attempt_id,
        session_digest=row.session_digest,
        attempt_ended=row.attempt.ended_at is not None,
        expires_at=row.expires_at,
    )


def _without_rights(owner: User) -> User:
    """The same user as one who is no administrator."""
    same = copy(owner)
    same.is_staff = same.is_superuser = False
    note_job(same)
    return same
