"""Keeping the metrics: what a worker does for them every quarter of a minute."""

import time
from datetime import datetime

from jobs import changes, queueing

from .alarms import look_at_alarms
from .counting import begin, count_portion, note_whole, settled
from .retention import remove_old
from .sampling import take_sample

# A call takes so long, and a portion more at most.
SECONDS_AT_ONCE = 5.0
# A task takes ids, and this one needs none.
EVERYTHING = 0


def hand_over_metrics() -> None:
    """Has a worker see to the metrics, unless one is still to. For the scheduler's loop, or to go on."""
    if queueing.is_idle(queueing.METRICS):
        queueing.enqueue_after_commit(queueing.METRICS, [EVERYTHING])


def keep_metrics(*, now: datetime) -> bool:
    """Looks once a minute, counts what happened since, and then looks at alarms; whether something is left to count.

    Alarms wait for a long history to be counted. Whatever dies, the next call goes on from there.
    """
    found = settled()
    if not begin(found):
        return False
    if take_sample(now=now):
        remove_old(now=now)
    until = time.monotonic() + SECONDS_AT_ONCE
    while count_portion(last=found.ids.transitions):
        if time.monotonic() > until:
            return True
    if note_whole(now=now) is not None:
        changes.publish([changes.METRICS])
    look_at_alarms(now=now)
    return False
