"""The newest ends of attempts that a narrow cost is the sum of: sums say in what hours there are any.

A definition that ran three times in a month has three hours to look at; by the time of the end alone, all that ended in
the month would be.
"""

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet, Sum

from jobs.models import Attempt

from .prices import SPOT_KINDS
from .scope import CostRange, CostScope
from .sums import Pieces, Step

Ends = list[tuple[datetime, int]]


def newest_ends(
    pieces: Pieces,
    scope: CostScope,
    *,
    spot_only: bool,
    after: tuple[datetime, int] | None,
    count: int,
) -> list[int]:
    """The ids of the newest attempts of the scope that ended behind `after` (an end and its id), newest first.

    A handful of queries, however many hours there are. With `spot_only`, of Spot kinds; a tag has no sums of these.
    """
    whole, parts = [], list(pieces.rest)
    for step, times in pieces.added_up:
        steps = _steps(step, times, scope, spot_only=spot_only, after=after, count=count)
        # The first may begin in the middle of its step, the last may have more than are wanted.
        parts += [steps[0], *steps[1:][-1:]] if steps else []
        whole += steps[1:-1]
    rows = scope.of_attempts(Attempt.objects.all())
    if spot_only:
        rows = rows.filter(capacity__in=sorted(SPOT_KINDS))
    found: Ends = []
    if whole:
        # Fewer than are wanted, so that they need no order of the database's.
        within = reduce(or_, (_within(each) for each in whole))
        found += _ends(rows.filter(within).order_by())
    for each in parts:
        found += _ends(_behind(rows.filter(_within(each)), after)[:count])
    return [pk for _, pk in sorted(found, reverse=True)[:count]]


def _steps(
    step: Step,
    times: CostRange,
    scope: CostScope,
    *,
    spot_only: bool,
    after: tuple[datetime, int] | None,
    count: int,
) -> list[CostRange]:
    """The newest steps in which some of them ended, as many as have so many together."""
    if after is not None:
        times = CostRange(times.start, min(times.end, step.floor(after[0]) + step.length))
    rows: QuerySet[Any]
    if scope.tag:
        rows = scope.of_tag_sums(step.tag_sums_of(times)).filter(attempts__gt=0)
    else:
        rows = scope.of_sums(step.sums_of(times)).filter(attempts__gt=0)
        if spot_only:
            rows = rows.filter(capacity__in=sorted(SPOT_KINDS))
    newest = rows.order_by(f"-{step.field}").values_list(step.field).annotate(of=Sum("attempts"))
    found: list[CostRange] = []
    # Of the first, some may be before `after`.
    known = 0
    for start, number in newest[: count + 1]:
        known += number if found else 0
        found.append(CostRange(start, start + step.length))
        if known >= count:
            break
    return found


def _within(times: CostRange) -> Q:
    return Q(ended_at__gte=times.start, ended_at__lt=times.end)


def _behind(rows: QuerySet[Attempt], after: tuple[datetime, int] | None) -> QuerySet[Attempt]:
    """Of these the ends behind a place, newest first."""
    if after is not None:
        at, id_ = after
        # The first condition is the index's.
        rows = rows.filter(ended_at__lte=at).filter(Q(ended_at=at, pk__lt=id_) | Q(ended_at__lt=at))
    return rows.order_by("-ended_at", "-pk")


def _ends(rows: QuerySet[Attempt]) -> Ends:
    return [(at, pk) for at, pk in rows.values_list("ended_at", "pk") if at is not None]
