"""Removing what is too old: minutes after days, hours after a year and some, lines of alarms' histories likewise."""

from datetime import datetime

from django.db.models import Model

from jobs.domain.metric_ranges import KEPT
from jobs.models import AlarmChange, EnvironmentMetric, QueueMetric

# So many rows of a kind go in a statement: others wait for no more than that.
PORTION = 2000
CHANGES_KEPT = KEPT[3600]


def remove_old(*, now: datetime) -> int:
    """Removes a portion of what is too old; of how many rows. Each kind is a transaction of its own.

    One query for each kind where nothing is. What is left, the next call removes.
    """
    removed = 0
    for model in (QueueMetric, EnvironmentMetric):
        for seconds, kept in KEPT.items():
            rows = model.objects.filter(seconds=seconds, start__lt=now - kept).order_by("start")
            removed += _delete(model, list(rows.values_list("pk", flat=True)[:PORTION]))
    return removed + _delete(AlarmChange, _old_changes(now - CHANGES_KEPT))


def _old_changes(limit: datetime) -> list[int]:
    # The oldest lines have the lowest ids, so that only those are looked at: one of them, where none is too old.
    oldest = AlarmChange.objects.order_by("id").values_list("pk", "at")
    if not [at for _, at in oldest[:1] if at < limit]:
        return []
    return [pk for pk, at in oldest[:PORTION] if at < limit]


def _delete(model: type[Model], keys: list[int]) -> int:
    if not keys:
        return 0
    return model._default_manager.filter(pk__in=keys).delete()[0]  # noqa: SLF001
