"""What an attempt uses against what it asked for, as charts and in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobs.domain import resources
from jobs.models import Attempt
from jobs.selectors.usage import UsagePoint, usage_over_time

from .charts import Chart, Curve

# From so much of what was asked for on, memory is nearly out.
NEARLY = 0.9


@dataclass(frozen=True, slots=True)
class Usage:
    """One resource: its chart, and in words its newest and its highest value drawn, and what was asked for."""

    chart: Chart
    label: str
    newest: str
    highest: str
    asked: str
    # A hint for who reads the chart; empty where there is nothing to say.
    hint: str = ""


def usage_of(attempt: Attempt | None, now: datetime) -> list[Usage]:
    """vCPUs and memory of an attempt; nothing while there are fewer than two samples."""
    points = usage_over_time(attempt, now=now) if attempt is not None else []
    if attempt is None or len(points) < 2:
        return []
    return [_cpu(attempt, points), _memory(attempt, points)]


def _cpu(attempt: Attempt, points: Sequence[UsagePoint]) -> Usage:
    values = [each.milli_vcpus for each in points]
    return _usage(
        "vCPUs",
        "vCPU",
        [value / 1000 for value in values],
        attempt.milli_vcpus / 1000,
        points,
        words=(values[-1], max(values), attempt.milli_vcpus),
        write=resources.format_vcpus,
        hint="",
    )


def _memory(attempt: Attempt, points: Sequence[UsagePoint]) -> Usage:
    values = [each.memory_mib for each in points]
    is_near = max(values) >= attempt.memory_mib * NEARLY
    return _usage(
        "Memory",
        "MiB",
        values,
        attempt.memory_mib,
        points,
        words=(values[-1], max(values), attempt.memory_mib),
        write=_in_words,
        hint="It came near its limit: with more it would be ended." if is_near else "",
    )


def _usage(
    label: str,
    unit: str,
    values: Sequence[float],
    asked: float,
    points: Sequence[UsagePoint],
    *,
    words: tuple[int, int, int],
    write: Callable[[int], str],
    hint: str,
) -> Usage:
    times = [round(each.at) for each in points]
    newest, highest, most = (write(each) for each in words)
    curves = [
        Curve("used", unit, values),
        Curve("asked for", unit, [asked] * len(values), dash=True),
    ]
    chart = Chart(
        key=f"use-{label.lower()}",
        title=label,
        kind="line",
        times=times,
        curves=curves,
        step=max((times[-1] - times[0]) // (len(times) - 1), 1),
    )
    return Usage(chart, label, newest, highest, most, hint)


def _in_words(mib: int) -> str:
    """Whole MiB are measured: 0 is not nothing."""
    return resources.format_memory(mib) if mib else "under 1 MiB"
