"""Numbers by time as `static/js/charts.js` draws them; see templates/includes/chart.html."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Value = float | int | None


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart. A value of None is not known: the line has a gap there.

    `unit` is "s", "USD", "MiB", "vCPU", "%" or a word for what is counted, such as "jobs". `colour` is the end of the
    name of a CSS variable (`failed` of `--bw-failed`); without one, colours follow one another.
    """

    label: str
    unit: str
    values: Sequence[Value]
    colour: str = ""
    dash: bool = False

    def as_json(self) -> dict[str, Any]:
        """What the chart's JSON holds of it."""
        found: dict[str, Any] = {"label": self.label, "unit": self.unit, "values": self.values}
        if self.colour:
            found["colour"] = self.colour
        if self.dash:
            found["dash"] = True
        return found


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure of curves over the same times, in seconds since 1970. All are in the first one's unit.

    `kind`: "line", "area" (filled below), "stacked" (areas on top of each other) or "bars" (likewise). A point
    stands for `step` seconds from its time on. `start` and `end` are what the chart spans, if that is more than its
    times. With `zooms`, dragging over it puts the range into the page's URL as `from` and `to`, and renews the page's
    live parts; without it, it looks closer by itself. `is_utc`: times are told by UTC, not in the viewer's zone.
    """

    key: str
    title: str
    kind: str
    times: Sequence[int]
    curves: Sequence[Curve]
    step: int = 60
    start: int | None = None
    end: int | None = None
    zooms: bool = False
    is_small: bool = False
    is_utc: bool = False
    nothing: str = "Nothing is known of this time."

    @property
    def data(self) -> dict[str, Any]:
        """What `charts.js` draws."""
        found: dict[str, Any] = {
            "times": self.times,
            "series": [curve.as_json() for curve in self.curves],
            "step": self.step,
        }
        if self.start is not None and self.end is not None:
            found["range"] = {"start": self.start, "end": self.end}
        if self.is_utc:
            found["utc"] = True
        return found

    @property
    def is_empty(self) -> bool:
        return all(value is None for curve in self.curves for value in curve.values)

    @property
    def rows(self) -> Iterator[tuple[str, list[Value]]]:
        """Its numbers as a table, newest first, without times of which nothing is known."""
        for place in range(len(self.times) - 1, -1, -1):
            values = [curve.values[place] for curve in self.curves]
            if any(value is not None for value in values):
                yield f"{datetime.fromtimestamp(self.times[place], UTC):%Y-%m-%d %H:%M}", values
