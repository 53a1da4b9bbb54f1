"""Live streams: real Redis, real ASGI requests, no thread or connection per viewer."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from jobs import changes
from jobs.web import streaming
from jobs.web.hub import Hub, hub
from tests.builders import a_job, a_user

from .asgi import open_stream

pytestmark = pytest.mark.django_db(transaction=True)


def tell(*topics: str) -> None:
    changes.redis_client().publish(changes.CHANGES_CHANNEL, json.dumps(topics))


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Runs a test on an event loop of its own, with a hub of its own."""

    async def with_hub() -> None:
        try:
            await test()
        finally:
            await hub().stop()

    asyncio.run(with_hub())


@pytest.fixture
def cookie() -> str:
    user = a_user(is_staff=True)
    return cookie_of(user)


def cookie_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return f"sessionid={client.cookies['sessionid'].value}"


def test_a_viewer_first_catches_up_and_then_hears_of_its_topics_only(cookie: str) -> None:
    async def test() -> None:
        async with open_stream("/live/?topic=jobs&topic=queues", cookie=cookie) as stream:
            assert stream.status == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            await stream.event("resync")
            tell("environments")
            tell("queues", "pulls")
            assert json.loads(await stream.event("change")) == ["queues"]

    run(test)


def test_signals_in_quick_succession_come_as_one(cookie: str) -> None:
    async def test() -> None:
        async with open_stream("/live/?topic=jobs&topic=queues", cookie=cookie) as stream:
            await stream.event("resync")
            for _ in range(500):
                tell("jobs")
            tell("queues")
            heard: list[str] = []
            while "queues" not in heard:
                heard += json.loads(await stream.event("change"))
            assert len(heard) <= 10

    run(test)


def test_many_viewers_share_one_subscription_and_hold_no_threads(cookie: str) -> None:
    async def test() -> None:
        client = redis.Redis.from_url(settings.REDIS_URL)

        def subscriptions() -> int:
            return int(client.pubsub_numsub(changes.CHANGES_CHANNEL)[0][1])

        # The server of the browser tests may hold one on the same Redis.
        before = subscriptions()
        # Other tests may have left some that last.
        threads = threading.active_count()
        async with AsyncExitStack() as stack:
            opened = [
                await stack.enter_async_context(open_stream("/live/?topic=jobs", cookie=cookie))
                for _ in range(20)
            ]
            for stream in opened:
                await stream.event("resync")
            assert subscriptions() <= before + 1
            assert hub().viewer_count == 20
            tell("jobs")
            for stream in opened:
                assert json.loads(await stream.event("change")) == ["jobs"]
            assert threading.active_count() < threads + 10
        assert hub().viewer_count == 0
        client.close()

    run(test)


def test_a_viewer_hears_of_his_own_job_but_not_of_anothers() -> None:
    bob = a_user()
    mine, other = a_job(owner=bob), a_job()
    cookie = cookie_of(bob)

    async def test() -> None:
        path = f"/live/?topic=job:{other.pk}&topic=job:{mine.pk}"
        async with open_stream(path, cookie=cookie) as stream:
            await stream.event("resync")
            tell(f"job:{other.pk}")
            tell(f"job:{mine.pk}")
            assert json.loads(await stream.event("change")) == [f"job:{mine.pk}"]

    run(test)


def test_a_stranger_gets_no_stream() -> None:
    async def test() -> None:
        headers = {"accept": "text/event-stream"}
        async with open_stream("/live/?topic=jobs", cookie="", headers=headers) as stream:
            assert stream.status == 401
            await stream.body()

    run(test)


def test_after_a_lost_connection_to_redis_all_viewers_catch_up(cookie: str) -> None:
    async def test() -> None:
        async with open_stream("/live/?topic=jobs", cookie=cookie) as stream:
            await stream.event("resync")
            client = redis.Redis.from_url(settings.REDIS_URL)
            client.client_kill_filter(_type="pubsub")
            client.close()
            await stream.event("resync")
            tell("jobs")
            assert json.loads(await stream.event("change")) == ["jobs"]

    run(test)


def test_streams_end_when_the_server_stops(cookie: str) -> None:
    async def test() -> None:
        async with open_stream("/live/?topic=jobs", cookie=cookie) as stream:
            await stream.event("resync")
            hub().close()
            await stream.body()
            assert stream.ended.is_set()
        async with open_stream("/live/?topic=jobs", cookie=cookie) as late:
            await late.body()
            assert late.ended.is_set()

    run(test)


def test_the_hub_survives_messages_that_are_not_its_own() -> None:
    async def test() -> None:
        async with hub().viewer(["jobs"]) as viewer:
            first = await viewer.next_news(patience_seconds=20)
            assert first is not None
            assert first.resync
            publish = changes.redis_client().publish
            for message in ("not json", "{}", "3", '["jobs", 5, null, ["x"]]'):
                publish(changes.CHANGES_CHANNEL, message)
            news = await viewer.next_news(patience_seconds=20)
            assert news is not None
            assert news.topics == {"jobs"}

    run(test)


def test_a_viewer_without_redis_waits_for_it() -> None:
    async def test() -> None:
        lost = Hub("redis://127.0.0.1:1/0")
        async with lost.viewer(["jobs"]) as viewer:
            news = await viewer.next_news(patience_seconds=0.5)
            assert news is not None
            assert not news.resync
        await lost.stop()

    run(test)


def test_the_lifespan_of_a_server_is_answered() -> None:
    async def test() -> None:
        sent: list[str] = []
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> dict[str, str]:
            return next(messages)

        async def send(message: object) -> None:
            sent.append(message["type"])  # type: ignore[index]

        await streaming.StreamingASGIHandler()({"type": "lifespan"}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    run(test)
