"""The scheduler process: stands by, becomes active, and then decides whenever something changed."""

import logging
import os
import signal
import socket
import threading
import time
from datetime import datetime, timedelta
from types import FrameType

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from jobs import changes
from jobs.domain.errors import LostLease
from jobs.scheduling.decide import decide
from jobs.scheduling.scouts import Scouts
from jobs.scheduling.stopping import without_children_of
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.services.attempts.stopping import next_stop_at
from jobs.services.costs.rollup import hand_over_costs
from jobs.services.metrics.keeping import hand_over_metrics
from jobs.services.passes.accept import PORTION, accept_submitted
from jobs.services.passes.array_stop import carry_out_stops
from jobs.services.passes.budgets import BudgetRounds
from jobs.services.passes.instances import advance_instances
from jobs.services.passes.lease import BEAT_SECONDS, Lease, Standby, beat, release
from jobs.services.passes.placement import apply_plan
from jobs.services.passes.settle import settle_ended
from jobs.services.passes.statuses import advance_statuses
from jobs.services.passes.sweep import sweep
from jobs.services.passes.time_limit_actions import apply_time_limits
from jobs.services.search.follow import hand_over_search
from jobs.services.sending.following import hand_over_events

from .connections import keep_connections

logger = logging.getLogger("batchweb.scheduler")

# How many jobs of each queue a pass looks at. Those behind wait for the next pass.
FRONT = 100
# What workers keep up to date behind the history, and how often they are told to, in seconds.
HAND_OVERS = {
    # Costs are by the minute; one who finds years to add up goes on by himself.
    hand_over_costs: 15.0,
    # Charts have a point a minute; an alarm is not much later than its minute.
    hand_over_metrics: 15.0,
    # So long can what is new be found by its name and the like alone.
    hand_over_search: 5.0,
    # So long does an event wait to be sent elsewhere, at most.
    hand_over_events: 3.0,
}
SWEEP_SECONDS = 5.0
# The first news is acted on at once; what comes in a burst behind it waits for one pass together: so
# long, and so many times what the pass took, that deciding never takes a machine from who works.
PASS_SECONDS = 0.05
PASS_PAUSE = 3.0
PASS_SECONDS_AT_MOST = 0.5
# Reasons are for people: under load they are brought up to date this often, not with every pass.
WAITS_SECONDS = 1.0
STANDBY_SECONDS = 0.5
# A pass that fails is tried again, but not in a hurry.
PAUSE_AFTER_ERROR_SECONDS = 1.0


def schedule_once(
    *, lease: Lease, now: datetime, with_waits: bool = True, scouts: Scouts | None = None
) -> bool:
    """One pass: queues and environments move on, new jobs are taken up, ends are settled, what fits is placed,
    what waits gets its reason.

    With the reasons go the queues' rules on jobs that wait too long, and with `scouts` a look behind long
    fronts. Whether there may be more to do at once, because a portion was full. Raises LostLease.
    """
    moving = advance_statuses(lease=lease, now=now)
    accepted = accept_submitted(lease=lease, now=now)
    stopping = carry_out_stops(lease=lease, now=now)
    unsettled = settle_ended(lease=lease, now=now)
    advance_instances(lease=lease, now=now)
    # What is to be stopped must not be placed meanwhile; nobody else waits for that.
    snapshot = without_children_of(load_snapshot(front=FRONT, now=now, scouts=scouts), stopping)
    plan = decide(snapshot, now)
    apply_plan(plan=plan, lease=lease, with_waits=with_waits)
    if with_waits and plan.waits:
        apply_time_limits(plan=plan, lease=lease, now=now)
    if scouts is not None:
        scouts.learn(snapshot, plan)
    return moving or accepted == PORTION or bool(stopping) or unsettled or plan.more


class WakeUps:
    """Waits for news from Redis, or for a time-out; a Redis that is away only costs latency."""

    def __init__(self) -> None:
        self._pubsub: redis.client.PubSub | None = None

    def wait(self, seconds: float) -> bool:
        """True as soon as there is news (all that has piled up counts once), False after `seconds`.

        True also when it had to subscribe first: what was said before that, nobody heard.
        """
        try:
            if self._pubsub is None:
                self._pubsub = _subscribe()
                return True
            if not self._pubsub.get_message(timeout=max(seconds, 0.001)):
                return False
            while self._pubsub.get_message(timeout=0):
                pass
        except redis.RedisError as error:
            logger.warning("no wake-ups from Redis, going by the clock: %s", error)
            self._pubsub = None
            time.sleep(min(seconds, PAUSE_AFTER_ERROR_SECONDS))
            return False
        return True


def _subscribe() -> redis.client.PubSub:
    pubsub: redis.client.PubSub = changes.redis_client().pubsub()  # type: ignore[no-untyped-call]
    pubsub.subscribe(changes.WAKE_CHANNEL)
    # Only a confirmed subscription hears everything.
    pubsub.get_message(timeout=5)
    return pubsub


class Scheduler:
    """Runs until `stop` is called. `lease` is None while another scheduler is the active one."""

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self._stop = threading.Event()
        self._wake_ups = WakeUps()
        self._scouts = Scouts()
        self._budget_rounds = BudgetRounds()
        self._standby = Standby(holder=f"{socket.gethostname()}:{os.getpid()}")
        self._next_beat = 0.0
        self._next_sweep = 0.0
        # When each of these is due next.
        self._hand_overs = dict.fromkeys(HAND_OVERS, 0.0)
        self._next_waits = 0.0
        self._next_stop_at: datetime | None = None

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                close_old_connections()
                self._step()
            except LostLease:
                logger.warning("another scheduler has taken over; standing by")
                self.lease = None
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the database failed, trying again: %s", error)
                self._stop.wait(PAUSE_AFTER_ERROR_SECONDS)
        if self.lease:
            release(self.lease)

    def _step(self) -> None:
        if self.lease is None:
            self._stand_by()
            return
        monotonic = time.monotonic()
        if monotonic >= self._next_beat:
            beat(self.lease)
            self._next_beat = monotonic + BEAT_SECONDS
        now = timezone.now()
        # The sweep is what hands over stops, so it is due when one of them is.
        if monotonic >= self._next_sweep or (self._next_stop_at and now >= self._next_stop_at):
            sweep(now=now)
            self._next_sweep = monotonic + SWEEP_SECONDS
        for hand_over, due_at in self._hand_overs.items():
            if monotonic >= due_at:
                hand_over()
                self._hand_overs[hand_over] = monotonic + HAND_OVERS[hand_over]
        # Before anything is placed: what a spent budget cancels must not start first.
        cancelling = self._budget_rounds.go_on(lease=self.lease, now=now, monotonic=monotonic)
        with_waits = monotonic >= self._next_waits
        if with_waits:
            self._next_waits = monotonic + WAITS_SECONDS
        more = schedule_once(
            lease=self.lease,
            now=now,
            with_waits=with_waits,
            scouts=self._scouts if with_waits else None,
        )
        self._next_stop_at = next_stop_at(now)
        if not (more or cancelling):
            took = time.monotonic() - monotonic
            pause = min(max(PASS_SECONDS, took * PASS_PAUSE), PASS_SECONDS_AT_MOST)
            self._wait(now, monotonic + pause, with_waits=with_waits)

    def _stand_by(self) -> None:
        self.lease = self._standby.try_acquire(monotonic=time.monotonic())
        if self.lease is None:
            self._stop.wait(STANDBY_SECONDS)
            return
        logger.info("active with token %d", self.lease.token)
        self._next_beat = self._next_sweep = 0.0

    def _wait(self, now: datetime, not_before: float, *, with_waits: bool) -> None:
        """Until there is news, a time limit or grace time is over, or the safety tick; with beats between.

        Not before `not_before` on the monotonic clock. A pass without reasons is soon followed by one.
        """
        tick = settings.BATCHWEB_SCHEDULER_TICK_SECONDS if with_waits else WAITS_SECONDS
        due = now + timedelta(seconds=tick)
        if self._next_stop_at:
            due = min(due, self._next_stop_at)
        while not self._stop.is_set():
            left = (due - timezone.now()).total_seconds()
            if left <= 0:
                return
            if self._wake_ups.wait(min(left, BEAT_SECONDS)):
                self._stop.wait(max(0.0, not_before - time.monotonic()))
                return
            assert self.lease is not None
            beat(self.lease)


def run_scheduler() -> None:
    """Runs a scheduler in this process until it is told to end (SIGTERM, SIGINT)."""
    keep_connections()
    scheduler = Scheduler()

    def handle(_number: int, _frame: FrameType | None) -> None:
        scheduler.stop()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    scheduler.run()
