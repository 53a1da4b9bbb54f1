"""Logs of short jobs that ended while others were stored are stored together, and apart where one fails."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from jobs import queueing
from jobs.engines.base import EngineError, LogFrame, LogSource
from jobs.engines.fake import FakeEngine
from jobs.models import Attempt
from jobs.processes.supervisor.ending import SHORT_LOG_THREADS, Endings
from jobs.services.supervision import logs
from tests.supervisor.world import FAST, News, Scene, fake_connection, is_complete, log_of

TEXT = ("say", "stdout:" + b"hello\n".hex())


class Held(FakeEngine):
    """Reads of the first containers wait for `go`; those of `unreadable` fail once."""

    go = threading.Event()
    held: set[str] = set()
    unreadable: set[str] = set()

    def logs(self, container_id: str, *, since_ns: int, follow: bool) -> Iterator[LogFrame]:
        if container_id in self.held:
            assert self.go.wait(60)
        if container_id in self.unreadable:
            self.unreadable.discard(container_id)
            raise EngineError("read error")
        return super().logs(container_id, since_ns=since_ns, follow=follow)


class Ended:
    """Containers that ended while the threads were busy: `first` are read when `go` is called."""

    def __init__(self, scene: Scene) -> None:
        self.engine = Held(scene.row.url, installation=fake_connection(scene.row)._installation)
        self.engine.go = threading.Event()
        self.first = [scene.start(*TEXT) for _ in range(SHORT_LOG_THREADS)]
        self.others = [scene.start(*TEXT) for _ in range(6)]
        self.engine.held = {container_id for _, container_id in self.first}
        self.engine.unreadable = set()
        self.endings = Endings(
            self.engine,
            FAST,
            later=lambda seconds, action: threading.Timer(seconds, action).start(),
        )
        for attempt, container_id in self.first:
            self.begin(attempt, container_id)

    def begin(self, attempt: Attempt, container_id: str) -> None:
        self.endings.begin(container_id, attempt.id, follower=None, cursor=None)

    def go(self, news: News) -> None:
        for attempt, container_id in self.others:
            self.begin(attempt, container_id)
        self.engine.go.set()
        for attempt, _ in self.first + self.others:
            news.wait_for_hand_over(queueing.REAP, attempt)
        self.endings.close()


@pytest.fixture
def portions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many logs were stored at once."""
    seen: list[int] = []
    store = logs.record_whole_logs

    def counting(*, logs: Mapping[int, Sequence[LogFrame]], now: object) -> set[int]:
        seen.append(len(logs))
        return store(logs=logs, now=now)  # type: ignore[arg-type]

    monkeypatch.setattr(logs, "record_whole_logs", counting)
    return seen


def test_what_ended_meanwhile_is_stored_in_one_go(
    scene: Scene, news: News, portions: list[int]
) -> None:
    ended = Ended(scene)
    ended.go(news)
    for attempt, _ in ended.first + ended.others:
        assert (log_of(attempt), is_complete(attempt)) == (b"hello\n", True)
    assert max(portions) > 1
    assert sum(portions) == len(ended.first) + len(ended.others)


def test_one_that_cannot_be_read_comes_later_than_the_others(
    scene: Scene, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.processes.supervisor.ending.FIRST_RETRY_SECONDS", 0.01)
    ended = Ended(scene)
    ended.engine.unreadable = {ended.others[2][1]}
    ended.go(news)
    for attempt, _ in ended.first + ended.others:
        assert (log_of(attempt), is_complete(attempt)) == (b"hello\n", True)


def test_one_whose_attempt_is_gone_or_has_a_log_leaves_the_others_alone(
    scene: Scene, news: News
) -> None:
    ended = Ended(scene)
    gone, begun = ended.others[1][0], ended.others[3][0]
    Attempt.objects.filter(id=gone.id).delete()
    logs.open_stream(attempt=begun)
    ended.go(news)
    for attempt, _ in ended.first + ended.others:
        if attempt.id != gone.id:
            assert (log_of(attempt), is_complete(attempt)) == (b"hello\n", True)


def test_logs_that_cannot_be_stored_together_are_stored_one_by_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = [scene.attempt() for _ in range(3)]
    make = logs.open_streams

    def collide(*, attempts: Sequence[Attempt]) -> None:
        if len(attempts) > 1:
            raise IntegrityError("FOREIGN KEY constraint failed")
        make(attempts=attempts)

    monkeypatch.setattr(logs, "open_streams", collide)
    ids = {attempt.id for attempt in attempts}
    now = attempts[0].placed_at
    assert logs.record_whole_logs(logs=dict.fromkeys(ids, ()), now=now) == ids
    assert logs.record_whole_logs(logs=dict.fromkeys(ids, ()), now=now) == set()


def test_streams_that_a_worker_makes_at_the_same_moment_take_the_logs_of_all(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = [scene.attempt() for _ in range(3)]
    read = logs._attempts

    def overtaken(ids: Iterable[int]) -> list[Attempt]:
        found = read(ids)
        logs.open_streams(attempts=found[:2])
        return found

    monkeypatch.setattr(logs, "_attempts", overtaken)
    frames = [LogFrame(1, LogSource.STDOUT, b"hello\n")]
    everything = {attempt.id: frames for attempt in attempts}
    with CaptureQueriesContext(connection) as taken:
        assert logs.record_whole_logs(logs=everything, now=attempts[0].placed_at) == set(everything)
    assert [log_of(attempt) for attempt in attempts] == [b"hello\n"] * 3
    # All of them together, and not once more one by one.
    assert sum(query["sql"].startswith("UPDATE") for query in taken) == 1
