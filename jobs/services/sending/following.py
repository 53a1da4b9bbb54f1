"""Finding what rules send: each row of the history that tells of an event is read once, and what matches is put down.

The rows are read only up to where none can appear any more (`selectors.events.history`), and what is found is written
in the transaction that moves the mark over them: whatever dies, and however many do it at once, each event is put down
once.
Events are written only where what is known of a row does not rule a match out.
"""

import operator
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from jobs import queueing
from jobs.models import EventRule, FollowMark
from jobs.models.event_rule import EVENTS_MARK
from jobs.selectors.events.history import Ids, settled_ids
from jobs.selectors.events.lines import Line, Lines, lines_after

from .documents import name_of
from .matching import rules_that_want
from .outbox import Wanted, hand_over_sending, put_down, rules_at_work, waiting_for
from .retention import remove_old

# So many rows are looked at with the same rules.
PORTION = 1000
# In a transaction, so many are put down and one row's more, of what was found in so long: others wait for it to write.
WANTED_AT_ONCE = 2000
SECONDS_OF_PART = 2.0
SECONDS_AT_ONCE = 3.0
WITHOUT_RULES = 60.0
# What others write just now is looked for again, so often and after so long.
LOOKS = 5
SECONDS_BETWEEN = 0.05
EVERYTHING = 0


def hand_over_events() -> None:
    """Has workers find what is new and send what is due, if anything is. For the scheduler's loop, or to go on.

    One query where no rule is switched on: then the mark is moved once in `WITHOUT_RULES` seconds, so that a new rule
    finds little behind it.
    """
    enabled = EventRule.objects.filter(is_enabled=True)
    due = list(enabled.values_list("next_at", flat=True))
    if (due or _idle.is_over()) and is_behind() and queueing.is_idle(queueing.FOLLOW_EVENTS):
        queueing.enqueue_after_commit(queueing.FOLLOW_EVENTS, [EVERYTHING])
    now = timezone.now()
    if any(at is not None and at <= now for at in due):
        hand_over_sending()


class _Idle:
    """When this process looked last without rules."""

    def __init__(self) -> None:
        self._until: float | None = None

    def is_over(self) -> bool:
        """Whether it is long enough ago; then it begins anew."""
        now = time.monotonic()
        if self._until is not None and now < self._until:
            return False
        self._until = now + WITHOUT_RULES
        return True


_idle = _Idle()


def is_behind() -> bool:
    """Whether something has happened since the last look."""
    return _is_before(settled_ids().newest)


def _is_before(newest: Ids) -> bool:
    mark = FollowMark.objects.filter(name=EVENTS_MARK).first()
    # Rows may have been deleted: the newest is not always the one that was read last.
    return mark is None or any(map(operator.gt, newest, _place(mark)))


def follow_events(*, now: datetime) -> bool:
    """Goes on for a moment; whether there is more to look at.

    Begins with what happens next where it was never done before. A few queries where there is no rule.
    """
    if not _begin():
        return False
    until = time.monotonic() + SECONDS_AT_ONCE
    found = settled_ids()
    looks = LOOKS if found.ids != found.newest else 0
    while True:
        if _page(now, until):
            if time.monotonic() > until:
                return True
        elif looks and _is_before(found.newest):
            # Who writes just now is done soon, and the next worker would know nothing of this look.
            looks -= 1
            time.sleep(SECONDS_BETWEEN)
        else:
            break
    remove_old(now=now)
    return False


def _begin() -> bool:
    if FollowMark.objects.filter(name=EVENTS_MARK).exists():
        return True
    for look in range(1 + LOOKS):
        time.sleep(SECONDS_BETWEEN if look else 0)
        found = settled_ids()
        # While others write, it may be that where that is cannot be said yet.
        if all(settled or not new for new, settled in zip(found.newest, found.ids, strict=True)):
            FollowMark.objects.get_or_create(name=EVENTS_MARK, defaults=_columns(found.ids))
            return True
    return False


def _page(now: datetime, until: float) -> bool:
    place = _place(FollowMark.objects.get(name=EVENTS_MARK))
    settled = settled_ids().ids
    # Behind what is read: who makes a rule from now on is told of what comes then, which is not read here.
    rules = rules_at_work()
    if not rules:
        # Never back: rows may have been deleted.
        _move(place, Ids(*map(max, settled, place)), [], now=now)
        return False
    page = lines_after(place, settled=settled, limit=PORTION)
    for cursor, wanted in _parts(rules, page):
        if not _move(place, cursor, wanted, now=now):
            # Another worker has read them meanwhile.
            return True
        place = cursor
        if time.monotonic() > until:
            return page.more or place != page.cursor
    return page.more


def _parts(rules: Iterable[EventRule], page: Lines) -> Iterator[tuple[Ids, list[Wanted]]]:
    """What is wanted of a page, in parts that are bounded in number and in time, each with the cursor behind it."""
    wanted: list[Wanted] = []
    begun = time.monotonic()
    found = rules_that_want(rules, page.lines)
    for cursor, (line, those) in zip(page.cursors, found, strict=True):
        wanted += [wanted_of(rule, line) for rule in those]
        if len(wanted) >= WANTED_AT_ONCE or time.monotonic() > begun + SECONDS_OF_PART:
            yield cursor, wanted
            wanted, begun = [], time.monotonic()
    yield page.cursor, wanted


def _move(place: Ids, cursor: Ids, wanted: Sequence[Wanted], *, now: datetime) -> bool:
    """Puts down what is wanted and moves the mark from `place` over it, unless it is elsewhere."""
    if cursor == place:
        return True
    waiting = waiting_for(wanted)
    with transaction.atomic():
        locked = FollowMark.objects.select_for_update(no_key=True).get(name=EVENTS_MARK)
        if _place(locked) != place:
            return False
        if wanted:
            put_down(wanted, now=now, waiting=waiting)
        FollowMark.objects.filter(name=EVENTS_MARK).update(**_columns(cursor))
    return True


def wanted_of(rule: EventRule, line: Line) -> Wanted:
    """What is put down of a row for a rule."""
    name = name_of(line.name, array_index=line.array_index, node=line.node)
    return Wanted(rule.pk, line.kind, line.row_id, line.job_id, name, str(line.status), line.at)


def _place(mark: FollowMark) -> Ids:
    return Ids(mark.transition_id, mark.node_transition_id, mark.queue_block_id)


def _columns(place: Ids) -> dict[str, int]:
    return {
        "transition_id": place.transitions,
        "node_transition_id": place.nodes,
        "queue_block_id": place.blocks,
    }
