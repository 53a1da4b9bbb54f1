"""Plays the workers and the supervisor on a fake engine, one step at a time, in this thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from jobs import queueing, tasks
from jobs.domain.names import container_name
from jobs.engines.fake import FakeEngine, World, forget_world, world
from jobs.engines.fake.container import Container
from jobs.engines.registry import connect
from jobs.models import Attempt, Job, Transition

EPOCH = datetime.fromtimestamp(0, tz=UTC)
# Containers of a try: the one whose end decides, and one whose end does not.
APP = {"name": "app"}
SIDE = {"name": "side", "essential": False}


def begun(attempt: Attempt) -> datetime:
    """When its container started, which it has."""
    assert attempt.started_at
    return attempt.started_at


def history(job: Job) -> list[str]:
    """The states that the job went through."""
    return list(Transition.objects.filter(job=job).values_list("to_status", flat=True))


class Play:
    """The engine's clock stands until it is advanced, and is everybody's. `queue` holds what was handed over."""

    def __init__(self, attempts: list[Attempt], patch: pytest.MonkeyPatch) -> None:
        self.attempts = attempts
        self.job = attempts[0].job
        self.queue: list[tuple[str, int]] = []
        self.url = attempts[0].node.engine.url
        self.world: World = world(self.url.removeprefix("fake://"))
        self.world.stop_clock()
        patch.setattr(queueing, "_enqueue", self._enqueue)
        patch.setattr(transaction, "on_commit", lambda call, robust=False: call())
        patch.setattr(queueing, "is_idle", lambda task: all(task != name for name, _ in self.queue))
        patch.setattr(tasks, "close_old_connections", lambda: None)
        patch.setattr(timezone, "now", self.now)

    def _enqueue(self, task: str, ids: list[int]) -> None:
        self.queue.extend((task, id_) for id_ in ids)

    def now(self) -> datetime:
        # Exactly as the engine's own times are read.
        return EPOCH + timedelta(microseconds=self.world.now_ns() // 1000)

    @property
    def engine(self) -> FakeEngine:
        engine = connect("fake", self.url, installation="elsewhere")
        assert isinstance(engine, FakeEngine)
        return engine

    def hand_over(self, task: str, *attempts: Attempt) -> None:
        self._enqueue(task, [attempt.id for attempt in attempts])

    def launch(self) -> None:
        """What follows the placement: all who may start do, and whatever comes of it."""
        self.hand_over(queueing.LAUNCH, *self.attempts)
        self.work()

    def work(self) -> None:
        """Runs what was handed over, and what that hands over, until nothing is left."""
        while self.queue:
            self.run(*self.queue.pop(0))

    def run(self, task: str, row_id: int) -> None:
        """A worker does one task."""
        getattr(tasks, task.rpartition(".")[2])(row_id)

    def reap(self) -> None:
        """The supervisor hands on what has ended, and the workers do what follows."""
        self.world.settle()
        for attempt in self.rows():
            if attempt.container_id and attempt.ended_at is None:
                found = self.world.find(attempt.container_id)
                if found is None or found.phase == "exited":
                    self.hand_over(queueing.REAP, attempt)
        self.work()

    def end(self, attempt: Attempt, exit_code: int) -> None:
        """Its container ends by itself, and everything that follows from that happens."""
        with self.world.changed:
            self.world.kill(self.container(attempt), exit_code)
        self.reap()
        self.reap()

    def container(self, attempt: Attempt) -> Container:
        return self.world.get(
            container_name(
                attempt.job_id, attempt.number, attempt.node_index, attempt.container_index
            )
        )

    def rows(self) -> list[Attempt]:
        return list(Attempt.objects.filter(job=self.job).order_by("id"))

    def states(self) -> str:
        """How each container of the newest try stands, in a word."""
        newest = Job.objects.get(id=self.job.id).attempts_made
        return " ".join(_state(row) for row in self.rows() if row.number == newest)

    def status(self) -> str:
        self.job.refresh_from_db()
        return self.job.status


def _state(row: Attempt) -> str:
    if row.ended_at:
        if row.started_at is None:
            return "unlaunched"
        return f"exit:{row.exit_code}" if row.exit_code is not None else "gone"
    if row.started_at:
        return "stopping" if row.stop_signalled_at else "running"
    return "waiting" if row.waits_for_others else "starting"


# Begins a try, and gives who plays it.
Begin = Callable[..., Play]


@contextmanager
def playing(attempts: list[Attempt]) -> Iterator[Play]:
    """A play of these attempts; afterwards everything is as it was."""
    with pytest.MonkeyPatch.context() as patch:
        play = Play(attempts, patch)
        yield play
        forget_world(play.url.removeprefix("fake://"))
