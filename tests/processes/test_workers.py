"""The worker pool: who works on what, and how much it says."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import django_rq
import pytest

from jobs import queueing
from jobs.processes import workers
from jobs.processes.workers import (
    CHECKPOINT_QUEUES,
    IDS_AT_MOST,
    PULL_QUEUES,
    SENDING_QUEUES,
    SHORT_QUEUES,
    Pace,
    Pool,
    ShortTaskWorker,
)
from jobs.services.attempts import reap


def _arguments(process: Any) -> dict[str, Any]:
    return {**process._kwargs, "queues": list(process._args[1])}


def test_a_worker_in_place_of_a_dead_one_is_as_quiet_as_the_first() -> None:
    pool = Pool(short_workers=1, pull_workers=0, checkpoint_workers=0, sending_workers=0)
    again = _arguments(pool.get_worker_process("again", burst=False))
    assert again["logging_level"] == "WARNING"


def test_a_kept_worker_that_died_is_followed_by_another() -> None:
    pool = Pool(short_workers=1, pull_workers=1)
    found = []
    for name in ("died", "pulls", "looks after checkpoints", "sends", "is short"):
        found.append(tuple(_arguments(pool.get_worker_process(name, burst=False))["queues"]))
        if name != "died":
            pool.worker_dict[name] = cast("Any", object())
    # It is not among the living, so the next one takes its place.
    kept = [PULL_QUEUES, PULL_QUEUES, CHECKPOINT_QUEUES, SENDING_QUEUES]
    assert found == [*kept, SHORT_QUEUES]
    del pool.worker_dict["looks after checkpoints"]
    again = _arguments(pool.get_worker_process("again", burst=False))
    assert again["queues"] == list(CHECKPOINT_QUEUES)


def test_what_looks_after_checkpoints_is_none_of_the_workers_that_start_and_stop_jobs() -> None:
    """However long it takes, nothing else waits for it."""
    assert queueing.QUEUE_OF[queueing.TEND] in CHECKPOINT_QUEUES
    others = {name for task, name in queueing.QUEUE_OF.items() if task != queueing.TEND}
    assert others.isdisjoint(CHECKPOINT_QUEUES)
    assert set(CHECKPOINT_QUEUES).isdisjoint({*SHORT_QUEUES, *PULL_QUEUES})


def test_what_is_sent_elsewhere_has_a_worker_of_its_own() -> None:
    """However slow a receiver is, no launch, pull or reap waits for him."""
    assert queueing.QUEUE_OF[queueing.SEND_EVENTS] in SENDING_QUEUES
    others = {name for task, name in queueing.QUEUE_OF.items() if task != queueing.SEND_EVENTS}
    assert others.isdisjoint(SENDING_QUEUES)
    assert set(SENDING_QUEUES).isdisjoint({*SHORT_QUEUES, *PULL_QUEUES, *CHECKPOINT_QUEUES})


@pytest.mark.parametrize(("parent", "goes_on"), [(1, True), (7, False)])
def test_a_worker_ends_with_its_pool_which_may_be_process_1_of_a_container(
    parent: int, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "parent_process", lambda: SimpleNamespace(pid=1))
    monkeypatch.setattr(os, "getppid", lambda: parent)
    worker = ShortTaskWorker([django_rq.get_queue("reap")])
    with nullcontext() if goes_on else pytest.raises(SystemExit):
        worker.work(burst=True)


def test_the_more_is_done_in_a_moment_the_more_is_taken_along() -> None:
    pace = Pace()
    assert pace.ids_along(1) == 0
    for expected in (1, 3, 7):
        pace.note(pace.ids_along(1) + 1, seconds=0.01)
        assert pace.ids_along(1) == expected
    assert pace.ids_along(5) == 3
    assert pace.ids_along(50) == 0
    for _ in range(10):
        pace.note(IDS_AT_MOST, seconds=0.01)
    assert pace.ids_along(1) == IDS_AT_MOST - 1


def test_what_takes_long_is_left_to_the_other_workers() -> None:
    pace = Pace()
    pace.note(16, seconds=0.01)
    pace.note(16, seconds=5)
    assert pace.ids_along(1) == 7
    for _ in range(5):
        pace.note(2, seconds=5)
    assert pace.ids_along(1) == 0


def test_a_quick_task_does_not_grow_the_portion_if_there_was_no_more_to_take() -> None:
    pace = Pace()
    pace.note(8, seconds=0.01)
    pace.note(1, seconds=0.01)
    assert pace.ids_along(1) == 15


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_each_id_once_whatever_it_takes_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = django_rq.get_queue("reap")
    queue.empty()  # type: ignore[no-untyped-call]
    done: list[list[int]] = []

    def reap_attempts(*, attempt_ids: Sequence[int], now: object) -> None:
        done.append(sorted(attempt_ids))

    monkeypatch.setattr(reap, "reap_attempts", reap_attempts)
    queueing.enqueue_after_commit(queueing.REAP, list(range(10)))
    worker = ShortTaskWorker([queue], connection=queue.connection)
    worker.work(burst=True)
    assert sorted(id_ for ids in done for id_ in ids) == list(range(10))
    assert len(done) < 10
