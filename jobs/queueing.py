"""Hands work to the RQ workers: by dotted name, with ids only, after the commit.

The only caller of django_rq. A lost hand-over (Redis emptied, a worker killed) is found and made good
by `services.passes.sweep`, because the database says what is still to be done.

A task takes several ids, and whoever works one off may take more of its kind along: RQ's own work for
each task is more than all of ours for a short job.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import cache
from typing import cast
from uuid import UUID

import django_rq
import redis
from django.db import transaction
from rq import Queue
from rq.job import Job
from rq.timeouts import BaseTimeoutException as TaskTimeout

__all__ = ["TaskTimeout", "enqueue_after_commit", "is_idle", "take_more"]

logger = logging.getLogger("batchweb.queueing")

# Attempts and most other rows have numbers, jobs have UUIDs.
Id = int | UUID
Ids = Sequence[int] | Sequence[UUID]

LAUNCH = "jobs.tasks.launch_attempts"
STOP = "jobs.tasks.stop_attempts"
REAP = "jobs.tasks.reap_attempts"
PULL = "jobs.tasks.pull_image"
CHECK_LOGIN = "jobs.tasks.check_registry_logins"
CLEAN_UP = "jobs.tasks.clean_up_attempts"
BULK = "jobs.tasks.go_on_with_bulk"
RIGHT_SIZE = "jobs.tasks.right_size"
TEND = "jobs.tasks.tend_checkpoints"
BUDGETS = "jobs.tasks.add_up_budgets"
COSTS = "jobs.tasks.keep_costs"
METRICS = "jobs.tasks.keep_metrics"
SEARCH = "jobs.tasks.index_jobs"
FOLLOW_EVENTS = "jobs.tasks.follow_events"
SEND_EVENTS = "jobs.tasks.send_events"

QUEUE_OF = {
    LAUNCH: "launch",
    STOP: "stop",
    REAP: "reap",
    PULL: "pull",
    # It may take as long: it waits for a registry.
    CHECK_LOGIN: "pull",
    CLEAN_UP: "cleanup",
    BULK: "bulk",
    RIGHT_SIZE: "bulk",
    TEND: "checkpoints",
    BUDGETS: "budgets",
    COSTS: "costs",
    METRICS: "metrics",
    SEARCH: "search",
    FOLLOW_EVENTS: "events",
    # It waits for receivers that are slow or dead: nothing else may wait for that.
    SEND_EVENTS: "sending",
}

# What is handed over together is shared by all workers: few ids are a task each, many are so many tasks.
# A launch takes an engine a while; of exits it is quicker to record several at once.
# Budgets share what is read for all of them. A checkpoint may take seconds: each is a task of its own.
SHARES = 16
SHARES_OF = {REAP: 4, BUDGETS: 1, TEND: 1000}
# A task stays short, and what dies with a worker little.
IDS_AT_MOST = 50
# Nobody knows how many ids the next tasks have before they are taken.
TASKS_AT_ONCE = 8


@cache
def queue_of(task: str) -> Queue:
    """The task's queue, with a connection of this process's (never used across a fork before first use)."""
    return django_rq.get_queue(QUEUE_OF[task])


def enqueue_after_commit(task: str, ids: Ids) -> None:
    """The ids, in portions, all handed over in one round trip once the transaction has committed."""
    if not ids:
        return
    handed_over: tuple[Id, ...] = tuple(ids)
    transaction.on_commit(lambda: _enqueue(task, handed_over), robust=True)


def _enqueue(task: str, ids: tuple[Id, ...]) -> None:
    queue = queue_of(task)
    # The result is of no interest: what a task did is in the database.
    jobs = [
        Queue.prepare_data(task, args=portion, result_ttl=0, failure_ttl=24 * 3600)
        for portion in _portions(task, ids)
    ]
    try:
        queue.enqueue_many(jobs)
    except redis.RedisError as error:
        logger.warning("not handed over (%s, %d ids), the sweep will: %s", task, len(ids), error)


def _portions(task: str, ids: tuple[Id, ...]) -> Iterator[tuple[Id, ...]]:
    shares = SHARES_OF.get(task, SHARES)
    size = min(-(-len(ids) // shares), IDS_AT_MOST)
    for at in range(0, len(ids), size):
        yield ids[at : at + size]


def take_more(task: str, ids_at_most: int) -> list[int]:
    """The ids of tasks of the kind that wait, about so many in all, now the caller's to deal with.

    None where Redis does not answer. Who dies with them has lost hand-overs, as with a task of its own.
    """
    ids: list[int] = []
    try:
        while len(ids) < ids_at_most:
            jobs = _pop(queue_of(task), min(ids_at_most - len(ids), TASKS_AT_ONCE))
            if not jobs:
                break
            ids += [id_ for job in jobs for id_ in job.args]
    except redis.RedisError as error:
        logger.warning("no more taken of %s: %s", task, error)
    return ids


def _pop(queue: Queue, tasks: int) -> list[Job]:
    popped = cast("list[bytes]", queue.connection.lpop(queue.key, tasks) or [])
    if not popped:
        return []
    job_ids = [each.decode() for each in popped]
    jobs = Job.fetch_many(job_ids, connection=queue.connection)
    queue.connection.delete(*map(Job.key_for, job_ids))
    return [job for job in jobs if job is not None]


def is_idle(task: str) -> bool:
    """Whether nothing waits in the task's queue; False also where Redis does not answer."""
    try:
        return queue_of(task).is_empty()
    except redis.RedisError:
        return False
