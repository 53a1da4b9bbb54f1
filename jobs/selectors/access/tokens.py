"""Reads of access tokens."""

from django.contrib.auth.models import User

from jobs.models import AccessToken

from . import handed_out


def tokens_of(user: User) -> list[AccessToken]:
    """A user's tokens: see `handed_out.those_of`."""
    return handed_out.those_of(AccessToken, user)


def find_token(*, user: User, token_id: int) -> AccessToken:
    """One of the user's own tokens. Raises NotFound."""
    return handed_out.find(AccessToken, user=user, pk=token_id, what="token")
