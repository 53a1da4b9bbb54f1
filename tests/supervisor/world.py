"""A supervisor on a fake engine, and a way to wait for what it does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django import db
from django.conf import settings

from jobs.domain.names import LABEL_ATTEMPT, LABEL_JOB, container_name
from jobs.engines.base import ContainerSpec
from jobs.engines.base import Engine as Connection
from jobs.engines.fake import FakeEngine
from jobs.models import Attempt, Engine, Job, JobStatus, LogStream
from jobs.processes.supervisor import EngineSupervisor, Timing
from jobs.selectors.logs.lines import iter_raw
from tests.builders import a_job, a_node, a_queue, an_attempt, an_environment

PATIENCE_SECONDS = 30.0
FAST = Timing(
    follow_after=0.05,
    flush_every=0.05,
    flush_at_least_every=0.1,
    heartbeat_every=0.2,
    reconcile_every=0.2,
    nodes_every=0.5,
    usage_every=0.2,
    reconnect_within=0.2,
    reap_again_after=0.5,
    remove_strangers_after=0.5,
    follower_ends_within=1,
    left_overs_every=0.2,
    service_address_every=0.2,
    engines_every=0.1,
)


class News:
    """Hears every hand-over and every message to live pages, so that a test can wait for them."""

    def __init__(self) -> None:
        self.handed_over: list[tuple[str, int]] = []
        self.messages: list[str] = []
        self._changed = threading.Condition()

    def hear_hand_over(self, task: str, ids: list[int]) -> None:
        with self._changed:
            self.handed_over += [(task, id_) for id_ in ids]
            self._changed.notify_all()

    def hear_message(self, channel: str, message: str) -> None:
        with self._changed:
            self.messages.append(message or channel)
            self._changed.notify_all()

    def wait_for(self, happened: Callable[[], object]) -> None:
        """Looks again at each piece of news, and now and then for what makes none."""
        with self._changed:
            for _ in range(int(PATIENCE_SECONDS / 0.1)):
                if happened():
                    return
                self._changed.wait(0.1)
            raise AssertionError(f"it did not happen within {PATIENCE_SECONDS} s")

    def wait_for_hand_over(self, task: str, attempt: Attempt) -> None:
        self.wait_for(lambda: (task, attempt.id) in self.handed_over)


class Scene:
    """An engine with one node, attempts on it, and a connection to it beside the supervisor's."""

    def __init__(self, row: Engine, connection: Connection) -> None:
        self.row = row
        self.connection = connection
        node = row.nodes.first() or a_node(engine=row)
        self.queue = a_queue(an_environment(engine=node.engine))

    def attempt(self, *, status: JobStatus = JobStatus.RUNNING) -> Attempt:
        job = a_job(status=status, queue=self.queue, attempts_made=1)
        return an_attempt(job=job)

    def create(self, attempt: Attempt, *command: str, image: str = "fake/sh") -> str:
        container_id = self.connection.create(
            ContainerSpec(
                name=container_name(attempt.job_id, attempt.number),
                image=image,
                command=command,
                environment={},
                milli_vcpus=100,
                memory_mib=64,
                network="batchweb-test",
                labels={LABEL_JOB: str(attempt.job_id), LABEL_ATTEMPT: str(attempt.id)},
            )
        )
        Attempt.objects.filter(id=attempt.id).update(container_id=container_id)
        return container_id

    def start(self, *command: str, image: str = "fake/sh") -> tuple[Attempt, str]:
        """A container of an attempt of its own."""
        attempt = self.attempt()
        container_id = self.create(attempt, *command, image=image)
        self.connection.start(container_id)
        return attempt, container_id


def fake_connection(row: Engine) -> FakeEngine:
    return FakeEngine(row.url, installation=settings.BATCHWEB_INSTALLATION)


@contextmanager
def supervising(
    row: Engine,
    *,
    timing: Timing = FAST,
    connection: Callable[[Engine], Connection] = fake_connection,
) -> Iterator[EngineSupervisor]:
    """A supervisor of the engine in a thread of its own, stopped at the end."""
    supervisor = EngineSupervisor(row, timing=timing, connection=connection)

    def run() -> None:
        try:
            supervisor.run()
        finally:
            db.connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def log_of(attempt: Attempt) -> bytes:
    stream = LogStream.objects.filter(attempt=attempt).first()
    return b"".join(iter_raw(stream=stream)) if stream else b""


def is_complete(attempt: Attempt) -> bool:
    return LogStream.objects.filter(attempt=attempt, completed_at__isnull=False).exists()


def end(attempt: Attempt, status: JobStatus = JobStatus.SUCCEEDED) -> None:
    """What a worker does after an exit was handed to it."""
    now = attempt.placed_at
    Attempt.objects.filter(id=attempt.id).update(ended_at=now)
    Job.objects.filter(id=attempt.job_id).update(status=status, stopped_at=now)
