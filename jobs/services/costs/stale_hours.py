"""Hours and minutes whose costs are to be added up again: what changed in them after they were, or may have been."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Manager
from django.utils import timezone

from jobs.models import Attempt, Job
from jobs.selectors.costs.sums import HOURS, MINUTES, MINUTES_KEPT, Step

# They are added up some time after they are over (`rollup.WRITTEN_AFTER`); an end that is written sooner is in them.
IN_TIME = {HOURS.mark: timedelta(minutes=5), MINUTES.mark: timedelta(minutes=1)}


def add_up_again(job: Job) -> None:
    """The hours and minutes in which the job's costs are; in the transaction that changes its tags."""
    ends = Attempt.objects.filter(job=job, ended_at__isnull=False).values_list(
        "ended_at", "instance__ended_at"
    )
    moments = {moment for row in ends for moment in row if moment is not None}
    _mark(HOURS, moments)
    oldest = timezone.now() - MINUTES_KEPT
    _mark(MINUTES, (each for each in moments if each > oldest))


def note_end(ended_at: datetime) -> None:
    """In the transaction that writes an end of this time, after it: if that is late, it is added up again.

    Who writes an end may have been held up since he looked at the clock, for instance with his whole machine.
    No query where it is written in time.
    """
    now = timezone.now()
    # Minutes that are forgotten are added up with their hours alone.
    steps = (HOURS, MINUTES) if ended_at > now - MINUTES_KEPT else (HOURS,)
    for step in steps:
        if now > step.floor(ended_at) + step.length + IN_TIME[step.mark]:
            _mark(step, [ended_at])


def _mark(step: Step, moments: Iterable[datetime]) -> None:
    starts = sorted({step.floor(moment) for moment in moments})
    rows: Manager[Any] = step.stale._default_manager  # noqa: SLF001
    rows.bulk_create([step.stale(**{step.field: start}) for start in starts])
