"""Engines that vanish, come back, restart, are added and deleted."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError

from jobs import changes, queueing
from jobs.engines.fake import World
from jobs.models import (
    ComputeEnvironment,
    Engine,
    EngineStatus,
    EnvironmentStatus,
    Node,
    UsageSample,
)
from jobs.processes.supervisor import Supervisor
from jobs.selectors import supervision
from jobs.services.supervision import logs
from tests.builders import an_engine
from tests.supervisor.world import (
    FAST,
    PATIENCE_SECONDS,
    News,
    Scene,
    fake_connection,
    log_of,
    supervising,
)


def status(row: Engine) -> str:
    return Engine.objects.get(id=row.id).status


def environment(scene: Scene) -> ComputeEnvironment:
    return ComputeEnvironment.objects.get(engine=scene.row)


def test_an_engine_that_vanishes_and_comes_back(scene: Scene, news: News, machine: World) -> None:
    with supervising(scene.row):
        attempt, container_id = scene.start("wait")
        news.wait_for(lambda: log_of(attempt) == b"ready\n")
        machine.vanish()
        news.wait_for(lambda: status(scene.row) == EngineStatus.UNREACHABLE)
        assert environment(scene).status == EnvironmentStatus.INVALID
        assert environment(scene).status_reason == "The fake engine does not answer: it vanished"

        machine.come_back()
        news.wait_for(lambda: status(scene.row) == EngineStatus.CONNECTED)
        assert environment(scene).status == EnvironmentStatus.VALID
        scene.connection.signal(container_id, "SIGTERM")
        news.wait_for_hand_over(queueing.REAP, attempt)

    # It was the same engine all the time: nothing was lost.
    assert Engine.objects.get(id=scene.row.id).gap_from is None
    assert log_of(attempt) == b"ready\n"


def test_a_restart_of_the_engine_leaves_a_gap_before_exits_are_handed_on(
    scene: Scene, news: News, machine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps: list[object] = []

    def look(task: str, ids: list[int]) -> None:
        # A launch may be handed over before, which does no harm.
        if task == queueing.REAP:
            gaps.append(Engine.objects.get(id=scene.row.id).gap_until)
        news.hear_hand_over(task, ids)

    monkeypatch.setattr(queueing, "_enqueue", look)
    with supervising(scene.row):
        attempt, _ = scene.start("wait")
        news.wait_for(lambda: log_of(attempt) == b"ready\n")
        machine.restart()
        news.wait_for_hand_over(queueing.REAP, attempt)

    row = Engine.objects.get(id=scene.row.id)
    assert row.gap_from
    assert row.gap_until
    assert row.gap_from <= row.gap_until
    assert gaps
    assert None not in gaps


def test_an_engine_that_is_away_from_the_start(scene: Scene, news: News, machine: World) -> None:
    machine.vanish()
    with supervising(scene.row):
        news.wait_for(lambda: status(scene.row) == EngineStatus.UNREACHABLE)
        machine.come_back()
        news.wait_for(lambda: status(scene.row) == EngineStatus.CONNECTED)


def test_heartbeats_are_noted_without_news(scene: Scene, news: News) -> None:
    with supervising(scene.row):
        news.wait_for(lambda: Engine.objects.get(id=scene.row.id).last_seen_at)
        first = Engine.objects.get(id=scene.row.id).last_seen_at
        messages = len(news.messages)
        news.wait_for(lambda: Engine.objects.get(id=scene.row.id).last_seen_at != first)

    assert len(news.messages) == messages


def test_its_machines_are_written_less_what_they_keep(scene: Scene, news: News) -> None:
    with supervising(scene.row):
        news.wait_for(lambda: Node.objects.filter(engine=scene.row, name="fake-1").exists())

    node = Node.objects.get(engine=scene.row, name="fake-1")
    assert (node.milli_vcpus, node.memory_mib) == (8000, 16 * 1024 - 512)
    assert changes.ENVIRONMENTS in "".join(news.messages)


def test_containers_that_run_are_sampled(scene: Scene, news: News) -> None:
    with supervising(scene.row):
        attempt, _ = scene.start("wait")
        news.wait_for(lambda: UsageSample.objects.filter(attempt=attempt).count() >= 3)

    sample = UsageSample.objects.filter(attempt=attempt).order_by("-at")[0]
    # It uses all of its 100 thousandths of a vCPU and a quarter of its 64 MiB.
    assert 95 <= sample.milli_vcpus <= 105
    assert sample.memory_mib == 16


@contextmanager
def process(engine_name: str = "") -> Iterator[None]:
    supervisor = Supervisor(engine_name, timing=FAST, connection=fake_connection)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        yield
    finally:
        supervisor.stop()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def test_one_process_supervises_all_engines_and_finds_new_ones(scene: Scene, news: News) -> None:
    with process():
        news.wait_for(lambda: Engine.objects.get(id=scene.row.id).last_seen_at)
        later = an_engine(status=EngineStatus.UNKNOWN)
        news.wait_for(lambda: status(later) == EngineStatus.CONNECTED)


def test_a_process_for_one_engine_leaves_the_others_alone(scene: Scene, news: News) -> None:
    other = an_engine(status=EngineStatus.UNKNOWN)
    with process(scene.row.name):
        news.wait_for(lambda: Engine.objects.get(id=scene.row.id).last_seen_at)

    assert status(other) == EngineStatus.UNKNOWN


def test_an_engine_that_is_deleted_is_no_longer_supervised(news: News, scene: Scene) -> None:
    row = an_engine(status=EngineStatus.UNKNOWN)

    def threads() -> int:
        return sum(thread.name == f"engine {row.name}" for thread in threading.enumerate())

    with process():
        news.wait_for(lambda: status(row) == EngineStatus.CONNECTED)
        assert threads() == 1
        Engine.objects.filter(id=row.id).delete()
        news.wait_for(lambda: threads() == 0)


def test_an_engine_with_another_address_is_connected_anew(news: News, scene: Scene) -> None:
    with process():
        news.wait_for(lambda: Engine.objects.get(id=scene.row.id).last_seen_at)
        Engine.objects.filter(id=scene.row.id).update(
            url="no address", status=EngineStatus.CONNECTED
        )
        news.wait_for(lambda: status(scene.row) == EngineStatus.UNREACHABLE)

    assert "no address" in Engine.objects.get(id=scene.row.id).status_reason


def test_a_database_that_is_away_for_a_while_does_not_end_the_supervision(
    scene: Scene, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([True] * 5)
    read, store = supervision.live_attempts, logs.record_whole_logs

    def away(function: Callable[..., object]) -> Callable[..., object]:
        def call(**arguments: object) -> object:
            if next(failures, False):
                raise OperationalError("server closed the connection unexpectedly")
            return function(**arguments)

        return call

    monkeypatch.setattr("jobs.processes.supervisor.ending.FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(supervision, "live_attempts", away(read))
    monkeypatch.setattr(logs, "record_whole_logs", away(store))
    with supervising(scene.row):
        attempt, _ = scene.start("say", "stdout:" + b"hello\n".hex())
        news.wait_for_hand_over(queueing.REAP, attempt)

    assert log_of(attempt) == b"hello\n"
    assert status(scene.row) == EngineStatus.CONNECTED


def test_a_fault_of_a_session_is_answered_with_a_new_one(
    scene: Scene, news: News, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([True, True])
    read = supervision.live_attempts

    def faulty(*, engine_id: int) -> object:
        if next(failures, False):
            raise ZeroDivisionError
        return read(engine_id=engine_id)

    monkeypatch.setattr(supervision, "live_attempts", faulty)
    with supervising(scene.row):
        attempt, _ = scene.start("exit")
        news.wait_for_hand_over(queueing.REAP, attempt)
