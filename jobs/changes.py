"""Tells live pages and the scheduler, after the commit, that something changed.

Messages carry topics only, never content: who hears one reads the database, with his own rights. So a
lost message costs latency and nothing else. Topics:

- `jobs`: some job changed its status, or is new;
- `job:<uuid>`: this job, its attempts or why it waits changed;
- `bulk:<id>`: this bulk action went on;
- `log:<attempt id>`: this attempt's log has new lines or is complete;
- `queues` (and their scheduling policies), `environments`, `definitions`, `resources` (consumable ones): one
  of these was made or changed;
- `pulls`: an image pull went on.
"""

import json
import logging
from collections.abc import Iterable
from functools import cache
from uuid import UUID

import redis
from django.conf import settings
from django.db import transaction

logger = logging.getLogger("batchweb.changes")

CHANGES_CHANNEL = "batchweb:changes"
WAKE_CHANNEL = "batchweb:wake"

JOBS = "jobs"
QUEUES = "queues"
ENVIRONMENTS = "environments"
DEFINITIONS = "definitions"
RESOURCES = "resources"
PULLS = "pulls"


def job_topic(job_id: UUID | str) -> str:
    """The topic of one job: its status, its attempts, why it waits."""
    return f"job:{job_id}"


def bulk_topic(action_id: int) -> str:
    """The topic of one bulk action: how far it is."""
    return f"bulk:{action_id}"


def log_topic(attempt_id: int) -> str:
    """The topic of one attempt's log."""
    return f"log:{attempt_id}"


@cache
def redis_client() -> redis.Redis:
    """This process's connection pool to Redis (never used across a fork before first use)."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def publish(topics: Iterable[str]) -> None:
    """Publishes after the current transaction commits; at once if there is none."""
    message = json.dumps(sorted(set(topics)))
    transaction.on_commit(lambda: _send(CHANGES_CHANNEL, message), robust=True)


def wake_scheduler() -> None:
    """Wakes the active scheduler after the commit. A lost wake-up is made good by its safety tick."""
    transaction.on_commit(lambda: _send(WAKE_CHANNEL, ""), robust=True)


def _send(channel: str, message: str) -> None:
    try:
        redis_client().publish(channel, message)
    except redis.RedisError as error:
        logger.warning("not published on %s: %s", channel, error)
