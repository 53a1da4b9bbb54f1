"""Reads of access tokens."""

from django.contrib.auth.models import User

from jobs.domain.errors import NotFound
from jobs.models import AccessToken


def tokens_of(user: User) -> list[AccessToken]:
    """A user's tokens, usable ones first, newest first. At most 200: older revoked ones are of no use."""
    rows = list(AccessToken.objects.filter(user=user).order_by("-pk")[:200])
    return sorted(rows, key=lambda token: token.revoked_at is not None)


def find_token(*, user: User, token_id: int) -> AccessToken:
    """One of the user's own tokens. Raises NotFound."""
    token = AccessToken.objects.filter(user=user, pk=token_id).first()
    if token is None:
        raise NotFound("There is no such token.")
    return token
