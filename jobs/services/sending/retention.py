"""Removing deliveries that are done: after a week, and of a rule those behind its newest some thousands."""

from datetime import datetime, timedelta

from jobs.models import DeliveryState, EventDelivery, EventRule

KEPT = timedelta(days=7)
KEPT_OF_RULE = 10_000
# So many go in a statement: others wait for no more than that.
PORTION = 2000
LOOKED_AT = 100


def remove_old(*, now: datetime) -> int:
    """Removes a portion of what is too old, whatever became of it; of how many. One query where nothing is."""
    # The oldest have the lowest ids, but for what somebody had sent again: so some are looked at.
    oldest = EventDelivery.objects.order_by("id").values_list("pk", "put_down_at")
    limit = now - KEPT
    if not [at for _, at in oldest[:LOOKED_AT] if at < limit]:
        return 0
    keys = [pk for pk, at in oldest[:PORTION] if at < limit]
    return EventDelivery.objects.filter(pk__in=keys).delete()[0]


def remove_many(rule: EventRule) -> int:
    """Removes what is done behind the rule's newest deliveries, a portion of it; how many."""
    newest = EventDelivery.objects.filter(rule=rule).order_by("-id").values_list("pk", flat=True)
    last = list(newest[KEPT_OF_RULE : KEPT_OF_RULE + 1])
    if not last:
        return 0
    done = EventDelivery.objects.filter(rule=rule, id__lte=last[0])
    done = done.exclude(state=DeliveryState.WAITING)
    keys = list(done.order_by("-id").values_list("pk", flat=True)[:PORTION])
    return EventDelivery.objects.filter(pk__in=keys).delete()[0] if keys else 0
