"""Finding what rules send: each row of the history that tells of an event is read once, and what matches is put down.

The rows are read only up to where none can appear any more (`selectors.events`), and what is found is written in the
transaction that moves the mark over them: whatever dies, and however many do it at once, each event is put down once.
Events are written only where what is known of a row does not rule a match out.
"""

import json
import operator
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from jobs import queueing
from jobs.domain import arns, events
from jobs.domain.event_patterns import matches, restricted
from jobs.models import EventKind, EventRule, FollowMark
from jobs.models.event_rule import EVENTS_MARK
from jobs.selectors.event_lines import Line, lines_after, rows_of
from jobs.selectors.events import Ids, settled_ids
from jobs.selectors.realm import arns as realm_of_settings

from .documents import write_events
from .due import is_due
from .outbox import Wanted, hand_over_sending, put_down, rules_at_work
from .retention import remove_old

# So many rows are looked at in a transaction, and so many events written at once.
PORTION = 1000
DOCUMENTS = 200
SECONDS_AT_ONCE = 3.0
EVERYTHING = 0
# What can be said of an event before it is written.
KNOWN = {
    "source": None,
    "detail-type": None,
    "account": None,
    "region": None,
    "detail": {"status": None, "jobName": None, "jobQueue": None},
}


class Matcher:
    """A rule, and how to see cheaply that a row is none of its."""

    def __init__(self, rule: EventRule) -> None:
        self.rule = rule
        self._cheap, self.is_all = restricted(rule.pattern, KNOWN)
        self._found: dict[tuple[str, ...], bool] = {}

    def may_want(self, line: Line) -> bool:
        """Whether the row may be told of, and nothing that is known of it says that it does not match."""
        owner = self.rule.owner
        if line.at < self.rule.since or not (owner.is_staff or line.owner_id == owner.pk):
            return False
        # An array's children have all of this in common.
        key = (line.kind, line.status, line.name, line.queue)
        if key not in self._found:
            self._found[key] = matches(self._cheap, known_of(line))
        return self._found[key]


def known_of(line: Line) -> Mapping[str, Any]:
    """Of a row's event, what does not have to be written first."""
    realm = realm_of_settings()
    is_block = line.kind == EventKind.BLOCK
    kind = events.DetailType.QUEUE_BLOCKED if is_block else events.DetailType.STATE_CHANGE
    return {
        "source": events.BATCH,
        "detail-type": str(kind),
        "account": realm.account,
        "region": realm.region,
        "detail": {
            "status": str(line.status),
            "jobName": line.name,
            "jobQueue": realm.of(arns.JOB_QUEUE, line.queue),
        },
    }


def hand_over_events() -> None:
    """Has workers find what is new and send what is due, if anything is. For the scheduler's loop, or to go on."""
    if is_behind() and queueing.is_idle(queueing.FOLLOW_EVENTS):
        queueing.enqueue_after_commit(queueing.FOLLOW_EVENTS, [EVERYTHING])
    if is_due():
        hand_over_sending()


def is_behind() -> bool:
    """Whether something has happened since the last look."""
    mark = FollowMark.objects.filter(name=EVENTS_MARK).first()
    if mark is None:
        return True
    # Rows may have been deleted: the newest is not always the one that was read last.
    return any(map(operator.gt, settled_ids().newest, _place(mark)))


def follow_events(*, now: datetime) -> bool:
    """Goes on for a moment; whether there is more to look at.

    Begins with what happens next where it was never done before. A few queries where there is no rule.
    """
    if not _begin():
        return False
    until = time.monotonic() + SECONDS_AT_ONCE
    while _portion(now):
        if time.monotonic() > until:
            return True
    remove_old(now=now)
    return False


def matching(rule: EventRule, lines: Sequence[Line]) -> list[Line]:
    """Those of the rows whose event the rule wants; one or two queries for so many of them."""
    matcher = Matcher(rule)
    likely = [line for line in lines if matcher.may_want(line)]
    if matcher.is_all:
        return likely
    written = dict(_events_of(likely))
    return [line for line in likely if matches(rule.pattern, written[line.kind, line.row_id])]


def _begin() -> bool:
    if FollowMark.objects.filter(name=EVENTS_MARK).exists():
        return True
    found = settled_ids()
    if any(newest and not settled for newest, settled in zip(found.newest, found.ids, strict=True)):
        # Where that is cannot be said while somebody is writing.
        return False
    FollowMark.objects.get_or_create(name=EVENTS_MARK, defaults=_columns(found.ids))
    return True


def _portion(now: datetime) -> bool:
    rules = rules_at_work()
    mark = FollowMark.objects.get(name=EVENTS_MARK)
    place = _place(mark)
    if rules:
        page = lines_after(place, limit=PORTION)
        cursor, more = page.cursor, page.more
        wanted = list(_wanted(rules, page.lines))
    else:
        # Never back: rows may have been deleted.
        cursor = Ids(*map(max, settled_ids().ids, place))
        more, wanted = False, []
    if cursor == place:
        return more
    with transaction.atomic():
        locked = FollowMark.objects.select_for_update(no_key=True).get(name=EVENTS_MARK)
        if _place(locked) != place:
            # Another worker has read them meanwhile.
            return True
        if wanted:
            put_down(wanted, now=now)
        FollowMark.objects.filter(name=EVENTS_MARK).update(**_columns(cursor))
    return more


def _wanted(rules: Iterable[EventRule], lines: Sequence[Line]) -> Iterator[Wanted]:
    likely = [
        (matcher, line)
        for matcher in map(Matcher, rules)
        for line in lines
        if matcher.may_want(line)
    ]
    written = dict(_events_of([line for matcher, line in likely if not matcher.is_all]))
    for matcher, line in likely:
        event = written.get((line.kind, line.row_id))
        if matcher.is_all or (event is not None and matches(matcher.rule.pattern, event)):
            yield wanted_of(matcher.rule, line)


def wanted_of(rule: EventRule, line: Line) -> Wanted:
    """What is put down of a row for a rule."""
    name = line.name
    if line.array_index is not None:
        name += f":{line.array_index}"
    if line.node is not None:
        name += f"#{line.node}"
    return Wanted(rule.pk, line.kind, line.row_id, line.job_id, name, str(line.status), line.at)


def _events_of(lines: Iterable[Line]) -> Iterator[tuple[tuple[EventKind, int], dict[str, Any]]]:
    """The events of rows. Those of jobs that were deleted just now match nothing."""
    ids: dict[EventKind, list[int]] = {}
    for kind, row_id in dict.fromkeys((line.kind, line.row_id) for line in lines):
        ids.setdefault(kind, []).append(row_id)
    for kind, row_ids in ids.items():
        for first in range(0, len(row_ids), DOCUMENTS):
            rows = rows_of(kind, row_ids[first : first + DOCUMENTS])
            for row, text in zip(rows, write_events(rows), strict=True):
                yield (kind, row.pk), json.loads(text)


def _place(mark: FollowMark) -> Ids:
    return Ids(mark.transition_id, mark.node_transition_id, mark.queue_block_id)


def _columns(place: Ids) -> dict[str, int]:
    return {
        "transition_id": place.transitions,
        "node_transition_id": place.nodes,
        "queue_block_id": place.blocks,
    }
