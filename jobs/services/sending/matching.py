"""Which rules want an event: first by what is known of its row, and where that leaves it open by the event itself.

Rows are read some at a time, and the event of each is made, compared and dropped before the next: those of jobs with
thousands of variables are large. Children of an array share that part, and what was found out of it. A row or a
pattern that breaks is logged and wants nothing: who follows goes on.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DatabaseError, InterfaceError

from jobs.domain import arns, events, ids
from jobs.domain.event_patterns import Seen, TooLarge, compares, restricted
from jobs.models import EventKind, EventRule
from jobs.queueing import TaskTimeout
from jobs.selectors.events.history import EventRow
from jobs.selectors.events.lines import Line, rows_of
from jobs.selectors.realm import arns as realm_of_settings

from .documents import DOCUMENTS, events_to_read

logger = logging.getLogger("batchweb.sending")

# These are of no row and no pattern: all is tried again later.
NOBODYS = (TaskTimeout, DatabaseError, InterfaceError)
# So many lines are looked at together, of no more than `DOCUMENTS` submissions.
LINES = 200
# What can be said of an event before it is written.
KNOWN = {
    "source": None,
    "detail-type": None,
    "account": None,
    "region": None,
    "detail": {"status": None, "jobName": None, "jobQueue": None},
}
Key = tuple[EventKind, int]
Event = Mapping[str, Any]


class Matcher:
    """A rule, and how to see cheaply that a row is none of its."""

    def __init__(self, rule: EventRule) -> None:
        self.rule = rule
        self._found: dict[tuple[str, ...], bool] = {}
        self._is_broken = self._is_told = False
        self._cheap: Mapping[str, Any] = {}
        self.is_all = False
        self._tried(self._restrict)

    def may_want(self, line: Line) -> bool:
        """Whether the row may be told of, and nothing that is known of it says that it does not match."""
        owner = self.rule.owner
        if line.at < self.rule.since or not (owner.is_staff or line.owner_id == owner.pk):
            return False
        # An array's children have all of this in common.
        key = (line.kind, line.status, line.name, line.queue)
        if key not in self._found:
            self._found[key] = self._tried(lambda: compares(self._cheap, known_of(line)))
        return self._found[key] and not self._is_broken

    def wants(self, event: Event, seen: Seen) -> bool:
        """Whether the event matches."""
        return self._tried(lambda: compares(self.rule.pattern, event, seen))

    def _restrict(self) -> bool:
        self._cheap, self.is_all = restricted(self.rule.pattern, KNOWN)
        return True

    def _tried(self, ask: Callable[[], bool]) -> bool:
        try:
            return not self._is_broken and ask()
        except TooLarge:
            if not self._is_told:
                logger.warning(
                    "the rule %s takes too long to compare with events: they do not match",
                    self.rule.pk,
                )
            self._is_told = True
        except NOBODYS:
            raise
        except Exception:
            logger.exception("the pattern of the rule %s cannot be compared", self.rule.pk)
            self._is_broken = True
        return False


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


def rules_that_want(
    rules: Iterable[EventRule], lines: Sequence[Line]
) -> Iterator[tuple[Line, list[EventRule]]]:
    """Each of the lines in their order, with the rules that want its event.

    Events of jobs that were deleted just now match nothing.
    """
    matchers = list(map(Matcher, rules))
    for some in _together(lines):
        likely = [(line, [each for each in matchers if each.may_want(line)]) for line in some]
        made = _events_of(
            line for line, those in likely if not all(matcher.is_all for matcher in those)
        )
        seen = Seen()
        for line, those in likely:
            event = made((line.kind, line.row_id))
            yield (
                line,
                [
                    each.rule
                    for each in those
                    if each.is_all or (event is not None and each.wants(event, seen))
                ],
            )


def _together(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines in their order, in parts that are bounded in number and in what their jobs run."""
    some: list[Line] = []
    submissions: set[UUID | Key] = set()
    for line in lines:
        # A node has attempts of its own to be read, an array's child next to nothing.
        is_child = line.array_index is not None
        of = ids.parent_id(line.job_id) if is_child else (line.kind, line.row_id)
        if len(some) == LINES or (len(submissions) == DOCUMENTS and of not in submissions):
            yield some
            some, submissions = [], set()
        some.append(line)
        submissions.add(of)
    if some:
        yield some


def _events_of(lines: Iterable[Line]) -> Callable[[Key], Event | None]:
    """What makes the event of one of the lines; None of those that went, that break, and of other lines."""
    row_ids: dict[EventKind, list[int]] = {}
    for line in lines:
        row_ids.setdefault(line.kind, []).append(line.row_id)
    made: dict[Key, Callable[[], Event]] = {}
    for kind, some in row_ids.items():
        rows = rows_of(kind, some)
        for row, make in zip(rows, _makers(rows), strict=True):
            made[kind, row.pk] = make

    def event_of(key: Key) -> Event | None:
        try:
            return made[key]() if key in made else None
        except NOBODYS:
            raise
        except Exception:
            logger.exception("the event of %s %s cannot be written", *key)
            return None

    return event_of


def _makers(rows: Sequence[EventRow]) -> list[Callable[[], Event]]:
    """What makes each row's event. Of one that cannot be read, that raises."""
    try:
        made = events_to_read(rows)
    except NOBODYS:
        raise
    except Exception:
        if len(rows) > 1:
            return [make for row in rows for make in _makers([row])]
        return [lambda: events_to_read(rows)(rows[0])]
    return [partial(made, row) for row in rows]
