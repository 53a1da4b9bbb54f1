"""Hours whose costs are to be added up again: what changed in them after they were, or may have been."""

from datetime import datetime, timedelta

from django.utils import timezone

from jobs.models import Attempt, Job, StaleCostHour
from jobs.selectors.costs_scope import HOUR, hour_of

# An hour is added up some minutes after it is over (`rollup.WRITTEN_AFTER`); an end that is written sooner is in it.
IN_TIME = timedelta(minutes=5)


def add_up_again(job: Job) -> None:
    """The hours in which the job's costs are; in the transaction that changes its tags."""
    ends = Attempt.objects.filter(job=job, ended_at__isnull=False).values_list(
        "ended_at", "instance__ended_at"
    )
    hours = {hour_of(moment) for row in ends for moment in row if moment is not None}
    StaleCostHour.objects.bulk_create([StaleCostHour(hour=hour) for hour in sorted(hours)])


def note_end(ended_at: datetime) -> None:
    """In the transaction that writes an end of this time: if that is late, its hour is added up again.

    Who writes an end may have been held up since he looked at the clock, for instance with his whole machine.
    No query where it is written in time.
    """
    hour = hour_of(ended_at)
    if timezone.now() > hour + HOUR + IN_TIME:
        StaleCostHour.objects.create(hour=hour)
