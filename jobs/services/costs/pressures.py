"""Forgets how the pressure on engines changed long ago, which nothing is priced by any more."""

from datetime import datetime

from django.db.models import QuerySet

from jobs.domain.cost_ranges import FIGURES_LAST
from jobs.models import Attempt, CostMark, Engine, Instance, SpotPressure
from jobs.selectors.costs.prices import CLOCKS_APART, SPOT_KINDS

# When there was a look last, and before when steps go at the next one.
LOOKED = "spot-pressure"
NEEDED_SINCE = "spot-pressure-needed"
PORTION = 5000


def forget_pressures(*, now: datetime) -> int:
    """Deletes the steps before all that lived a while ago and before what charts show; how many.

    Once in the time for which a figure of a moment may be asked for: whatever such a figure is of lived at the last
    look, or began after it. The step that held then stays. One query where it is not due.
    """
    looked = _mark(LOOKED)
    if looked is not None and now - looked < FIGURES_LAST:
        return 0
    since = _mark(NEEDED_SINCE)
    count = 0 if since is None else sum(_forget(pk, since) for pk in _engine_ids())
    needed = min([now - FIGURES_LAST, *_starts_of_spot()])
    CostMark.objects.update_or_create(name=NEEDED_SINCE, defaults={"until": needed})
    CostMark.objects.update_or_create(name=LOOKED, defaults={"until": now})
    return count


def _mark(name: str) -> datetime | None:
    return CostMark.objects.filter(name=name).values_list("until", flat=True).first()


def _engine_ids() -> list[int]:
    return list(Engine.objects.order_by("id").values_list("id", flat=True))


def _forget(engine_id: int, since: datetime) -> int:
    steps = SpotPressure.objects.filter(engine=engine_id).order_by("at")
    held = steps.filter(at__lte=since).values_list("at", flat=True).last()
    return 0 if held is None else _delete(steps.filter(at__lt=held))


def _delete(steps: QuerySet[SpotPressure]) -> int:
    """In portions, each for itself: SQLite has one writer."""
    count = 0
    while ids := list(steps.values_list("id", flat=True)[:PORTION]):
        count += SpotPressure.objects.filter(id__in=ids).delete()[0]
    return count


def _starts_of_spot() -> list[datetime]:
    """When that which lives and follows the price began."""
    live = Attempt.objects.filter(ended_at__isnull=True, capacity__in=sorted(SPOT_KINDS))
    # In the order of the index of what lives, or SQLite would read all.
    attempts = live.order_by("node_id", "environment_id").values_list("placed_at", "started_at")
    instances = Instance.objects.filter(ended_at__isnull=True, is_spot=True)
    return [
        *(min(placed, started or placed) - CLOCKS_APART for placed, started in attempts),
        *instances.values_list("launched_at", flat=True),
    ]
