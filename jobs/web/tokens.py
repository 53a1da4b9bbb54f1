"""One's own access tokens: making and revoking them."""

from collections.abc import Mapping
from types import MappingProxyType

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from jobs.domain.errors import InvalidInput
from jobs.models import AccessToken
from jobs.selectors import tokens as selectors
from jobs.services.access.tokens import create_token, revoke_token

from . import answers
from .access import user_of

NO_ERRORS: Mapping[str, list[str]] = MappingProxyType({})


@answers.allow("GET", "POST")
@sensitive_variables("secret")
def tokens(request: HttpRequest) -> HttpResponse:
    """The list of tokens; a POST with `name` makes one and shows its secret, this once."""
    if request.method != "POST":
        return _page(request)
    fields = answers.posted(request)
    try:
        token, secret = create_token(
            user=user_of(request), name=fields.get("name"), now=timezone.now()
        )
    except InvalidInput as error:
        if answers.wants_json(request):
            raise
        return _page(request, errors=error.errors, name=str(fields.get("name", "")), status=400)
    response: HttpResponse
    if answers.wants_json(request):
        response = JsonResponse({**_as_json(token), "token": secret}, status=201)
    else:
        # No redirect: the secret is kept nowhere, so it can only be shown in this very answer.
        response = _page(request, secret=secret, token=token, status=201)
    response["Cache-Control"] = "no-store"
    return response


@answers.allow("GET", "POST")
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST revokes one's own token."""
    if request.method != "POST":
        found = selectors.find_token(user=user_of(request), token_id=token_id)
        return answers.page(request, "access/revoke.html", {"token": found})
    token = revoke_token(user=user_of(request), token_id=token_id, now=timezone.now())
    return answers.done(
        request,
        to=reverse("tokens"),
        message=f"{token.name} is revoked: requests with it are refused from now on.",
        as_json=_as_json(token),
    )


def _page(
    request: HttpRequest,
    *,
    errors: Mapping[str, list[str]] = NO_ERRORS,
    status: int = 200,
    **shown: object,
) -> HttpResponse:
    rows = selectors.tokens_of(user_of(request))
    return answers.page(
        request,
        "access/tokens.html",
        {"tokens": rows, "errors": errors, "form_errors": errors.get("", []), **shown},
        as_json=lambda: {"results": [_as_json(row) for row in rows], "next": None},
        status=status,
    )


def _as_json(token: AccessToken) -> dict[str, object]:
    return {
        "id": token.pk,
        "name": token.name,
        "prefix": token.prefix,
        "created_at": token.created_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    }
