"""Who asks for renewals: looked up together, by the rules of Django's sessions."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from jobs.selectors.access.policies import may_have_policies
from jobs.web.askers import Askers, users_of_sessions
from jobs.web.streaming import StreamingASGIHandler
from tests.builders import a_user, an_access_policy
from tests.statements import deny

from .asgi import open_stream

OTHER_BACKEND = "django.contrib.auth.backends.AllowAllUsersModelBackend"


def logged_in(user: User, backend: str | None = None) -> str:
    """The key of a new session of his."""
    client = Client()
    client.force_login(user, backend=backend)
    return str(client.session.session_key)


@pytest.mark.django_db
class TestWhoIsFound:
    def test_all_sessions_are_looked_up_in_two_queries(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        users = [a_user() for _ in range(3)]
        sessions = {logged_in(user): user for user in [*users, *users]}
        with django_assert_num_queries(2):
            assert users_of_sessions([*sessions, "no-session", "a" * 32, "é"]) == sessions

    @pytest.mark.parametrize(
        "happens",
        [
            lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
            lambda user: User.objects.filter(pk=user.pk).update(password="another"),
            lambda user: User.objects.filter(pk=user.pk).delete(),
            lambda _: Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1)),
            lambda _: Session.objects.update(session_data="not signed by us"),
            lambda _: Session.objects.all().delete(),
        ],
        ids=["put out", "new password", "gone", "session over", "session forged", "logged out"],
    )
    def test_who_is_not_logged_in_any_more_is_not_found(
        self, happens: Callable[[User], object]
    ) -> None:
        user = a_user()
        key = logged_in(user)
        assert users_of_sessions([key]) == {key: user}
        happens(user)
        assert users_of_sessions([key]) == {}

    def test_who_came_in_another_way_is_left_to_django(self, settings: Settings) -> None:
        settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, OTHER_BACKEND]
        key = logged_in(a_user(), OTHER_BACKEND)
        assert users_of_sessions([key]) == {}

    def test_a_session_from_before_goes_on_and_is_asked_for_policies(self) -> None:
        user = a_user()
        key = logged_in(user, "django.contrib.auth.backends.ModelBackend")
        assert users_of_sessions([key]) == {key: user}
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        an_access_policy(deny("batchweb:CreateSecret"), users=[user])
        assert client.post("/secrets/", {"name": "a", "value": "b"}).status_code == 403

    def test_whether_policies_bind_a_user_is_known_with_himself(self) -> None:
        group = Group.objects.create(name="students")
        own, by_group, none = a_user(), a_user(), a_user()
        by_group.groups.add(group)
        an_access_policy(users=[own]).groups.add(group)
        keys = {logged_in(user): user for user in (own, by_group, none)}
        found = users_of_sessions(keys)
        assert [may_have_policies(found[key]) for key in keys] == [True, True, False]
        policy = an_access_policy(deny("batchweb:CreateSecret"), users=[own])
        policy.groups.add(group)
        for user, status in ((own, 403), (by_group, 403), (none, 302)):
            client = Client()
            client.force_login(user)
            answer = client.post("/secrets/", {"name": "a", "value": "b"})
            assert answer.status_code == status

    def test_sessions_that_are_kept_elsewhere_are_left_to_django(self, settings: Settings) -> None:
        key = logged_in(a_user())
        settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
        assert users_of_sessions([key]) == {}


def test_who_asks_while_others_are_looked_up_is_looked_up_with_all_who_came_by_then() -> None:
    asked: list[list[str]] = []

    async def test() -> None:
        gate, is_begun = asyncio.Event(), asyncio.Event()

        async def look_up(keys: Iterable[str]) -> dict[str, User]:
            asked.append(list(keys))
            is_begun.set()
            await gate.wait()
            return {key: User(username=key) for key in keys if key != "stranger"}

        askers = Askers(look_up)
        first = asyncio.create_task(askers.user_of("a"))
        await is_begun.wait()
        names = ["a", "b", "b", "stranger"]
        late = [asyncio.create_task(askers.user_of(name)) for name in names]
        await asyncio.sleep(0)
        gate.set()
        users = [await each for each in (first, *late)]
        assert [user and user.username for user in users] == ["a", "a", "b", "b", None]
        assert users[2] is not users[3]

    asyncio.run(test())
    assert asked == [["a"], ["a", "b", "stranger"]]


def test_where_they_cannot_be_looked_up_together_each_is_left_to_django() -> None:
    async def fails(_: Iterable[str]) -> dict[str, User]:
        raise OSError("no database")

    assert asyncio.run(Askers(fails).user_of("a")) is None


def test_who_leaves_takes_nothing_from_others_of_his_session() -> None:
    async def test() -> None:
        gate, is_begun = asyncio.Event(), asyncio.Event()

        async def look_up(keys: Iterable[str]) -> dict[str, User]:
            is_begun.set()
            await gate.wait()
            return {key: User(username=key) for key in keys}

        askers = Askers(look_up)
        leaving, staying = (asyncio.create_task(askers.user_of("a")) for _ in range(2))
        await is_begun.wait()
        leaving.cancel()
        gate.set()
        user = await staying
        assert user
        assert user.username == "a"

    asyncio.run(test())


async def status_of_renewal(client: Client, server: StreamingASGIHandler) -> int:
    """What the server says to a browser with the client's cookies that asks for a part of the list of jobs."""
    cookie = "; ".join(f"{name}={each.value}" for name, each in client.cookies.items())
    headers = {"accept": "text/html", "hx-request": "true", "x-live-regions": "jobs-table"}
    path = reverse("jobs")
    async with open_stream(path, cookie=cookie, headers=headers, server=server) as stream:
        await stream.body()
        return stream.status


@pytest.fixture
def browser_of_one() -> Client:
    """That of a user who has been on a page with a form."""
    client = Client(headers={"Accept": "text/html"})
    client.force_login(a_user())
    client.get(reverse("submit"))
    return client


@pytest.mark.django_db(transaction=True)
class TestRenewals:
    def test_one_after_the_log_out_is_refused(self, browser_of_one: Client) -> None:
        server = StreamingASGIHandler()
        assert asyncio.run(status_of_renewal(browser_of_one, server)) == 200
        browser_of_one.post(reverse("logout"))
        assert asyncio.run(status_of_renewal(browser_of_one, server)) == 401

    def test_who_was_found_is_not_looked_for_again(
        self, browser_of_one: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loaded: list[str | None] = []
        monkeypatch.setattr(
            SessionStore, "load", lambda session: loaded.append(session.session_key)
        )
        assert asyncio.run(status_of_renewal(browser_of_one, StreamingASGIHandler())) == 200
        assert loaded == []
