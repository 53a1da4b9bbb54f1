"""Tells live pages and the scheduler, after the commit, that something changed.

Messages carry topics only, never content: who hears one reads the database, with his own rights. So a
lost message costs latency and nothing else. Topics:

- `jobs`: some job changed its status, or is new;
- `job:<uuid>`: this job, its attempts or why it waits changed;
- `bulk:<id>`: this bulk action went on; `bulk-of:<user id>`: one of his was started or went on;
- `log:<attempt id>`: this attempt's log has new lines or is complete;
- `queues` (and their scheduling policies), `environments`, `definitions`, `resources` (consumable ones): one
  of these was made or changed;
- `pulls`: an image pull went on;
- `registries`: a registry's login was made, changed or tried;
- `search`: what jobs are found by was brought up to date;
- `budgets`: a budget was made or changed, or what is spent of one;
- `sending`: a rule that sends events was made or changed, or something it sends was put down, sent or failed;
- `metrics`: a whole minute more is in the metrics; `alarms`: one was made, changed, raised or went out.
"""

import json
import logging
from collections.abc import Iterable
from functools import cache
from uuid import UUID

import redis
from django.conf import settings
from django.db import connection, transaction

logger = logging.getLogger("batchweb.changes")

CHANGES_CHANNEL = "batchweb:changes"
WAKE_CHANNEL = "batchweb:wake"

JOBS = "jobs"
QUEUES = "queues"
ENVIRONMENTS = "environments"
DEFINITIONS = "definitions"
RESOURCES = "resources"
PULLS = "pulls"
REGISTRIES = "registries"
BUDGETS = "budgets"
METRICS = "metrics"
ALARMS = "alarms"
SEARCH = "search"
SENDING = "sending"


def job_topic(job_id: UUID | str) -> str:
    """The topic of one job: its status, its attempts, why it waits."""
    return f"job:{job_id}"


def bulk_topic(action_id: int) -> str:
    """The topic of one bulk action: how far it is."""
    return f"bulk:{action_id}"


def bulk_of_topic(user_id: int) -> str:
    """The topic of all bulk actions of one user: what there is, and how far they are."""
    return f"bulk-of:{user_id}"


def log_topic(attempt_id: int) -> str:
    """The topic of one attempt's log."""
    return f"log:{attempt_id}"


@cache
def redis_client() -> redis.Redis:
    """This process's connection pool to Redis (never used across a fork before first use)."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


class _News:
    """What one transaction has to say: told in one message, however many services took part."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.wakes_scheduler = False

    def __call__(self) -> None:
        if self.topics:
            _send(CHANGES_CHANNEL, json.dumps(sorted(self.topics)))
        if self.wakes_scheduler:
            _send(WAKE_CHANNEL, "")


def publish(topics: Iterable[str]) -> None:
    """Publishes after the current transaction commits; at once if there is none."""
    _tell(set(topics), wakes_scheduler=False)


def wake_scheduler() -> None:
    """Wakes the active scheduler after the commit. A lost wake-up is made good by its safety tick."""
    _tell(set(), wakes_scheduler=True)


def _tell(topics: set[str], *, wakes_scheduler: bool) -> None:
    news = _news_of_this_transaction()
    is_new = news is None
    news = news or _News()
    news.topics |= topics
    news.wakes_scheduler |= wakes_scheduler
    if is_new:
        transaction.on_commit(news, robust=True)


def _news_of_this_transaction() -> _News | None:
    """What was to be said before, if it stands or falls with what is said now."""
    here = _savepoints(connection.savepoint_ids)
    for savepoints, function, *_ in reversed(connection.run_on_commit):
        if isinstance(function, _News) and _savepoints(savepoints) == here:
            return function
    return None


def _savepoints(ids: Iterable[str | None]) -> set[str]:
    """Those that can be rolled back to: a block without a savepoint of its own counts as None."""
    return {each for each in ids if each is not None}


def _send(channel: str, message: str) -> None:
    try:
        redis_client().publish(channel, message)
    except redis.RedisError as error:
        logger.warning("not published on %s: %s", channel, error)
