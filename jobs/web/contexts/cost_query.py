"""The URLs of the cost pages: which days, and for the rows behind a figure, of what."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from jobs.domain import cost_ranges as domain
from jobs.domain import moments, numbers
from jobs.domain.cost_ranges import Preset
from jobs.domain.errors import InvalidInput
from jobs.domain.numbers import is_whole
from jobs.models import Capacity
from jobs.selectors.costs import CostRange, CostScope
from jobs.selectors.costs.rows import KINDS, Part, Place
from jobs.selectors.listing.pages import Sort

from .jobs import EACH

IDS = ("queue", "environment", "definition", "owner")
PRESET_WORDS = {
    Preset.TODAY: "Today",
    Preset.YESTERDAY: "Yesterday",
    Preset.WEEK: "7 days",
    Preset.LAST_WEEK: "Last week",
    Preset.DAYS_30: "30 days",
    Preset.MONTH: "This month",
}
NO_JOB = "none"


@dataclass(frozen=True)
class CostQuery:
    """Days, both included, by UTC. `at`: up to that moment of the last day, with what lived then."""

    first: date
    last: date
    at: datetime | None
    preset: Preset | None = None
    all_of: str = ""

    @property
    def times(self) -> CostRange:
        start = moments.start_of(self.first)
        if self.at is not None:
            return CostRange(start, self.at, with_running=True)
        return CostRange(start, moments.end_of(self.last))

    def of_days(self, first: date, last: date) -> "CostQuery":
        """Some days of it."""
        is_last = self.at is not None and last == self.at.date()
        return replace(self, first=first, last=last, at=self.at if is_last else None)

    def rows_url(self, part: Part, scope: Mapping[str, object]) -> str:
        """The rows that a figure is the sum of, as they were when it was drawn."""
        more = scope if part is Part.ALL else {"part": part.value, **scope}
        return f"{self._rows_of_days}&{urlencode(more)}" if more else self._rows_of_days

    @cached_property
    def _rows_of_days(self) -> str:
        parts = {"from": self.first.isoformat()}
        if self.at is None:
            parts["to"] = self.last.isoformat()
        else:
            parts["at"] = self.at.isoformat()
        return f"{reverse('cost_rows')}?{urlencode(parts)}"

    def jobs_url(self, **filters: str) -> str:
        """The list of jobs and children that ended in these days, most expensive first."""
        days = {"ended_from": self.first.isoformat()}
        if self.at is None:
            days["ended_to"] = self.last.isoformat()
        listed = {**filters, **days, "children": EACH, "sort": Sort.COST.value}
        return f"{reverse('jobs')}?{urlencode(listed)}"

    def page_url(self, **more: str) -> str:
        """The page of costs for these days."""
        parts = (
            {"range": self.preset.value}
            if self.preset
            else {"from": self.first.isoformat(), "to": self.last.isoformat()}
        )
        return f"{reverse('costs')}?{urlencode({**parts, **more})}"


@dataclass(frozen=True, slots=True)
class RowsQuery:
    """A figure, and the place from which on its rows are shown."""

    days: CostQuery
    scope: CostScope
    part: Part
    after: Place | None
    given: Mapping[str, str]

    def url(self, after: Place | None) -> str:
        """The URL of the page that begins there; of the first one without."""
        more = {"after": _written(after)} if after else {}
        return f"{reverse('cost_rows')}?{urlencode({**self.given, **more})}"


def read_query(query: QueryDict, *, now: datetime) -> CostQuery:
    """Raises InvalidInput, which names the parameter."""
    today = now.astimezone(UTC).date()
    all_of = query.get("all", "")
    if not {"from", "to", "at"} & query.keys():
        preset = domain.read_preset(query.get("range") or Preset.WEEK)
        first, last = domain.first_day(preset, today), domain.last_day(preset, today)
        at = now if last == today else None
        return CostQuery(first, last, at, preset=preset, all_of=all_of)
    if "at" in query:
        at = min(moments.moment("at", query.get("at", "")), now)
        first = _first(query)
        domain.check_figure(at, now=now)
        domain.check_days(first, at.date())
        return CostQuery(first, at.date(), at, all_of=all_of)
    last = moments.day("to", query.get("to", "")) if query.get("to") else today
    first = _first(query)
    domain.check_days(first, last)
    # A day that is not over yet is counted up to now.
    return CostQuery(first, last, now if first <= today <= last else None, all_of=all_of)


def _first(query: QueryDict) -> date:
    text = query.get("from", "")
    if not text:
        raise InvalidInput({"from": ["Give the first day as well, such as 2026-01-31."]})
    return moments.day("from", text)


def read_rows_query(query: QueryDict, *, now: datetime) -> RowsQuery:
    """Raises InvalidInput, which names the parameter."""
    days = read_query(query, now=now)
    part = _one_of("part", query.get("part") or Part.ALL, list(Part))
    capacity = query.get("capacity", "")
    if capacity:
        _one_of("capacity", capacity, Capacity.values)
    scope = CostScope(
        **{name: _id(query, name) for name in IDS},
        capacity=capacity,
        tag=_tag(query),
        without_job=query.get("job") == NO_JOB,
    )
    given = {name: query.get(name, "") for name in query if name not in ("after", "format")}
    return RowsQuery(days, scope, Part(part), _place(query.get("after", "")), given)


def _one_of(name: str, text: str, known: list[str]) -> str:
    if text not in known:
        raise InvalidInput({name: [f"Use one of {', '.join(known)}."]})
    return text


def _id(query: QueryDict, name: str) -> int | None:
    return numbers.whole(name, query.get(name, ""))


def _tag(query: QueryDict) -> tuple[str, str | None] | None:
    # PostgreSQL takes no NUL in a text; no tag has one.
    key = query.get("tag", "").replace("\0", "")
    value = query.get("value", "").replace("\0", "") if "value" in query else None
    return (key, value) if key else None


def _written(place: Place) -> str:
    at = place.at.isoformat() if place.at else ""
    return f"{place.kind}_{place.id}_{at}"


def _place(text: str) -> Place | None:
    if not text:
        return None
    wrong = InvalidInput({"after": ["Take the URL of the next page as the page before gives it."]})
    kind, _, rest = text.partition("_")
    id_, _, at = rest.partition("_")
    if not (is_whole(kind) and is_whole(id_) and int(kind) < len(KINDS)):
        raise wrong
    return Place(int(kind), moments.moment("after", at) if at else None, int(id_))
