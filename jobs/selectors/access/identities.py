"""Who a caller is in the words of IAM and STS."""

from hashlib import sha256
from typing import NamedTuple

from django.contrib.auth.models import User

from jobs.domain import ecs_arns
from jobs.domain.arns import PARTITION
from jobs.models import JobCredentials

from ..realm import arns

ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
# IAM's ids tell by their first letters what they are of.
USER_ID = "AIDA"
ROLE_ID = "AROA"
ID_CHARACTERS = 17


class Identity(NamedTuple):
    """As GetCallerIdentity gives it."""

    account: str
    user_id: str
    arn: str


def identity_of(*, user: User, attempt_id: int | None) -> Identity:
    """A user's identity; that of the role for a container that has one (`attempt_id`), named after its task."""
    account = arns().account
    found = (
        JobCredentials.objects.select_related("attempt").filter(attempt_id=attempt_id).first()
        if attempt_id is not None
        else None
    )
    if found is None:
        name = user.get_username()
        return Identity(
            account,
            _unique_id(USER_ID, f"{account}/{user.pk}"),
            f"arn:{PARTITION}:iam::{account}:user/{name}",
        )
    role = found.role_arn.rpartition("/")[2]
    attempt = found.attempt
    session = ecs_arns.task_id(attempt.job_id, attempt.number, attempt.node_index)
    return Identity(
        account,
        f"{_unique_id(ROLE_ID, found.role_arn)}:{session}",
        f"arn:{PARTITION}:sts::{account}:assumed-role/{role}/{session}",
    )


def _unique_id(prefix: str, text: str) -> str:
    digest = sha256(text.encode()).digest()
    return prefix + "".join(ID_LETTERS[byte % 32] for byte in digest[:ID_CHARACTERS])
