"""The worker pool: RQ SimpleWorkers that share this process's memory by forking from it."""

import ctypes
import logging
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from multiprocessing.process import BaseProcess, parent_process

import django_rq
from django.db import connections
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.worker_pool import WorkerPool

from jobs import changes, queueing

from .connections import keep_connections

# In order of urgency: what frees capacity goes first.
# Costs are seen to before more is started, or a budget would be looked at least when most is spent.
SHORT_QUEUES = (
    "stop",
    "budgets",
    "costs",
    "reap",
    "launch",
    "metrics",
    "events",
    "bulk",
    "cleanup",
    "search",
)
PULL_QUEUES = ("pull",)
CHECKPOINT_QUEUES = ("checkpoints",)
SENDING_QUEUES = ("sending",)
PR_SET_PDEATHSIG = 1
# What the tasks have to say they log themselves; RQ would add several lines for each.
LOGGING_LEVEL = "WARNING"


# Of these a worker takes along what waits behind its task, as long as that does not take long: then the
# other workers would better have some of it.
TAKEN_ALONG = frozenset({queueing.LAUNCH, queueing.REAP, queueing.CLEAN_UP})
NOT_LONG_SECONDS = 0.3
IDS_AT_MOST = 100


class Pace:
    """How many ids of one kind this process does at once: more after each time that was short."""

    def __init__(self) -> None:
        self._at_once = 1

    def note(self, ids: int, seconds: float) -> None:
        if seconds > NOT_LONG_SECONDS:
            self._at_once = max(ids // 2, 1)
        elif ids >= self._at_once:
            self._at_once = min(2 * ids, IDS_AT_MOST)

    def ids_along(self, ids: int) -> int:
        """How many more to take along with so many."""
        return max(self._at_once - ids, 0)


class ShortTaskWorker(SimpleWorker):
    """Runs tasks in its own process, without RQ's scheduler, and dies with its pool."""

    def work(self, *args: object, **kwargs: object) -> bool:
        kwargs["with_scheduler"] = False
        _die_with_parent()
        self._paces: dict[str, Pace] = defaultdict(Pace)
        return super().work(*args, **kwargs)  # type: ignore[arg-type]

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Does the task, with what it takes along."""
        task = job.func_name or ""
        pace = self._paces[task]
        along = pace.ids_along(len(job.args)) if task in TAKEN_ALONG else 0
        if along:
            job.args = tuple({*job.args, *queueing.take_more(task, along)})
        begun = time.monotonic()
        super().execute_job(job, queue)
        pace.note(len(job.args), time.monotonic() - begun)


class Pool(WorkerPool):
    """RQ's pool, but with some of its workers kept for what may take long: image pulls, one for checkpoints, and one
    for what is sent elsewhere.
    """

    def __init__(
        self,
        *,
        short_workers: int,
        pull_workers: int,
        checkpoint_workers: int = 1,
        sending_workers: int = 1,
    ) -> None:
        queues = [django_rq.get_queue(name) for name in SHORT_QUEUES]
        super().__init__(
            queues=queues,
            connection=queues[0].connection,
            num_workers=short_workers + pull_workers + checkpoint_workers + sending_workers,
            worker_class=ShortTaskWorker,
            queue_class=Queue,
        )
        self._kept = {
            PULL_QUEUES: pull_workers,
            CHECKPOINT_QUEUES: checkpoint_workers,
            SENDING_QUEUES: sending_workers,
        }
        # Those that are kept, by name.
        self._queues_of: dict[str, Sequence[str]] = {}

    def get_worker_process(
        self, name: str, burst: bool, _sleep: float = 0, logging_level: str = "INFO"
    ) -> BaseProcess:
        """A process for the queues of a kept worker that is missing, else for the short tasks."""
        living = self.worker_dict
        self._queues_of = {key: found for key, found in self._queues_of.items() if key in living}
        queue_names: Sequence[str] = SHORT_QUEUES
        for kept, count in self._kept.items():
            if list(self._queues_of.values()).count(kept) < count:
                self._queues_of[name] = queue_names = kept
                break
        self._queue_names = list(queue_names)
        # RQ starts a worker in place of a dead one at INFO, whatever the pool was started with.
        return super().get_worker_process(name, burst, _sleep, LOGGING_LEVEL)


def run_workers(*, short_workers: int, pull_workers: int) -> None:
    """Runs the pool in this process until it is told to end (SIGTERM, SIGINT)."""
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    keep_connections()
    pool = Pool(short_workers=short_workers, pull_workers=pull_workers)
    # Children must not inherit open connections.
    connections.close_all()
    changes.redis_client.cache_clear()
    queueing.queue_of.cache_clear()
    pool.start(logging_level=LOGGING_LEVEL)


def _die_with_parent() -> None:
    """A pool that is killed must not leave workers behind that nobody counts (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        pool = parent_process()
        # It may have died before that was asked for. A pool may well be process 1: of a container of its own.
        if pool is not None and os.getppid() != pool.pid:
            sys.exit("the worker pool is gone")
