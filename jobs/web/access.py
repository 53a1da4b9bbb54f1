"""Who somebody is and what he may see: sessions for people, bearer tokens for scripts."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone

from jobs import changes
from jobs.domain.numbers import is_whole
from jobs.models import BulkAction
from jobs.selectors.jobs import visible_jobs
from jobs.services.access import tokens

from . import answers
from .offers import is_given, leads_to_a_post

__all__ = [
    "AccessMiddleware",
    "BearerTokenMiddleware",
    "require_staff",
    "user_of",
    "visible_jobs",
    "visible_topics",
]

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="batchweb"'}
BAD_TOKEN = {"WWW-Authenticate": 'Bearer realm="batchweb", error="invalid_token"'}
SHARED_TOPICS = frozenset(
    {
        changes.JOBS,
        changes.QUEUES,
        changes.ENVIRONMENTS,
        changes.DEFINITIONS,
        changes.RESOURCES,
        changes.PULLS,
        changes.REGISTRIES,
        changes.BUDGETS,
        changes.SEARCH,
        changes.METRICS,
        changes.ALARMS,
        changes.SENDING,
    }
)
JOB_TOPIC = changes.job_topic("")
BULK_TOPIC = "bulk:"


class BearerTokenMiddleware:
    """Finds the user of an `Authorization: Bearer bw_...` header; a bad token is refused at once.

    It stands before the CSRF check and switches it off for such requests: no foreign page can make a browser
    send this header.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return self.get_response(request)
        user = tokens.user_of_token(secret=secret.strip(), now=timezone.now())
        if user is None:
            return answers.error(request, 401, "This token is unknown or was revoked.", BAD_TOKEN)
        request.bearer_user = user  # type: ignore[attr-defined]
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
        return self.get_response(request)


class AccessMiddleware(LoginRequiredMiddleware):
    """Everything needs a login: people are sent to the form, scripts and htmx are told so."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        # Found before: by a token, or with others' (`askers`).
        found = getattr(request, "bearer_user", None) or getattr(request, "known_user", None)
        if found is not None:
            request.user = found
        answer = super().process_view(request, view_func, view_args, view_kwargs)
        if answer is None and leads_to_a_post(request):
            # Who may not send the form is told so before he has filled it in.
            is_given(request)
        return answer

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        if _is_for_scripts(request):
            _, advice = answers.ERROR_TEXTS[401]
            return answers.error(request, 401, advice, CHALLENGE, for_scripts=True)
        if answers.wants_fragment(request):
            response = HttpResponse(status=401)
            response["HX-Redirect"] = resolve_url(self.get_login_url(view_func))
            return response
        return super().handle_no_permission(request, view_func)


def _is_for_scripts(request: HttpRequest) -> bool:
    """Whether a login form is of no use to who asks. The events have no page: only a browser would be sent."""
    accept = request.headers.get("Accept", "")
    if answers.wants_json(request) or "text/event-stream" in accept:
        return True
    match = request.resolver_match
    return match is not None and match.url_name == "events" and "text/html" not in accept


def user_of(request: HttpRequest) -> User:
    """The logged-in user; AccessMiddleware lets nobody else in."""
    user = request.user
    if isinstance(user, AnonymousUser):
        raise PermissionDenied
    return user


def require_staff(request: HttpRequest) -> User:
    """The user, who must be an administrator, or be given this by an access policy, and not be denied it; else 403."""
    user = user_of(request)
    # Asked first: it refuses an administrator, too, whom a policy denies what the form is for.
    if not (is_given(request) or user.is_staff):
        raise PermissionDenied("Only administrators may change this.")
    return user


def visible_topics(user: User, topics: list[str]) -> set[str]:
    """Those of the topics (`jobs.changes`) that this user may listen to; the others are left out."""
    shared = {topic for topic in topics if topic in SHARED_TOPICS}
    named = {topic.removeprefix(JOB_TOPIC) for topic in topics if topic.startswith(JOB_TOPIC)}
    job_ids = {UUID(text) for text in named if _is_uuid(text)}
    seen = visible_jobs(user).filter(pk__in=job_ids).values_list("pk", flat=True) if job_ids else []
    own = {changes.bulk_of_topic(user.pk)}.intersection(topics)
    jobs = {changes.job_topic(job_id) for job_id in seen}
    return shared | own | jobs | _visible_bulk(user, topics)


def _visible_bulk(user: User, topics: list[str]) -> set[str]:
    """The topics of bulk actions that he may watch: his own."""
    named = {topic.removeprefix(BULK_TOPIC) for topic in topics if topic.startswith(BULK_TOPIC)}
    ids = {int(text) for text in named if is_whole(text)}
    rows = BulkAction.objects.filter(pk__in=ids) if ids else BulkAction.objects.none()
    if not user.is_staff:
        rows = rows.filter(owner=user)
    return {changes.bulk_topic(action_id) for action_id in rows.values_list("pk", flat=True)}


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
