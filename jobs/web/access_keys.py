"""One's own access keys, which AWS's tools sign their requests with: making and revoking them."""

import shlex
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse

from jobs.models import AccessKey
from jobs.selectors.access import keys as selectors
from jobs.services.access.access_keys import (
    create_access_key,
    problem_of,
    revoke_access_key,
    secret_again,
)

from . import answers
from .handed_out import Pages, Shown


class AccessKeyPages(Pages[AccessKey]):
    """Access keys, for requests that are signed."""

    list_url = "access_keys"
    revoke_url = "access_key_revoke"
    title = "Access keys"
    template = "access/keys.html"
    json_name = "secret_access_key"
    refused = "requests that are signed with it are refused"

    def rows_of(self, user: User) -> list[AccessKey]:
        return selectors.keys_of(user)

    def find(self, user: User, pk: int) -> AccessKey:
        return selectors.find_key(user=user, key_id=pk)

    def create(
        self, user: User, name: object, now: datetime, *, seed: str
    ) -> tuple[AccessKey, str]:
        return create_access_key(user=user, name=name, now=now)

    def secret_again(self, row: AccessKey, seed: str) -> str:
        return secret_again(row)

    def end(self, user: User, pk: int, now: datetime) -> AccessKey:
        return revoke_access_key(user=user, key_id=pk, now=now)

    def as_json(self, row: AccessKey) -> dict[str, object]:
        return {
            "id": row.pk,
            "name": row.name,
            "access_key_id": row.access_key_id,
            "created_at": row.created_at,
            "last_used_at": row.last_used_at,
            "revoked_at": row.revoked_at,
        }

    def shown_in_list(self, request: HttpRequest, rows: Sequence[AccessKey]) -> Shown:
        return {
            "keys": [(row, problem_of(row)) for row in rows],
            "endpoint_url": answers.endpoint_url(request),
            "region": settings.BATCHWEB_AWS_REGION,
        }

    def shown_of_new(self, request: HttpRequest, row: AccessKey, secret: str) -> Shown:
        endpoint_url = answers.endpoint_url(request)
        return {
            "exports": _exports(row.access_key_id, secret, endpoint_url=endpoint_url),
            "commands": _commands(row.access_key_id, secret, endpoint_url=endpoint_url),
        }


PAGES = AccessKeyPages()


@answers.allow("GET", "POST")
def access_keys(request: HttpRequest) -> HttpResponse:
    """The list of access keys; a POST with `name` makes one and shows its secret, this once."""
    return PAGES.listed_or_made(request)


@answers.allow("GET", "POST")
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST revokes one's own access key."""
    return PAGES.revoked(request, key_id)


def _exports(access_key_id: str, secret: str, *, endpoint_url: str) -> str:
    """What to type into a shell so that AWS's tools come here with this key."""
    values = {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        # Tools take one or the other, so that what a shell has already must not win.
        "AWS_REGION": settings.BATCHWEB_AWS_REGION,
        "AWS_DEFAULT_REGION": settings.BATCHWEB_AWS_REGION,
    }
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def _commands(access_key_id: str, secret: str, *, endpoint_url: str) -> str:
    """The same kept in a profile of the AWS CLI. `aws configure` alone asks for no endpoint."""
    values = {
        "aws_access_key_id": access_key_id,
        "aws_secret_access_key": secret,
        "region": settings.BATCHWEB_AWS_REGION,
        "endpoint_url": endpoint_url,
    }
    return "\n".join(
        f"aws configure set {name} {shlex.quote(value)} --profile batchweb"
        for name, value in values.items()
    )
