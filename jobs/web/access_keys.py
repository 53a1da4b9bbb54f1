"""One's own access keys, which AWS's tools sign their requests with: making and revoking them."""

import shlex
from collections.abc import Mapping
from types import MappingProxyType

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from jobs.domain.errors import InvalidInput
from jobs.models import AccessKey
from jobs.selectors import access_keys as selectors
from jobs.services.access.access_keys import create_access_key, problem_of, revoke_access_key

from . import answers
from .access import user_of

NO_ERRORS: Mapping[str, list[str]] = MappingProxyType({})


@answers.allow("GET", "POST")
@sensitive_variables("secret")
def access_keys(request: HttpRequest) -> HttpResponse:
    """The list of access keys; a POST with `name` makes one and shows its secret, this once."""
    if request.method != "POST":
        return _page(request)
    fields = answers.posted(request)
    try:
        key, secret = create_access_key(
            user=user_of(request), name=fields.get("name"), now=timezone.now()
        )
    except InvalidInput as error:
        if answers.wants_json(request):
            raise
        return _page(request, errors=error.errors, name=str(fields.get("name", "")), status=400)
    response: HttpResponse
    if answers.wants_json(request):
        response = JsonResponse({**_as_json(key), "secret_access_key": secret}, status=201)
    else:
        # No redirect: nobody is shown the secret again, so it has to be in this very answer.
        exports = _exports(key.access_key_id, secret, endpoint_url=_endpoint_url(request))
        response = _page(request, secret=secret, key=key, exports=exports, status=201)
    response["Cache-Control"] = "no-store"
    return response


@answers.allow("GET", "POST")
def revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST revokes one's own access key."""
    if request.method != "POST":
        found = selectors.find_key(user=user_of(request), key_id=key_id)
        return answers.page(request, "access/revoke_key.html", {"key": found})
    key = revoke_access_key(user=user_of(request), key_id=key_id, now=timezone.now())
    return answers.done(
        request,
        to=reverse("access_keys"),
        message=f"{key.name} is revoked: requests that are signed with it are refused from now on.",
        as_json=_as_json(key),
    )


def _page(
    request: HttpRequest,
    *,
    errors: Mapping[str, list[str]] = NO_ERRORS,
    status: int = 200,
    **shown: object,
) -> HttpResponse:
    rows = selectors.keys_of(user_of(request))
    return answers.page(
        request,
        "access/keys.html",
        {
            "keys": [(row, problem_of(row)) for row in rows],
            "errors": errors,
            "form_errors": errors.get("", []),
            "endpoint_url": _endpoint_url(request),
            "region": settings.BATCHWEB_AWS_REGION,
            **shown,
        },
        as_json=lambda: {"results": [_as_json(row) for row in rows], "next": None},
        status=status,
    )


def _exports(access_key_id: str, secret: str, *, endpoint_url: str) -> str:
    """What to type into a shell so that AWS's tools come here with this key."""
    values = {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": settings.BATCHWEB_AWS_REGION,
    }
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def _endpoint_url(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _as_json(key: AccessKey) -> dict[str, object]:
    return {
        "id": key.pk,
        "name": key.name,
        "access_key_id": key.access_key_id,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
