"""Access tokens: a secret that is shown once, and of which only a digest is kept."""

import hmac
import secrets
from datetime import datetime
from hashlib import sha256

from django.contrib.auth.models import User

from jobs.models import AccessToken
from jobs.selectors.tokens import find_token

from . import handed_out

PREFIX = "bw_"
SECRET_BYTES = 32
SHOWN_CHARACTERS = 10
MAX_SECRET_CHARACTERS = 200
MAX_TOKENS_PER_USER = 50


def create_token(*, user: User, name: object, now: datetime) -> tuple[AccessToken, str]:
    """A new token and its secret, which cannot be had again. Raises InvalidInput."""
    text = handed_out.check_new(
        AccessToken, user=user, name=name, what="token", at_most=MAX_TOKENS_PER_USER
    )
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    token = AccessToken.objects.create(
        user=user,
        name=text,
        prefix=secret[:SHOWN_CHARACTERS],
        digest=_digest(secret),
        created_at=now,
    )
    return token, secret


def revoke_token(*, user: User, token_id: int, now: datetime) -> AccessToken:
    """Makes the token worthless from now on; revoking it again changes nothing. Raises NotFound."""
    return handed_out.revoke(find_token(user=user, token_id=token_id), now)


def user_of_token(*, secret: str, now: datetime) -> User | None:
    """The user that the token stands for; None if it is unknown, revoked, or he is not active.

    What is looked up is the digest of 256 random bits, so the time of the look-up tells nothing of use; the comparison
    that decides takes the same time for every input.
    """
    if not secret.startswith(PREFIX) or len(secret) > MAX_SECRET_CHARACTERS:
        return None
    digest = _digest(secret)
    token = (
        AccessToken.objects.select_related("user").filter(digest=digest, revoked_at=None).first()
    )
    if token is None or not hmac.compare_digest(token.digest, digest) or not token.user.is_active:
        return None
    handed_out.note_use(token, now)
    return token.user


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
