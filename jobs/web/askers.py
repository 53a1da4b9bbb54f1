"""Who asks: the users of many sessions, looked up at once.

Two hundred renewals begin with the same two questions to the database, each for another session. Those who ask
meanwhile are looked up together, after each of them asked. What is not plain is left to Django: then it asks itself.
"""

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from jobs.domain.numbers import is_whole
from jobs.selectors.access.policies import with_policies

from .logins import PolicyBackend

logger = logging.getLogger("batchweb.web")

PLAIN_STORE = SessionStore.__module__
PLAIN_BACKENDS = frozenset(
    f"{backend.__module__}.{backend.__qualname__}" for backend in (PolicyBackend, ModelBackend)
)

LookUp = Callable[[Iterable[str]], Awaitable[Mapping[str, User]]]


class Askers:
    """Finds users by the keys of their sessions. Of one event loop."""

    def __init__(self, look_up: LookUp) -> None:
        """`look_up` finds those of several sessions; see `users_of_sessions`."""
        self._look_up = look_up
        self._waiting: dict[str, asyncio.Future[User | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def user_of(self, session_key: str) -> User | None:
        """The user of a session, as of now; None where Django is to find out."""
        found = self._waiting.get(session_key)
        if found is None:
            found = asyncio.get_running_loop().create_future()
            self._waiting[session_key] = found
        if self._task is None:
            self._task = asyncio.create_task(self._look_up_all())
        # Others wait for it, too, when this one leaves.
        user = await asyncio.shield(found)
        # Each request has its own: what one notes on it is not the others'.
        return copy.copy(user)

    async def _look_up_all(self) -> None:
        try:
            while self._waiting:
                wanted, self._waiting = self._waiting, {}
                users = await self._found(wanted)
                for key, future in wanted.items():
                    future.set_result(users.get(key))
        finally:
            self._task = None

    async def _found(self, keys: Iterable[str]) -> Mapping[str, User]:
        try:
            return await self._look_up(keys)
        except Exception:
            logger.exception("sessions could not be looked up together; each is by itself")
            return {}


def users_of_sessions(keys: Iterable[str]) -> dict[str, User]:
    """The users who are logged in by these sessions, by their keys: in two queries, however many.

    By the rules of `django.contrib.auth.get_user`: a session that is not over, a user who may log in, and a password
    that has not been changed since. Whoever is not found may still be logged in, by a way that only Django knows.
    """
    if settings.SESSION_ENGINE != PLAIN_STORE or not PLAIN_BACKENDS.intersection(_backends()):
        return {}
    # As Django makes them; a cookie can have anything.
    possible = [key for key in keys if key.isascii() and key.isalnum()]
    rows = Session.objects.filter(session_key__in=possible, expire_date__gt=timezone.now())
    logins = {row.session_key: login for row in rows if (login := row.get_decoded())}
    ids = {key: _user_id(login) for key, login in logins.items()}
    users = with_policies(User.objects.all()).in_bulk(
        {each for each in ids.values() if each is not None}
    )
    found = {}
    for key, user_id in ids.items():
        user = users.get(user_id) if user_id is not None else None
        if user is not None and _is_his(logins[key], user):
            found[key] = user
    return found


def _backends() -> list[str]:
    return list(settings.AUTHENTICATION_BACKENDS)


def _user_id(login: Mapping[str, object]) -> int | None:
    user_id = str(login.get(SESSION_KEY, ""))
    is_plain = login.get(BACKEND_SESSION_KEY) in PLAIN_BACKENDS.intersection(_backends())
    return int(user_id) if is_plain and is_whole(user_id) else None


def _is_his(login: Mapping[str, object], user: User) -> bool:
    if not ModelBackend().user_can_authenticate(user):
        return False
    return constant_time_compare(str(login.get(HASH_SESSION_KEY)), user.get_session_auth_hash())
