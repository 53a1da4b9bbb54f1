"""Which rules want an event: first by what is known of its row, and where that leaves it open by the event itself.

Events are written some at a time, and each is read, compared and dropped before the next: those of jobs with
thousands of variables are large. A row or a pattern that breaks is logged and wants nothing: who follows goes on.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import DatabaseError, InterfaceError

from jobs.domain import arns, events
from jobs.domain.event_patterns import TooLarge, compares, restricted
from jobs.models import EventKind, EventRule
from jobs.queueing import TaskTimeout
from jobs.selectors.event_lines import Line, rows_of
from jobs.selectors.events import EventRow
from jobs.selectors.realm import arns as realm_of_settings

from .documents import DOCUMENTS, write_events

logger = logging.getLogger("batchweb.sending")

# These are of no row and no pattern: all is tried again later.
NOBODYS = (TaskTimeout, DatabaseError, InterfaceError)
# What can be said of an event before it is written.
KNOWN = {
    "source": None,
    "detail-type": None,
    "account": None,
    "region": None,
    "detail": {"status": None, "jobName": None, "jobQueue": None},
}
Key = tuple[EventKind, int]


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

    def wants(self, event: Mapping[str, Any]) -> bool:
        """Whether the event matches."""
        return self._tried(lambda: compares(self.rule.pattern, event))

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
    for first in range(0, len(lines), DOCUMENTS):
        likely = [
            (line, [each for each in matchers if each.may_want(line)])
            for line in lines[first : first + DOCUMENTS]
        ]
        texts = _texts_of(
            line for line, those in likely if not all(matcher.is_all for matcher in those)
        )
        for line, those in likely:
            text = texts.pop((line.kind, line.row_id), "")
            event = json.loads(text) if text else None
            yield (
                line,
                [
                    each.rule
                    for each in those
                    if each.is_all or (event is not None and each.wants(event))
                ],
            )


def _texts_of(lines: Iterable[Line]) -> dict[Key, str]:
    ids: dict[EventKind, list[int]] = {}
    for line in lines:
        ids.setdefault(line.kind, []).append(line.row_id)
    found: dict[Key, str] = {}
    for kind, row_ids in ids.items():
        rows = rows_of(kind, row_ids)
        found.update(zip(((kind, row.pk) for row in rows), _written(rows), strict=True))
    return found


def _written(rows: Sequence[EventRow]) -> list[str]:
    """The rows' events; of one that cannot be written, nothing."""
    try:
        return write_events(rows)
    except NOBODYS:
        raise
    except Exception:
        if len(rows) > 1:
            return [text for row in rows for text in _written([row])]
        logger.exception("the event of %s %s cannot be written", type(rows[0]).__name__, rows[0].pk)
        return [""]
