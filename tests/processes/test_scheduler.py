"""The scheduler's loop, run in a thread against the real database and the real Redis."""

import queue
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from jobs import changes, queueing
from jobs.models import Attempt, Job, JobStatus, SchedulerLease
from jobs.processes import scheduler
from jobs.processes.scheduler import Scheduler, WakeUps
from jobs.services.passes.lease import Standby
from jobs.services.requests.submit import submit_job
from tests.builders import NOW, a_definition, a_job, a_queue, a_user, an_attempt
from tests.installation import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Running:
    """A scheduler in a thread of its own."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.scheduler.run()
        finally:
            connections.close_all()

    def end(self) -> None:
        self.scheduler.stop()
        self._thread.join(60)


@pytest.fixture
def running() -> Iterator[Running]:
    one = Running()
    wait_until(lambda: one.scheduler.lease, what="the scheduler is active")
    yield one
    one.end()


def submitted() -> Job:
    fields = {"name": "work", "queue": a_queue().name, "definition": a_definition().name}
    return submit_job(owner=a_user(), fields=fields, now=NOW)


def test_a_submission_wakes_the_scheduler_long_before_its_safety_tick(
    settings: Settings,
) -> None:
    settings.BATCHWEB_SCHEDULER_TICK_SECONDS = 3600
    one = Running()
    try:
        wait_until(lambda: one.scheduler.lease, what="the scheduler is active")
        job = submitted()
        wait_until(
            lambda: Job.objects.get(id=job.id).status == JobStatus.STARTING,
            what="the job is placed",
        )
    finally:
        one.end()
    assert Attempt.objects.get().job_id == job.id


def test_what_redis_lost_is_found_by_the_safety_tick(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "wake_scheduler", lambda: None)
    job = submitted()
    wait_until(
        lambda: Job.objects.get(id=job.id).status == JobStatus.STARTING,
        what="the job is placed",
    )


def test_a_time_limit_is_handed_over_to_the_moment_and_not_at_the_next_tick(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BATCHWEB_SCHEDULER_TICK_SECONDS = 3600
    # The sweep at its start is the only one that comes by itself.
    monkeypatch.setattr(scheduler, "SWEEP_SECONDS", 3600.0)
    stops: queue.Queue[tuple[datetime, list[int]]] = queue.Queue()

    def enqueue(task: str, ids: list[int]) -> None:
        # Other work of its own time (costs at each hour) may come between.
        if task == queueing.STOP and ids:
            stops.put((timezone.now(), ids))

    monkeypatch.setattr(queueing, "enqueue_after_commit", enqueue)
    # Later than that sweep.
    due = timezone.now() + timedelta(seconds=3)
    job = a_job(status=JobStatus.RUNNING, attempts_made=1)
    attempt = an_attempt(job=job, container_id="c", started_at=NOW, deadline_at=due)
    one = Running()
    try:
        at, ids = stops.get(timeout=PATIENCE_SECONDS)
    finally:
        one.end()
    assert ids == [attempt.id]
    assert at >= due


def test_a_scheduler_that_ends_gives_its_lease_back() -> None:
    one = Running()
    wait_until(lambda: one.scheduler.lease, what="the scheduler is active")
    one.end()
    assert SchedulerLease.objects.get().holder == ""


def test_a_scheduler_whose_lease_was_taken_stands_by(running: Running) -> None:
    usurper = Standby(holder="usurper")
    usurper.try_acquire(monotonic=0)

    def taken() -> bool:
        # Its beats go on, so the usurper must be quick between two looks.
        first = usurper.try_acquire(monotonic=0)
        return bool(first or usurper.try_acquire(monotonic=1000))

    wait_until(taken, what="the lease is taken")
    wait_until(lambda: running.scheduler.lease is None, what="it has noticed")


def test_news_that_piled_up_count_once() -> None:
    wake_ups = WakeUps()
    # What was said before it listened counts, too.
    assert wake_ups.wait(0.01)
    assert not wake_ups.wait(0.01)
    for _ in range(5):
        changes.redis_client().publish(changes.WAKE_CHANNEL, "")
    assert wake_ups.wait(60)
    assert not wake_ups.wait(0.01)
