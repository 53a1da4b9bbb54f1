"""Jobs by when they ended, for orders of the list of jobs."""

from uuid import UUID

from django.db.models import QuerySet

from jobs.domain.states import TERMINAL
from jobs.models import Job

from .filters import Scope

# Fewer than of the newest jobs: each stands at a place of its own.
LOOKED_AT = 10_000


def ranks_by_end(scope: Scope) -> bool:
    """Whether an order of such jobs is made among those that ended last."""
    return scope.filters.is_by_end and not scope.filters.is_by_words


def rows_by_end(scope: Scope) -> tuple[QuerySet[Job], UUID | None]:
    """Of what has ended within the time so many that ended last, along the index of ends, that pass the filters."""
    statuses = sorted(TERMINAL.intersection(scope.statuses or TERMINAL))
    # Each status has its part of the index by itself.
    at = LOOKED_AT // max(len(statuses), 1) - 1
    parts = [scope.ended(status).order_by("-stopped_at") for status in statuses]
    edges = [part.values_list("stopped_at", "pk")[at : at + 1].first() for part in parts]
    since, edge = max((each for each in edges if each is not None), default=(None, None))
    rows = scope.as_listed(scope.ended(*statuses, since=since))
    return scope.chosen(rows, but=("status", "end")), edge
