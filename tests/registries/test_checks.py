"""A login is tried on the engines, by a worker, and the page tells in plain words what came of it."""

from collections.abc import Iterator
from datetime import timedelta

import django_rq
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from jobs import queueing
from jobs.engines.fake.world import World, forget_world, world
from jobs.models import Engine, EngineStatus, RegistryLogin
from jobs.services.access.registry_checks import check_login
from jobs.services.access.registry_logins import create_login, update_login
from jobs.services.passes.sweep import sweep
from jobs.tasks import check_registry_logins
from tests.builders import NOW, a_user, an_engine

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine for which localhost:5000 is a registry with one account."""
    made = an_engine(name="first")
    world_of(made).accounts["localhost:5000"] = {"robot": "right"}
    yield made
    for each in Engine.objects.all():
        forget_world(each.url.removeprefix("fake://"))


def world_of(engine: Engine) -> World:
    return world(engine.url.removeprefix("fake://"))


def a_login(owner: User | None = None, **fields: object) -> RegistryLogin:
    values = {"prefix": "localhost:5000/team", "username": "robot", "password": "right", **fields}
    return create_login(owner=owner or a_user(), fields=values, now=NOW)


def tried(login: RegistryLogin) -> tuple[bool | None, str]:
    RegistryLogin.objects.filter(id=login.id).update(check_asked_at=NOW)
    check_login(login_id=login.id)
    login.refresh_from_db()
    assert login.check_asked_at is None
    assert login.checked_at is not None
    assert "right" not in login.answer
    return login.accepted, login.answer


def test_each_answer_is_told_in_plain_words(engine: Engine) -> None:
    assert tried(a_login()) == (
        True,
        "The registry accepts it. Which images it gives out for it shows when they are pulled.",
    )
    accepted, answer = tried(a_login(password="wrong"))
    assert not accepted
    assert answer.startswith("The registry refuses it. Check user name and password. It said: ")
    accepted, answer = tried(a_login(prefix="registry.example.com"))
    assert not accepted
    assert answer.startswith("The registry could not be asked. Check its name. The engine says: ")


def test_each_engine_that_answers_is_asked_and_the_one_with_trouble_is_named(
    engine: Engine,
) -> None:
    second = an_engine(name="second")
    an_engine(name="away", status=EngineStatus.UNREACHABLE)
    login = a_login()
    accepted, answer = tried(login)
    assert not accepted
    assert answer.startswith("From second: The registry could not be asked.")
    world_of(second).vanish()
    assert "From second: The engine gave no answer" in tried(login)[1]
    Engine.objects.update(status=EngineStatus.UNREACHABLE)
    assert tried(login) == (
        None,
        "No engine answers just now, so the registry could not be asked.",
    )


def test_a_login_that_nobody_could_try_is_not_told_as_refused(
    client: Client, visitor: User
) -> None:
    login = a_login(visitor)
    tried(login)
    for path in ("/registries/", f"/registries/{login.pk}/"):
        page = client.get(path).text
        assert "not known" in page
        assert "not accepted" not in page


def test_a_password_that_cannot_be_read_is_to_be_given_anew(
    engine: Engine, settings: Settings
) -> None:
    login = a_login()
    settings.SECRET_KEY = "another" * 10
    assert tried(login) == (
        False,
        "Its password cannot be read: SECRET_KEY is not the one that it was stored with. Give it anew.",
    )


def test_the_page_asks_a_worker_by_the_login_s_id_alone_and_shows_what_it_found(
    client: Client,
    visitor: User,
    engine: Engine,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobs.tasks.close_old_connections", lambda: None)
    login = a_login(visitor)
    path = f"/registries/{login.pk}/"
    queue = django_rq.get_queue("pull")
    queue.empty()  # type: ignore[no-untyped-call]
    assert "Not tried as it is now." in client.get(path).text
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(f"{path}check/", headers=JSON)
    assert answer.status_code == 202
    assert answer.json()["check"]["asked_at"]
    assert "Being tried on the engines" in client.get(path).text
    [task] = queue.jobs
    assert (task.func_name, task.args) == (queueing.CHECK_LOGIN, (login.pk,))
    check_registry_logins(login.pk)
    assert "The registry accepts it." in client.get(path).text
    assert client.get(path, headers=JSON).json()["check"]["accepted"] is True
    assert client.post(f"{path}check/").headers["Location"] == path


def test_what_nobody_asked_for_or_was_changed_meanwhile_says_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = a_login()
    check_login(login_id=login.id)
    check_login(login_id=0)
    login.refresh_from_db()
    assert login.checked_at is None
    RegistryLogin.objects.update(check_asked_at=NOW)

    def renewed(*_: object) -> str:
        update_login(login=login, by=login.owner, fields={"password": "x"}, now=timezone.now())
        return ""

    monkeypatch.setattr("jobs.services.access.registry_checks._problem", renewed)
    check_login(login_id=login.id)
    login.refresh_from_db()
    assert (login.checked_at, login.accepted, login.check_asked_at) == (None, None, None)


def test_a_check_whose_worker_died_is_handed_over_again(
    engine: Engine, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    login = a_login()
    queue = django_rq.get_queue("pull")
    for minutes, tasks in ((1, []), (3, [(login.pk,)])):
        queue.empty()  # type: ignore[no-untyped-call]
        now = timezone.now()
        asked_at = now - timedelta(minutes=minutes)
        RegistryLogin.objects.update(check_asked_at=asked_at)
        with django_capture_on_commit_callbacks(execute=True):
            sweep(now=now)
        assert [task.args for task in queue.jobs] == tasks


def test_a_check_that_may_wait_behind_a_pull_is_not_handed_over_again(
    engine: Engine, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    a_login()
    queue = django_rq.get_queue("pull")
    queue.empty()  # type: ignore[no-untyped-call]
    now = timezone.now()
    RegistryLogin.objects.update(check_asked_at=now - timedelta(minutes=3))
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            sweep(now=now)
    assert queue.count == 1
