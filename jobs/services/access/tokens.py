"""Access tokens: a secret that is shown once, and of which only a digest is kept.

That of a form which may be sent twice, by a double click, is derived from SECRET_KEY and the form's own token. So
the answer to the second click, which is the one that is seen, shows the same secret, and nothing is stored for it.
"""

import base64
import hmac
import secrets
from datetime import datetime
from hashlib import sha256

from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac

from jobs.models import AccessToken
from jobs.selectors.access.tokens import find_token

from . import handed_out

PREFIX = "bw_"
PURPOSE = "batchweb access tokens of forms"
SECRET_BYTES = 32
SHOWN_CHARACTERS = 10
MAX_SECRET_CHARACTERS = 200
MAX_TOKENS_PER_USER = 50


def create_token(
    *, user: User, name: object, now: datetime, seed: str = ""
) -> tuple[AccessToken, str]:
    """A new token and its secret, which nobody has again but with the `seed`, if there is one: see `secret_again`.

    A seed is random, such as a form's token. Raises InvalidInput.
    """
    text = handed_out.check_new(
        AccessToken, user=user, name=name, what="token", at_most=MAX_TOKENS_PER_USER
    )
    secret = _derived(user.pk, seed, now) if seed else _random()
    token = AccessToken.objects.create(
        user=user,
        name=text,
        prefix=secret[:SHOWN_CHARACTERS],
        digest=_digest(secret),
        created_at=now,
    )
    return token, secret


def secret_again(*, token: AccessToken, seed: str) -> str:
    """The secret of a token that was made with this seed; empty if it was not."""
    secret = _derived(token.user_id, seed, token.created_at)
    return secret if hmac.compare_digest(token.digest, _digest(secret)) else ""


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


def _random() -> str:
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def _derived(user_id: int, seed: str, made_at: datetime) -> str:
    """As long as a random one. The moment keeps apart what one seed makes at two times."""
    value = f"{user_id} {made_at.timestamp():.6f} {seed}"
    digest = salted_hmac(PURPOSE, value, algorithm="sha256").digest()
    return PREFIX + base64.urlsafe_b64encode(digest[:SECRET_BYTES]).decode().rstrip("=")


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
