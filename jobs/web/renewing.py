"""The server's side of renewals: few threads that last, and one drawing for all who wait for the same.

Django gives each request a thread of its own, with a connection of its own. For two hundred renewals at once that
takes longer than all else, so they go through the same middleware in threads that last (`jobs.threads`), and wait
for their drawing in none. First all who ask are looked at (who they are in one go: `askers`), then what they ask for is
drawn: so each drawing is shared by as many as can be.
"""

import asyncio
import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from jobs.threads import lasting_threads, with_connections

from .askers import Askers, users_of_sessions
from .renewals import PARTS_HEADER, Drawing, SharedAnswer
from .together import Together, Turns

P = ParamSpec("P")
T = TypeVar("T")
# They wait for the database at most; more of them would only wait for each other.
_threads = lasting_threads(4, "renewal")
# The other threads are for those who ask meanwhile.
DRAWINGS_AT_A_TIME = 2
# A drawing is late by no more, however many ask.
PATIENCE_SECONDS = 0.2


class _Desk:
    """Where the renewals of one event loop meet; a server process has one."""

    def __init__(self) -> None:
        self.turns = Turns(at_a_time=DRAWINGS_AT_A_TIME, patience_seconds=PATIENCE_SECONDS)
        self.together = Together[Drawing](self.turns.turn)
        self.askers = Askers(lambda keys: _in_thread(users_of_sessions, keys))


_desks: WeakKeyDictionary[asyncio.AbstractEventLoop, _Desk] = WeakKeyDictionary()


def _desk() -> _Desk:
    """That of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _desks.get(loop)
    if found is None:
        found = _desks[loop] = _Desk()
    return found


class Renewals:
    """Answers renewals."""

    def __init__(self) -> None:
        self._django = BaseHandler()
        self._django.load_middleware()

    @staticmethod
    def concern(scope: Mapping[str, Any]) -> bool:
        """Whether a browser asks for live parts of the page that it shows."""
        if scope["method"] != "GET":
            return False
        names = {name for name, _ in scope["headers"]}
        return PARTS_HEADER in names and b"hx-request" in names and b"authorization" not in names

    async def answer(self, request: ASGIRequest) -> HttpResponseBase:
        """The answer to a request that has no body."""
        alone = copy.copy(request)
        request.may_share = True  # type: ignore[attr-defined]
        desk = _desk()
        with desk.turns.asking():
            session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
            if session_key:
                request.known_user = await desk.askers.user_of(session_key)  # type: ignore[attr-defined]
            response = await _in_thread(self._ask, request)
            if not isinstance(response, SharedAnswer):
                return response
            page, draw = response.work.page, response.work.draw_group
            asked = [
                desk.together.result((*page, group), partial(_in_thread, draw, group))
                for group in response.groups
            ]
        drawings = await asyncio.gather(*asked)
        drawn = [each for each in drawings if each is not None]
        if len(drawn) < len(drawings):
            return await _in_thread(self._ask, alone)
        response.fill(drawn)
        return response

    def _ask(self, request: ASGIRequest) -> HttpResponseBase:
        set_script_prefix(request.script_name or "/")
        return self._django.get_response(request)


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    call = partial(with_connections, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, call)
