"""Trying a registry's login on the engines, and what came of it in plain words.

Whoever asks for it does not wait: a registry that does not answer takes half a minute. `check_asked_at` says that it
is still to be done, so that a worker that dies leaves it to the sweep.
"""

from django.utils import timezone

from jobs import changes
from jobs.domain.registries import registry_of
from jobs.engines.base import EngineError, EngineUnreachable, LoginRefused
from jobs.engines.base import RegistryLogin as Login
from jobs.models import Engine, EngineStatus, RegistryLogin
from jobs.services.attempts.connections import connection_to

from .ciphers import Unreadable
from .registry_logins import credentials_of

UNREADABLE = (
    "Its password cannot be read: SECRET_KEY is not the one that it was stored with. Give it anew."
)
ACCEPTED = "The registry accepts it. Which images it gives out for it shows when they are pulled."
NO_ENGINE = "No engine answers just now, so the registry could not be asked."


def check_login(*, login_id: int) -> None:
    """Tries the login on each engine that answers, if it is still asked for, and writes what came of it.

    A login that was changed meanwhile is asked about again: nothing is said of it.
    """
    login = RegistryLogin.objects.filter(id=login_id, check_asked_at__isnull=False).first()
    if login is None:
        return
    accepted, answer = _tried(login)
    RegistryLogin.objects.filter(
        id=login_id, updated_at=login.updated_at, check_asked_at=login.check_asked_at
    ).update(check_asked_at=None, checked_at=timezone.now(), accepted=accepted, answer=answer)
    changes.publish([changes.REGISTRIES])


def _tried(login: RegistryLogin) -> tuple[bool | None, str]:
    """Whether it is accepted, None if nobody could be asked; and what to say of that."""
    try:
        credentials = credentials_of(login)
    except Unreadable:
        return False, UNREADABLE
    given = Login(registry_of(login.prefix), credentials.username, credentials.password)
    engines = list(Engine.objects.filter(status=EngineStatus.CONNECTED).order_by("name"))
    problems = {engine.name: _problem(engine, given) for engine in engines}
    bad = {name: problem for name, problem in problems.items() if problem}
    if not engines:
        return None, NO_ENGINE
    if not bad:
        return True, ACCEPTED
    if len(engines) == 1:
        return False, next(iter(bad.values()))
    return False, " ".join(f"From {name}: {problem}" for name, problem in bad.items())


def _problem(engine: Engine, login: Login) -> str:
    """Why the engine could not log in; empty if it could."""
    try:
        connection_to(engine).check_login(login)
    except LoginRefused as error:
        return f"The registry refuses it. Check user name and password. It said: {error}"
    except EngineUnreachable as error:
        return f"The engine gave no answer, or the registry none in time: {error}"
    except EngineError as error:
        return f"The registry could not be asked. Check its name. The engine says: {error}"
    return ""
