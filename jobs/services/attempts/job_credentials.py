"""Temporary AWS credentials of containers whose job has a role: what they are given, and when it ends.

A container is given the address of its credentials and a token to show there. The token is derived from
SECRET_KEY and the attempt, and stored nowhere: whoever has to create the container once more gives it the same one.
With the first fetch the credentials are made; they are good while the attempt is live, and are its job's owner's.
"""

import base64
import hmac
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils.crypto import salted_hmac

from jobs.domain.errors import BatchError
from jobs.domain.plans import ContainerPlan
from jobs.engines.base import SERVICE_ADDRESS
from jobs.models import Attempt, JobCredentials
from jobs.selectors.access.keys import TEMPORARY_PREFIX
from jobs.selectors.plans import plan_of_job
from jobs.services.access.access_keys import (
    decrypt_secret,
    encrypt_secret,
    new_key_id,
    new_secret,
    session_digest,
)
from jobs.services.access.ciphers import Unreadable

PATH = "/job-credentials/"
PURPOSE = "batchweb tokens of jobs with a role"
# As ECS has it. What is fetched later is good for as long again.
LIFETIME = timedelta(hours=6)
# SDKs fetch anew some minutes before the end. Who fetches more often than hourly makes nobody write.
LENGTHENED_BELOW = timedelta(hours=5)
SESSION_TOKEN_BYTES = 96
# So long after its container's end who uses them is told that it has ended, not that there are none.
KEPT = timedelta(days=1)
FORGOTTEN_AT_ONCE = 500
# Only what jobs of Batch need: their calls to other services go where they went before.
SERVICES = ("BATCH", "CLOUDWATCH_LOGS", "STS")
# With one of these a container has credentials of its own, and SDKs look no further, or would look in the wrong place.
OWN_CREDENTIALS = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    }
)
OWN_ENDPOINT = "AWS_ENDPOINT_URL"
REGION = frozenset({"AWS_REGION", "AWS_DEFAULT_REGION"})


class NoCredentials(BatchError):
    """Whoever asks gets no credentials; `str(error)` says why."""


@dataclass(frozen=True, slots=True)
class Issued:
    """Credentials as their container uses them. `token` is what AWS calls the session token."""

    role_arn: str
    access_key_id: str
    secret: str
    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Issued({self.access_key_id!r})"


def needs_service_address() -> bool:
    """Whether jobs with a role reach the API at their engine's machine, not at a server of that name."""
    return urlsplit(settings.BATCHWEB_JOBS_API_URL).hostname == SERVICE_ADDRESS


def role_variables(
    *, attempt: Attempt, container: ContainerPlan, own: Collection[str]
) -> dict[str, str]:
    """What a container's environment needs to use its role; empty if it has none, or credentials of its own.

    `own`: the names of the variables that it sets itself. Those win, and with them goes what would contradict them.
    """
    names = set(own)
    if not container.role_arn or OWN_CREDENTIALS & names:
        return {}
    url = settings.BATCHWEB_JOBS_API_URL
    variables = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}{PATH}{attempt.id}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": fetch_token(attempt),
    }
    if OWN_ENDPOINT not in names:
        variables |= {f"{OWN_ENDPOINT}_{service}": url for service in SERVICES}
    if not REGION & names:
        variables |= dict.fromkeys(REGION, settings.BATCHWEB_AWS_REGION)
    return {name: value for name, value in variables.items() if name not in names}


def fetch_token(attempt: Attempt) -> str:
    """What the attempt's container shows to be given its credentials: the same whenever it is asked for."""
    return _token(attempt, settings.SECRET_KEY)


def fetch_credentials(*, attempt_id: int, token: str, now: datetime) -> Issued:
    """The credentials of the container that has this token, made or prolonged if need be. Raises NoCredentials.

    Who fetches again gets the same ones, good for longer: what other processes of the container hold stays good, too.
    """
    attempt = (
        Attempt.objects.select_related("job__spec", "job__owner").filter(id=attempt_id).first()
    )
    if attempt is None or not _is_token(attempt, token):
        raise NoCredentials("There are no credentials for this token.")
    if attempt.ended_at is not None:
        raise NoCredentials("The container has ended, and its credentials with it.")
    if not attempt.job.owner.is_active:
        raise NoCredentials("The job's owner may not use this server any more.")
    role_arn = role_of(attempt)
    if not role_arn:
        raise NoCredentials("The job has no role.")
    return _issued(_stored(attempt, role_arn, now))


def forget_credentials(*, now: datetime) -> int:
    """Deletes those whose container ended a day ago, so many at a time; how many."""
    # By the key of each: a join would let PostgreSQL begin with all attempts that have ever ended.
    ended_at = Attempt.objects.filter(pk=OuterRef("pk")).values("ended_at")
    ended = JobCredentials.objects.alias(ended_at=Subquery(ended_at)).filter(
        # Where to look: they were good for so long after the end at most.
        expires_at__lt=now - KEPT + LIFETIME,
        ended_at__lt=now - KEPT,
    )
    ids = list(ended.order_by("expires_at").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    if not ids:
        return 0
    return JobCredentials.objects.filter(pk__in=ids).delete()[0]


def role_of(attempt: Attempt) -> str:
    """The ARN of the attempt's role; empty if it has none. `attempt` was read with its job's spec."""
    node = plan_of_job(attempt.job).nodes[attempt.node_index]
    return node.containers[attempt.container_index].role_arn


def _stored(attempt: Attempt, role_arn: str, now: datetime) -> JobCredentials:
    with transaction.atomic():
        row, made = JobCredentials.objects.select_for_update().get_or_create(
            attempt=attempt, defaults=_anew(role_arn, now)
        )
        if made or (_is_readable(row) and row.expires_at - now >= LENGTHENED_BELOW):
            return row
        values = {"expires_at": now + LIFETIME} if _is_readable(row) else _anew(role_arn, now)
        for field, value in values.items():
            setattr(row, field, value)
        row.save(update_fields=list(values))
    return row


def _anew(role_arn: str, now: datetime) -> dict[str, object]:
    token = base64.b64encode(secrets.token_bytes(SESSION_TOKEN_BYTES)).decode()
    return {
        "role_arn": role_arn,
        "access_key_id": new_key_id(TEMPORARY_PREFIX),
        "encrypted_secret": encrypt_secret(new_secret()),
        "encrypted_session_token": encrypt_secret(token),
        "session_digest": session_digest(token),
        "created_at": now,
        "expires_at": now + LIFETIME,
    }


def _is_readable(row: JobCredentials) -> bool:
    """False after a change of SECRET_KEY."""
    try:
        decrypt_secret(bytes(row.encrypted_secret))
    except Unreadable:
        return False
    return True


def _issued(row: JobCredentials) -> Issued:
    return Issued(
        role_arn=row.role_arn,
        access_key_id=row.access_key_id,
        secret=decrypt_secret(bytes(row.encrypted_secret)),
        token=decrypt_secret(bytes(row.encrypted_session_token)),
        expires_at=row.expires_at,
    )


def _is_token(attempt: Attempt, token: str) -> bool:
    """Takes the same time for every token."""
    given = token.encode("utf-8", "surrogateescape")
    return any(hmac.compare_digest(each.encode(), given) for each in _tokens(attempt))


def _tokens(attempt: Attempt) -> Iterator[str]:
    """The present one, and those of containers that run since before SECRET_KEY was changed."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        yield _token(attempt, key)


def _token(attempt: Attempt, key: str | bytes) -> str:
    # The job's id, too: in a database that was set back, ids of attempts may come again.
    text = f"{attempt.id} {attempt.job_id}"
    made = salted_hmac(PURPOSE, text, secret=key, algorithm="sha256")
    return base64.urlsafe_b64encode(made.digest()).decode().rstrip("=")
