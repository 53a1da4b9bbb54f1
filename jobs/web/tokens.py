"""One's own access tokens: making and revoking them."""

from datetime import datetime

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from jobs.models import AccessToken
from jobs.selectors.access import tokens as selectors
from jobs.services.access.tokens import create_token, revoke_token, secret_again

from . import answers
from .handed_out import Pages


class TokenPages(Pages[AccessToken]):
    """Access tokens, for requests without a signature."""

    list_url = "tokens"
    revoke_url = "token_revoke"
    title = "Access tokens"
    template = "access/tokens.html"
    json_name = "token"
    refused = "requests with it are refused"

    def rows_of(self, user: User) -> list[AccessToken]:
        return selectors.tokens_of(user)

    def find(self, user: User, pk: int) -> AccessToken:
        return selectors.find_token(user=user, token_id=pk)

    def create(
        self, user: User, name: object, now: datetime, *, seed: str
    ) -> tuple[AccessToken, str]:
        return create_token(user=user, name=name, now=now, seed=seed)

    def secret_again(self, row: AccessToken, seed: str) -> str:
        return secret_again(token=row, seed=seed)

    def end(self, user: User, pk: int, now: datetime) -> AccessToken:
        return revoke_token(user=user, token_id=pk, now=now)

    def as_json(self, row: AccessToken) -> dict[str, object]:
        return {
            "id": row.pk,
            "name": row.name,
            "prefix": row.prefix,
            "created_at": row.created_at,
            "last_used_at": row.last_used_at,
            "revoked_at": row.revoked_at,
        }


PAGES = TokenPages()


@answers.allow("GET", "POST")
def tokens(request: HttpRequest) -> HttpResponse:
    """The list of tokens; a POST with `name` makes one and shows its secret, this once."""
    return PAGES.listed_or_made(request)


@answers.allow("GET", "POST")
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST revokes one's own token."""
    return PAGES.revoked(request, token_id)
