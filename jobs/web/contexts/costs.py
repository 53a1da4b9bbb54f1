"""What the pages of costs, their JSON and their CSV are drawn from. Every figure leads to its rows."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse
from django.utils.text import capfirst

from jobs.domain.cost_ranges import Unit, spans_of, unit_of
from jobs.models import Capacity
from jobs.pricing.cost import SECONDS_PER_HOUR
from jobs.selectors.costs import Amounts, CostScope, Ledger
from jobs.selectors.costs.amounts import sum_of
from jobs.selectors.costs.names import Named, Names, names_of
from jobs.selectors.costs.other_kinds import other_kinds
from jobs.selectors.costs.rows import Part, amount_of

from .. import plaintext
from .cost_query import NO_JOB, PRESET_WORDS, CostQuery, read_query
from .lazily import lazily

# What the page lists of each; its JSON and CSV have all.
SHOWN = 12
# Of a list that is asked for by itself; more would take longer than all else on the page.
SHOWN_OF_ONE = 100
SECTIONS = {
    "queue": "By queue",
    "environment": "By compute environment",
    "capacity": "By kind of capacity",
    "definition": "By job definition",
    "owner": "By owner",
    "tag": "By tag",
}
# "12.34", "0.012", "0.00012".
HOUR_DECIMALS = (2, 3, 4, 5)
NO_JOB_LABEL = "Idle time that no job is charged with"
KIND_LABELS = {str(kind): capfirst(str(label)) for kind, label in Capacity.choices}


@dataclass(frozen=True, slots=True)
class Figure:
    """An amount, and the URL of the rows that it is the sum of."""

    usd: Decimal
    part: Part
    query: CostQuery
    scope: Mapping[str, object]

    @property
    def url(self) -> str:
        """Made when it is asked for: a figure of nothing has no link."""
        return self.query.rows_url(self.part, self.scope)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table: what cost so much. `of` is the section that it is of, as of what has a page of its own."""

    label: str
    key: str
    of: str
    amounts: Amounts
    query: CostQuery
    scope: Mapping[str, object]
    # Of the largest total of its table, 0 to 1; of lines that are not shown, nothing.
    part: float = 0.0
    is_deleted: bool = False
    # Idle time of instances that live: at their end jobs are charged with it.
    uncharged_yet_usd: Decimal = Decimal(0)

    @property
    def page_url(self) -> str:
        """Where that has a page of its own; empty where it has none. Made when it is asked for: most are not shown."""
        return "" if self.is_deleted else _page_url(self.of, self.label)

    def figure(self, part: Part) -> Figure:
        return Figure(amount_of(self.amounts, part), part, self.query, self.scope)

    @property
    def total(self) -> Figure:
        return self.figure(Part.ALL)

    @property
    def cost(self) -> Figure:
        return self.figure(Part.COST)

    @property
    def idle(self) -> Figure:
        return self.figure(Part.IDLE)

    @property
    def saving(self) -> Figure:
        return self.figure(Part.SAVING)

    @property
    def figures(self) -> list[Figure]:
        """In the order of a table's columns."""
        return [self.cost, self.idle, self.saving, self.total]


@dataclass(frozen=True, slots=True)
class Section:
    """A table: its lines, dearest first (days by time). `hidden` lines are on the page at `all_url`; without one they
    are in the page's JSON alone."""

    key: str
    title: str
    lines: list[Line]
    all_url: str
    hidden: int = 0
    at_most: int = SHOWN_OF_ONE

    @property
    def shown(self) -> list[Line]:
        return self.lines[: len(self.lines) - self.hidden]


@dataclass(frozen=True, slots=True)
class Bar:
    """A day in the chart: places and heights in a box of 100 by 100."""

    line: Line
    x: float
    width: float
    cost_y: float
    cost_height: float
    idle_y: float
    idle_height: float


class Costs:
    """The costs of some days, as one user sees them. Each part is read when it is asked for first."""

    def __init__(self, query: CostQuery, user: User) -> None:
        self.query = query
        self.user = user
        self.ledger = Ledger(query.times, CostScope().seen_by(user), with_days=True)

    @property
    def total(self) -> Line:
        return Line("Total", "total", "", self.ledger.total, self.query, {}, part=1.0)

    def days(self, unit: Unit = Unit.DAY) -> Section:
        """One line a day, a week or a month, also where nothing cost anything."""
        found = self.ledger.by("day")
        lines = []
        for span in spans_of(self.query.first, self.query.last, unit):
            days = map(date.fromordinal, range(span.first.toordinal(), span.last.toordinal() + 1))
            line = Line(
                label=span.label,
                key=span.first.isoformat(),
                of="",
                amounts=sum_of([found[day] for day in days if day in found]),
                query=self.query.of_days(*span),
                scope={},
            )
            lines.append(line)
        return Section("day", f"By {unit}", _with_parts(lines), "")

    def sections(self) -> list[Section]:
        """The other tables; who sees only his own jobs has no table of owners."""
        keys = [key for key in SECTIONS if key != "owner" or self.user.is_staff]
        return [self.section(key) for key in keys]

    def section(self, key: str) -> Section:
        lines = self._tags() if key == "tag" else list(self._lines(key))
        lines.sort(key=lambda line: (-line.amounts.total_usd, line.label))
        is_all = self.query.all_of == key
        shown = SHOWN_OF_ONE if is_all else SHOWN
        hidden = max(len(lines) - shown, 0)
        lines[:shown] = _with_parts(lines[:shown])
        all_url = "" if is_all else f"{self.query.page_url(all=key)}#{key}"
        return Section(key, SECTIONS[key], lines, all_url, hidden)

    def _lines(self, key: str) -> Iterator[Line]:
        for value, amounts in self.ledger.by(key).items():
            if value is None:
                scope: dict[str, object] = {"job": NO_JOB}
                yet = self.ledger.living_idle_usd
                yield Line(
                    NO_JOB_LABEL, NO_JOB, "", amounts, self.query, scope, uncharged_yet_usd=yet
                )
                continue
            named = self.named(key, value)
            yield Line(
                label=named.name,
                key=str(value),
                of=key,
                amounts=amounts,
                query=self.query,
                scope={key: value},
                is_deleted=named.is_deleted,
            )

    def _tags(self) -> list[Line]:
        return [
            Line(
                label=f"{key}: {value}" if value else key,
                key=f"{key}={value}",
                of="",
                amounts=amounts,
                query=self.query,
                scope={"tag": key, "value": value},
            )
            for (key, value), amounts in self.ledger.tags.items()
        ]

    def named(self, key: str, value: Any) -> Named:
        """What a cell of these costs is called."""
        if key == "capacity":
            return Named(KIND_LABELS[value])
        found: dict[int, Named] = getattr(self.names, key)
        return found.get(value, Named(f"{key} {value}", is_deleted=True))

    # Not `lazily`: what refers to itself, with all that it has read, is left to the collector of garbage.
    @cached_property
    def names(self) -> Names:
        """Of all that these costs are told apart by."""
        return names_of(
            **{
                f"{key}s": {each for each in self.ledger.by(key) if each}
                for key in ("queue", "environment", "definition", "owner")
            }
        )


def build_refused(
    *, given: Mapping[str, str], errors: Mapping[str, list[str]], now: datetime, user: User
) -> dict[str, Any]:
    """The page with what was asked for and what is wrong with it, and no figures."""
    shown = build(query=read_query(QueryDict(), now=now), user=user)
    return {
        **shown,
        "presets": [(words, url, False) for words, url, _ in shown["presets"]],
        "errors": [text for texts in errors.values() for text in texts],
        "given": {"first": given.get("from", ""), "last": given.get("to", "")},
    }


def build(*, query: CostQuery, user: User) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    costs = Costs(query, user)
    unit = unit_of(query.first, query.last)
    days = lazily(lambda: costs.days(unit))
    return {
        "query": query,
        "unit": unit,
        "given": {"first": query.first.isoformat(), "last": query.last.isoformat()},
        "presets": [
            (words, f"{reverse('costs')}?range={preset}", preset == query.preset)
            for preset, words in PRESET_WORDS.items()
        ],
        "total": lazily(lambda: costs.total),
        "so_far": lazily(lambda: costs.ledger.so_far),
        "days": days,
        "bars": lazily(lambda: bars(days())),
        "sections": lazily(costs.sections),
        "vcpu_hours": lazily(lambda: hours_text(costs.ledger.total.work.vcpu_seconds)),
        "gib_hours": lazily(lambda: hours_text(costs.ledger.total.work.gib_seconds)),
        "other_kinds": lazily(
            lambda: [
                (KIND_LABELS[each.capacity], each.usd, each.type_name)
                for each in other_kinds(costs.ledger.total.work)
            ]
        ),
        "csv_url": query.page_url(format="csv"),
        "json_url": query.page_url(format="json"),
    }


def hours_text(seconds: Decimal) -> str:
    """Hours with as many decimals as still say something; empty for none."""
    hours = seconds / SECONDS_PER_HOUR
    decimals = next((each for each in HOUR_DECIMALS if hours >= Decimal(10) ** (1 - each)), 6)
    return f"{hours:,.{decimals}f}" if seconds else ""


def as_json(*, query: CostQuery, user: User) -> dict[str, Any]:
    """Every figure of the page, all lines of each table; amounts are texts in US dollars, exact."""
    costs = Costs(query, user)
    return {
        "from": query.first,
        "to": query.last,
        "at": query.at,
        "total": _line_as_json(costs.total),
        "uncharged_yet_usd": f"{costs.ledger.living_idle_usd:f}",
        "so_far_usd": f"{costs.ledger.so_far.total_usd:f}",
        "by_day": [_line_as_json(line) for line in costs.days().lines],
        **{
            f"by_{section.key}": [_line_as_json(line) for line in section.lines]
            for section in costs.sections()
        },
        "other_kinds": [
            {"capacity": each.capacity, "usd": f"{each.usd:.9f}", "type": each.type_name}
            for each in other_kinds(costs.ledger.total.work)
        ],
    }


def _line_as_json(line: Line) -> dict[str, Any]:
    amounts = line.amounts
    return {
        "name": line.label,
        "key": line.key,
        "attempts": amounts.attempts,
        "vcpu_seconds": f"{amounts.work.vcpu_seconds:f}",
        "gib_seconds": f"{amounts.work.gib_seconds:f}",
        "usd": f"{amounts.usd:f}",
        "idle_usd": f"{amounts.idle_usd:f}",
        "total_usd": f"{amounts.total_usd:f}",
        "saving_usd": f"{amounts.saving_usd:f}",
        "rows": line.total.url,
    }


CSV_COLUMNS = (
    *("day", "environment", "capacity", "queue", "definition", "owner"),
    *("attempts", "vcpu_seconds", "gib_seconds", "usd", "idle_usd", "on_demand_usd"),
)


def as_csv(*, query: CostQuery, user: User) -> str:
    """One line for each day, environment, kind, queue, definition and owner; without a job, empty."""
    costs = Costs(query, user)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for cell, amounts in sorted(costs.ledger.cells.items(), key=lambda each: str(each[0])):
        named = [
            _cell_text(costs, name, getattr(cell, name))
            for name in ("environment", "capacity", "queue", "definition", "owner")
        ]
        work = amounts.work
        numbers = (work.vcpu_seconds, work.gib_seconds, amounts.usd, amounts.idle_usd)
        writer.writerow(
            [
                cell.day.isoformat(),
                *named,
                amounts.attempts,
                *(f"{number:f}" for number in (*numbers, amounts.on_demand_usd)),
            ]
        )
    return text.getvalue()


def _cell_text(costs: Costs, key: str, value: Any) -> str:
    if value is None or key == "capacity":
        return value or ""
    return plaintext.cell(costs.named(key, value).name)


def bars(days: Section) -> list[Bar]:
    """The chart of days: what attempts cost, and idle time above it."""
    highest = max((line.amounts.total_usd for line in days.lines), default=Decimal(0))
    # A single one would fill the whole chart and show nothing.
    if not highest or len(days.lines) < 2:
        return []
    width = 100 / len(days.lines)
    found = []
    for index, line in enumerate(days.lines):
        cost = float(line.amounts.usd / highest * 100)
        idle = float(line.amounts.idle_usd / highest * 100)
        found.append(
            Bar(
                line=line,
                x=round(index * width + width * 0.1, 3),
                width=round(width * 0.8, 3),
                cost_y=round(100 - cost, 3),
                cost_height=round(cost, 3),
                idle_y=round(100 - cost - idle, 3),
                idle_height=round(idle, 3),
            )
        )
    return found


def _with_parts(lines: Iterable[Line]) -> list[Line]:
    lines = list(lines)
    highest = max((line.amounts.total_usd for line in lines), default=Decimal(0))
    if not highest:
        return lines
    return [replace(line, part=round(float(line.amounts.total_usd / highest), 4)) for line in lines]


def _page_url(key: str, name: str) -> str:
    if key in ("queue", "environment"):
        return reverse(key, args=[name])
    if key == "definition":
        base, _, revision = name.rpartition(":")
        return reverse("definition", args=[base, int(revision)])
    return ""
