"""Access tokens: a secret that is shown once, and of which only a digest is kept."""

import hmac
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from django.contrib.auth.models import User
from django.db.models import Q

from jobs.domain.errors import InvalidInput, NotFound
from jobs.models import AccessToken

PREFIX = "bw_"
SECRET_BYTES = 32
SHOWN_CHARACTERS = 10
MAX_SECRET_CHARACTERS = 200
MAX_TOKENS_PER_USER = 50
# Writing on each request would make every read a write.
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def create_token(*, user: User, name: object, now: datetime) -> tuple[AccessToken, str]:
    """A new token and its secret, which cannot be had again. Raises InvalidInput."""
    text = name.strip() if isinstance(name, str) else ""
    if not text or len(text) > 128 or not text.isprintable():
        raise InvalidInput({"name": ["Give the token a name of at most 128 printable characters."]})
    if AccessToken.objects.filter(user=user, revoked_at=None).count() >= MAX_TOKENS_PER_USER:
        raise InvalidInput({"": [f"At most {MAX_TOKENS_PER_USER} tokens: revoke one first."]})
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
    token = AccessToken.objects.filter(user=user, pk=token_id).first()
    if token is None:
        raise NotFound("There is no such token.")
    AccessToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now)
    token.refresh_from_db()
    return token


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
    _note_use(token, now)
    return token.user


def _note_use(token: AccessToken, now: datetime) -> None:
    if token.last_used_at is not None and now - token.last_used_at < USE_IS_NOTED_EVERY:
        return
    AccessToken.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY / 2), pk=token.pk
    ).update(last_used_at=now)


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
