"""Renewals of live parts: drawn once for all viewers who would see the same.

With a change, every open page asks for its live parts again. Two hundred viewers of one page would have the server
draw it two hundred times, one after the other. So those who ask at the same time share a drawing, which begins after
each of them asked (`renewing`).

Who sees the same? The part is drawn for a viewer of whom nothing is known but whether he is an administrator
(`AnyViewer`). A part that asks for more, to show only what is somebody's own, cannot be drawn so: then only one
person's own pages share it. What a form carries of its viewer (tokens) is put in for each.
"""

import copy
import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.request import HttpHeaders
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.urls import get_script_prefix, set_script_prefix
from django.utils.cache import patch_vary_headers

from jobs.selectors.access.policies import may_have_policies, note_policies

from . import answers
from .access import user_of

logger = logging.getLogger("batchweb.web")

# The hidden inputs of `{% csrf_token %}` and `{% request_token %}`. No text of others has a quote that is not escaped.
CSRF_INPUT = re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]*')
REQUEST_INPUT = re.compile(r'(name="request_token" value=")[^"]*')
PARTS_HEADER = answers.LIVE_REGIONS.lower().encode()
PARTS_IN_META = HttpHeaders.to_wsgi_name(answers.LIVE_REGIONS)
# Of so many parts it is remembered whether they are personal.
KEPT_PARTS = 1000
# No page has as many. Who asks for more is answered by the view, by itself.
MAX_PARTS = 50

View = Callable[..., HttpResponseBase]


class PersonalError(BaseException):
    """Something was asked of a viewer that is not the same for all of his kind.

    No Exception, for `{% if %}` takes one that it meets beside `and`, `or`, `not`, `==` or `in` for "no", and draws on.
    """


class AnyViewer:
    """Stands for any user, or any administrator, without access policies or of whom that is not known: whatever else is
    asked of him raises PersonalError."""

    is_authenticated = True
    is_anonymous = False
    is_active = True

    def __init__(
        self, *, is_staff: bool, is_superuser: bool, may_have_policies: bool = False
    ) -> None:
        self.is_staff = is_staff
        self.is_superuser = is_superuser
        if not may_have_policies:
            # Else what they say is asked of him, and is not the same for all.
            note_policies(self, has_some=False)

    def __getattr__(self, name: str) -> Any:
        raise PersonalError(name)

    def __eq__(self, other: object) -> bool:
        raise PersonalError("==")

    def __hash__(self) -> int:
        raise PersonalError("hash")

    def __str__(self) -> str:
        raise PersonalError("str")


class _NoSession:
    """A session is one person's."""

    def __getattr__(self, name: str) -> Any:
        raise PersonalError(f"session.{name}")

    def __getitem__(self, name: str) -> Any:
        raise PersonalError(f"session[{name}]")

    def __contains__(self, name: object) -> bool:
        raise PersonalError(f"{name} in session")


@dataclass(frozen=True, slots=True)
class Group:
    """Parts that are drawn together, and for whom: a kind of viewer, or one user."""

    parts: tuple[str, ...]
    who: object


@dataclass(frozen=True, slots=True)
class Drawing:
    """An answer without what is one viewer's."""

    content: str
    headers: Mapping[str, str]


class SharedAnswer(HttpResponse):
    """Stands for an answer whose parts are still to be drawn; `jobs.web.renewing` sees to that."""

    def __init__(self, work: "Work", groups: Sequence["Group"], token: str) -> None:
        super().__init__()
        self.work = work
        self.groups = groups
        self._token = token

    def fill(self, drawings: Sequence["Drawing"]) -> None:
        """Puts in what was drawn, with the viewer's own tokens."""
        content = "".join(drawing.content for drawing in drawings)
        content = CSRF_INPUT.sub(lambda found: found[1] + self._token, content)
        content = REQUEST_INPUT.sub(lambda found: found[1] + secrets.token_urlsafe(18), content)
        self.content = content
        for drawing in drawings:
            patch_vary_headers(self, drawing.headers.get("Vary", "").split(", "))
            for name, text in drawing.headers.items():
                self.headers.setdefault(name, text)
        self.headers["Content-Length"] = str(len(self.content))


class SharedRenewalMiddleware:
    """Stops at the view of a renewal, where others may want the same. It stands behind those who know the user.

    Only where the server's handler knows what to do with a SharedAnswer, which it says by `may_share`.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response
        self._known = KnownParts()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """What is to be drawn; None where the view is to answer itself."""
        if not getattr(request, "may_share", False) or not _is_plain(request):
            return None
        work = Work(request, view, args, kwargs, self._known)
        personal = self._known.personal(work) if len(work.parts) <= MAX_PARTS else None
        if not work.parts or personal is None:
            return None
        shared = tuple(part for part in work.parts if part not in personal)
        own = tuple(part for part in work.parts if part in personal)
        groups = [Group(shared, work.kind), Group(own, work.user.pk)]
        return SharedAnswer(work, [each for each in groups if each.parts], get_token(request))


class KnownParts:
    """Which parts of views show what is somebody's own: found by drawing them for anybody, and remembered."""

    def __init__(self) -> None:
        # Of a view's part, and a kind of viewer. Once personal, it stays so: other rows may hide it, for a time.
        self._is_personal: dict[tuple[object, ...], bool] = {}

    def personal(self, work: "Work") -> frozenset[str] | None:
        """Those of the parts asked for that cannot be drawn for anybody; None where that cannot be told now."""
        unknown = [part for part in work.parts if _key(work, part) not in self._is_personal]
        if unknown and not self.try_out(work, unknown):
            return None
        known = self._is_personal
        # What another thread has forgotten meanwhile is drawn for its viewer alone.
        return frozenset(part for part in work.parts if known.get(_key(work, part), True))

    def try_out(self, work: "Work", parts: Sequence[str]) -> bool:
        """Draws all in one, and each apart only where one is personal. False if something could not be drawn."""
        try:
            is_drawn = work.draw(parts, for_any=True) is not None
        except PersonalError:
            if len(parts) > 1:
                tried = [self.try_out(work, [part]) for part in parts]
                return all(tried)
            self._room()[_key(work, parts[0])] = True
            return True
        if is_drawn:
            for part in parts:
                self._room().setdefault(_key(work, part), False)
        return is_drawn

    def _room(self) -> dict[tuple[object, ...], bool]:
        if len(self._is_personal) >= KEPT_PARTS:
            self._is_personal.clear()
        return self._is_personal


def _key(work: "Work", part: str) -> tuple[object, ...]:
    return (work.name, part, work.kind)


class Work:
    """What one renewal asks for."""

    def __init__(
        self,
        request: HttpRequest,
        view: View,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        known: KnownParts,
    ) -> None:
        self.user = user_of(request)
        user = self.user
        self.kind = (user.is_staff, user.is_superuser, may_have_policies(user))
        self.page = (request.scheme, request.get_host(), request.get_full_path())
        self.parts = sorted(set(request.headers[answers.LIVE_REGIONS].split()))
        match = request.resolver_match
        self.name = match.view_name if match else ""
        self._request = request
        self._view, self._args, self._kwargs = view, args, kwargs
        self._known = known
        # Where the server stands below another's path. Each thread that draws has to be told.
        self._prefix = get_script_prefix()

    def draw_group(self, group: "Group") -> Drawing | None:
        """What the group shares; None where each is to ask the view himself."""
        try:
            return self.draw(group.parts, for_any=group.who == self.kind)
        except PersonalError:
            # Other rows than when it was tried out: the next time it is known.
            self._known.try_out(self, group.parts)
            return None

    def draw(self, parts: Sequence[str], *, for_any: bool) -> Drawing | None:
        """The view's answer; None unless it is a plain one. Its errors are told where it answers itself.

        Raises PersonalError where it asks for more than is known of any viewer.
        """
        set_script_prefix(self._prefix)
        request = _without_session(self._request, parts)
        if for_any:
            is_staff, is_superuser, bound = self.kind
            request.user = AnyViewer(  # type: ignore[assignment]
                is_staff=is_staff, is_superuser=is_superuser, may_have_policies=bound
            )
        try:
            response = self._view(request, *self._args, **self._kwargs)
        except Exception:
            logger.debug("a renewal is left to its view", exc_info=True)
            return None
        if (
            not isinstance(response, HttpResponse)
            or response.status_code != 200
            or response.cookies
        ):
            return None
        return Drawing(response.content.decode(), dict(response.headers))


def _is_plain(request: HttpRequest) -> bool:
    """Whether it asks as live.js does. A browser that knows no CSRF cookie yet is given one by the view."""
    return (
        "CSRF_COOKIE" in request.META
        and answers.wants_fragment(request)
        and not answers.wants_json(request)
    )


def _without_session(request: HttpRequest, parts: Sequence[str]) -> HttpRequest:
    """A request for these parts of the same page, with nothing by which it belongs to one session."""
    anybodys = copy.copy(request)
    anybodys.META = {name: text for name, text in request.META.items() if name != "CSRF_COOKIE"}
    anybodys.META[PARTS_IN_META] = " ".join(parts)
    anybodys.COOKIES = {}
    anybodys.session = _NoSession()  # type: ignore[assignment]
    # They were read from the META of the viewer's own.
    anybodys.__dict__.pop("headers", None)
    return anybodys
