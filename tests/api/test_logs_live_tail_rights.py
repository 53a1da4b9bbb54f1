"""StartLiveTail: a session ends with the rights of who began it, and nobody has too many."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from jobs.api.calls import Answer
from jobs.api.logs import sessions
from jobs.models import DEFAULT_LOG_GROUP, AccessKey, Attempt, JobCredentials
from tests.builders import a_job, a_user, an_attempt

from .asking import Refused, ask
from .live_tail import (
    TIMEOUT_SECONDS,
    Events,
    a_log,
    begun,
    in_thread,
    opened,
    run,
    write,
)

ENDED = (
    "SessionTimeoutException",
    {"message": "The credentials of this session are not valid any more."},
)


def revoke(user: User) -> None:
    AccessKey.objects.filter(user=user).update(revoked_at=timezone.now())


def dismiss(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


async def ends(events: Events) -> None:
    """It is told why, and that is the end. What was read before the change may still come."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (told := await events.next())[0] == "sessionUpdate":
            pass
    assert told == ENDED
    with pytest.raises(StopAsyncIteration):
        await events.next()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("lose", [revoke, dismiss])
def test_a_session_ends_with_its_key_and_its_user(lose: Callable[[User], None]) -> None:
    owner = a_user()

    async def test() -> None:
        events = await opened(owner)
        await in_thread(lose, owner)
        await ends(events)

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_session_of_a_job_ends_with_the_job() -> None:
    owner = a_user()
    attempt = an_attempt(job=a_job(owner=owner, status="STARTING", attempts_made=1))
    now = timezone.now()
    row = JobCredentials.objects.create(
        attempt=attempt,
        role_arn="arn:aws:iam::123456789012:role/r",
        access_key_id="ASIAEXAMPLE",
        encrypted_secret=b"",
        encrypted_session_token=b"",
        session_digest="",
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )

    def finish() -> None:
        Attempt.objects.filter(pk=attempt.pk).update(ended_at=timezone.now())

    async def test() -> None:
        events = await opened(owner, key_id=row.access_key_id)
        assert (await events.next())[0] == "sessionUpdate"
        await in_thread(finish)
        await ends(events)

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_session_with_any_key_ends_when_that_is_forbidden(settings: Any) -> None:
    owner = a_user()
    settings.BATCHWEB_ANY_ACCESS_KEY_USER = owner.username

    async def test() -> None:
        events = await opened(owner, key_id="")
        assert (await events.next())[0] == "sessionUpdate"
        settings.BATCHWEB_ANY_ACCESS_KEY_USER = ""
        await ends(events)

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_who_is_no_administrator_any_more_sees_only_his_own() -> None:
    boss = a_user(is_staff=True)
    own, others = a_log(boss), a_log(a_user())

    def demote() -> None:
        User.objects.filter(pk=boss.pk).update(is_staff=False)

    async def test() -> None:
        events = await opened(boss)
        await in_thread(write, others, "hers")
        assert await events.messages() == ["hers"]
        await in_thread(demote)
        # What was being read meanwhile.
        await events.next()
        await in_thread(write, others, "hers again")
        await in_thread(write, own, "his")
        assert await events.messages() == ["his"]

    run(test)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_a_user_has_so_many_sessions_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    owner, other = a_user(), a_user()

    def one_more() -> None:
        with pytest.raises(Refused, match="LimitExceededException"):
            ask(owner, "StartLiveTail", service="logs", logGroupIdentifiers=[DEFAULT_LOG_GROUP])

    async def test() -> None:
        # That it was asked for is no session yet: its client may be gone before it begins.
        waiting: list[Answer] = []
        await in_thread(lambda: waiting.extend(begun(owner) for _ in range(3)))
        first, _ = await opened(owner), await opened(owner)
        await in_thread(one_more)
        await opened(other)
        assert waiting[0].stream is not None
        late = Events(waiting[0].stream)
        await late.next()
        assert (await late.next())[0] == "SessionStreamingException"
        await in_thread(revoke, owner)
        await ends(first)
        await opened(owner)

    run(test)
