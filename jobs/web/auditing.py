"""What goes into the audit trail of requests that Django answers: pages, form posts, scripts' JSON, administration."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.request import RawPostDataException
from django.http.response import HttpResponseBase
from django.utils import timezone

from jobs.domain import ids
from jobs.models import REFUSED_STATUS, AuditDoor
from jobs.services.access import audit

from . import answers
from .audited_names import name_in_url, with_whom
from .middleware import ADMIN_PATH

READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# Posts that change nothing, and submissions: each job tells who submitted it. Listed is who was refused.
NOT_LISTED = frozenset({"jobs", "submit", "submit_fill", "submit_check", "event_rule_try"})
LOGIN = "login"
# Fields that say what a post without a name in its URL is about.
NAMING = ("name", "prefix", "action", "username")


class AuditMiddleware:
    """Notes each request that changed something, or was refused for want of rights.

    It stands behind the middleware that knows the user, also of scripts that bring a token.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method not in READS:
            _note(request, response)
        return response

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> None:
        """Remembers who asks, and of what: after a log-out or a deletion, nobody knows any more."""
        match = request.resolver_match
        if request.method not in READS:
            request.audited_user = request.user  # type: ignore[attr-defined]
            if match is not None and _was_known(request):
                name = name_in_url(match.view_name, view_kwargs)
                request.audited_name = name  # type: ignore[attr-defined]


def _note(request: HttpRequest, response: HttpResponseBase) -> None:
    user, match = _who(request), request.resolver_match
    if user is None or match is None:
        return
    is_refused = response.status_code == REFUSED_STATUS
    if match.view_name in NOT_LISTED and not is_refused:
        return
    if match.view_name == LOGIN and _was_known(request):
        return
    in_admin = request.path_info.startswith(ADMIN_PATH)
    if not (is_refused or _has_changed(response, user, in_admin)):
        return
    audit.note(
        user=user,
        door=AuditDoor.ADMIN if in_admin else AuditDoor.PAGE,
        action=match.view_name,
        target=_target(request, match.kwargs),
        status=response.status_code,
        address=str(request.META.get("REMOTE_ADDR") or ""),
        now=timezone.now(),
    )


def _who(request: HttpRequest) -> User | None:
    """Who asked, or who has logged in just now.

    Nobody where no view was reached: a page too old for its CSRF token is refused before, which says nothing of rights.
    """
    if not hasattr(request, "audited_user"):
        return None
    name = "audited_user" if _was_known(request) else "user"
    found = getattr(request, name, None)
    return found if isinstance(found, User) else None


def _was_known(request: HttpRequest) -> bool:
    return isinstance(getattr(request, "audited_user", None), User)


def _has_changed(response: HttpResponseBase, user: User, in_admin: bool) -> bool:
    """Whether an answer says that something was done: a page (200) in answer to a post only asks, or shows errors."""
    if in_admin and not user.is_staff:
        # He was sent to the administration's own login form.
        return False
    if not 200 <= response.status_code < 400:
        return False
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    return response.status_code != 200 or not is_page


def _target(request: HttpRequest, kwargs: Mapping[str, Any]) -> str:
    """What it was done to: what the URL names or numbers, else what the post names."""
    name = getattr(request, "audited_name", "")
    if name:
        match = request.resolver_match
        return with_whom(name, match.view_name if match else "", _posted(request))
    if kwargs:
        return ":".join(_text(value) for value in kwargs.values())
    fields = _posted(request)
    named = [str(fields[name]) for name in NAMING if isinstance(fields.get(name), str)]
    return ": ".join([*named[:1], *_selected(request)])


def _text(value: object) -> str:
    return ids.text_of(value) if isinstance(value, UUID) else str(value)


def _posted(request: HttpRequest) -> Mapping[str, object]:
    try:
        return answers.posted(request)
    except (BadRequest, RawPostDataException):
        return {}


def _selected(request: HttpRequest) -> list[str]:
    """The rows that an action of the administration is on."""
    chosen = request.POST.getlist("_selected_action")
    return [", ".join(chosen)] if chosen else []
