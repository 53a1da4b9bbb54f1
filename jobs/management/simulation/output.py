"""What a simulation prints: a table for people, JSON and CSV for programs."""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from jobs.domain.resources import Resources
from jobs.scheduling.simulation.outcome import Outcome, Spread
from jobs.scheduling.simulation.workload import Workload

HEADINGS = (
    *("", "wait: mean", "median", "p95", "max", "USD", "saved"),
    *("interrupted", "lost vCPU-h", "instances", "hours", "idle", "use", "failed"),
)


def summary(workload: Workload) -> str:
    """What is replayed, in a line."""
    days = workload.span_seconds / 86_400
    return (
        f"{len(workload.tasks)} jobs within {days:.1f} days from {workload.starts_at:%Y-%m-%d %H:%M} on: "
        f"{workload.vcpu_hours:.0f} vCPU-hours of work."
    )


def machines(nodes: Sequence[Resources]) -> str:
    """What was imagined to run them on, in a line."""
    counts = Counter(nodes)
    listed = "; ".join(f"{count} of {size}" for size, count in counts.items())
    return f"Machines that are assumed (--node): {listed}."


def as_table(outcomes: Sequence[Outcome]) -> str:
    """A line for each, below them what was left undone, and what follows."""
    rows = [HEADINGS, *(_cells(each) for each in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *_left_undone(outcomes), *_conclusion(outcomes)])


def _left_undone(outcomes: Sequence[Outcome]) -> list[str]:
    """A line for all scenarios of which the same is to be said."""
    names: dict[tuple[int, str], list[str]] = {}
    for each in outcomes:
        if each.unfinished:
            names.setdefault((each.unfinished, each.why_unfinished), []).append(each.name)
    return [
        f"{', '.join(of)}: {unfinished} of {outcomes[0].jobs} jobs were not over at the end. {why}".rstrip()
        for (unfinished, why), of in names.items()
    ]


def _conclusion(outcomes: Sequence[Outcome]) -> list[str]:
    """The cheapest and the quickest of those in which most jobs got done; nothing where there is one only."""
    most = max(each.done for each in outcomes)
    compared = [each for each in outcomes if each.done == most]
    if len(compared) < 2:
        return []
    cheapest = min(compared, key=lambda each: each.usd)
    quickest = min(compared, key=lambda each: (each.waits.mean, each.usd))
    among = "" if len(compared) == len(outcomes) else f" of the {len(compared)} that got most done"
    return [
        "",
        f"Cheapest{among}: {cheapest.name}, {cheapest.usd:.2f} USD, {duration(cheapest.waits.mean)} of waiting "
        "in the mean.",
        f"Quickest{among}: {quickest.name}, {duration(quickest.waits.mean)} of waiting in the mean, "
        f"{quickest.usd:.2f} USD.",
    ]


def as_json(workload: Workload, outcomes: Sequence[Outcome], notes: Sequence[str]) -> str:
    """Money as text, so that nothing rounds it; times in seconds."""
    return json.dumps(
        {
            "workload": {
                "jobs": len(workload.tasks),
                "startsAt": workload.starts_at.isoformat(),
                "spanSeconds": workload.span_seconds,
                "vcpuHours": workload.vcpu_hours,
            },
            "outcomes": [_record(each) for each in outcomes],
            "notes": list(notes),
        },
        indent=2,
    )


def as_csv(outcomes: Sequence[Outcome]) -> str:
    """A line for each."""
    out = io.StringIO()
    records = [_flat(each) for each in outcomes]
    writer = csv.DictWriter(out, list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def duration(seconds: float) -> str:
    """For people: "8 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _cells(outcome: Outcome) -> tuple[str, ...]:
    waits = outcome.waits
    has_instances = bool(outcome.instances)
    return (
        outcome.name,
        duration(waits.mean),
        duration(waits.median),
        duration(waits.p95),
        duration(waits.longest),
        f"{outcome.usd:.2f}",
        f"{outcome.saving_usd:.2f}",
        str(outcome.interruptions),
        f"{outcome.lost_vcpu_hours:.1f}",
        str(outcome.instances) if has_instances else "–",
        f"{outcome.instance_hours:.0f}" if has_instances else "–",
        f"{outcome.idle_share:.0%}" if has_instances else "–",
        f"{outcome.use:.0%}",
        str(outcome.failed),
    )


def _record(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "jobs": outcome.jobs,
        "done": outcome.done,
        "failed": outcome.failed,
        "unfinished": outcome.unfinished,
        "whyUnfinished": outcome.why_unfinished,
        "waitSeconds": _spread(outcome.waits),
        "waitSecondsByQueue": {name: _spread(each) for name, each in outcome.waits_by_queue},
        "turnaroundSeconds": _spread(outcome.turnarounds),
        "usd": str(outcome.usd),
        "onDemandUsd": str(outcome.on_demand_usd),
        "savingUsd": str(outcome.saving_usd),
        "interruptions": outcome.interruptions,
        "lostVcpuHours": round(outcome.lost_vcpu_hours, 3),
        "instances": outcome.instances,
        "instanceHours": round(outcome.instance_hours, 3),
        "idleShare": round(outcome.idle_share, 4),
        "use": round(outcome.use, 4),
        "mostVcpus": outcome.most_vcpus,
        "simulatedSeconds": round(outcome.simulated_seconds, 3),
        "passes": outcome.passes,
    }


def _flat(outcome: Outcome) -> dict[str, Any]:
    record = _record(outcome)
    del record["waitSecondsByQueue"]
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{part}": number for part, number in value.items()}
        else:
            flat[name] = value
    return flat


def _spread(spread: Spread) -> dict[str, float]:
    return {
        "mean": round(spread.mean, 3),
        "median": round(spread.median, 3),
        "p95": round(spread.p95, 3),
        "max": round(spread.longest, 3),
    }
