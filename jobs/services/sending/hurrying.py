"""Trying at once what waits for its next try, because somebody says that its receiver is well again."""

from datetime import datetime

from django.db import transaction

from jobs import changes
from jobs.domain.errors import Conflict
from jobs.models import DeliveryState, EventDelivery, EventRule
from jobs.services.writing.races import still_there

from .outbox import hand_over_sending
from .rights import why_not


def try_now(*, rule: EventRule, now: datetime) -> EventRule:
    """Has all that waits tried now, in its order; what is refused again waits for as long as it would have.

    What is being sent at this moment goes on. Raises NotFound, or Conflict where nothing waits, or nothing may be sent.
    """
    with transaction.atomic():
        rows = EventRule.objects.select_for_update(no_key=True, of=("self",))
        row = still_there(rows.select_related("owner"), rule, called=f"The rule {rule.name}")
        if not row.is_enabled:
            raise Conflict(f"The rule {rule.name} is switched off. Switch it on first.")
        if reason := why_not(row):
            raise Conflict(reason)
        waiting = EventDelivery.objects.filter(rule=row, state=DeliveryState.WAITING)
        if not waiting.exists():
            raise Conflict(f"Nothing of the rule {rule.name} waits.")
        # What is due already keeps its place and the time from which it is given up.
        waiting.filter(next_at__gt=now).update(next_at=now)
        if row.claim is None:
            row.next_at = now
            row.save(update_fields=["next_at"])
        changes.publish([changes.SENDING])
        hand_over_sending()
    return row
