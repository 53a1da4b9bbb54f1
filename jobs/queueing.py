"""Hands work to the RQ workers: by dotted name, with ids only, after the commit.

The only caller of django_rq. A lost hand-over (Redis emptied, a worker killed) is found and made good
by `services.sweep`, because the database says what is still to be done.
"""

import logging
from collections.abc import Sequence

import django_rq
import redis
from django.db import transaction
from rq import Queue

logger = logging.getLogger("batchweb.queueing")

LAUNCH = "jobs.tasks.launch_attempt"
STOP = "jobs.tasks.stop_attempt"
REAP = "jobs.tasks.reap_attempt"
PULL = "jobs.tasks.pull_image"
CLEAN_UP = "jobs.tasks.clean_up_attempt"
BULK = "jobs.tasks.go_on_with_bulk"

QUEUE_OF = {
    LAUNCH: "launch",
    STOP: "stop",
    REAP: "reap",
    PULL: "pull",
    CLEAN_UP: "cleanup",
    BULK: "bulk",
}


def enqueue_after_commit(task: str, ids: Sequence[int]) -> None:
    """One task per id, all handed over in one round trip once the transaction has committed."""
    if not ids:
        return
    handed_over = list(ids)
    transaction.on_commit(lambda: _enqueue(task, handed_over), robust=True)


def _enqueue(task: str, ids: Sequence[int]) -> None:
    queue = django_rq.get_queue(QUEUE_OF[task])
    # The result is of no interest: what a task did is in the database.
    jobs = [
        Queue.prepare_data(task, args=(id_,), result_ttl=0, failure_ttl=24 * 3600) for id_ in ids
    ]
    try:
        queue.enqueue_many(jobs)
    except redis.RedisError as error:
        logger.warning("not handed over (%s, %d ids), the sweep will: %s", task, len(ids), error)


def is_idle(task: str) -> bool:
    """Whether nothing waits in the task's queue; False also where Redis does not answer."""
    try:
        return django_rq.get_queue(QUEUE_OF[task]).is_empty()
    except redis.RedisError:
        return False
