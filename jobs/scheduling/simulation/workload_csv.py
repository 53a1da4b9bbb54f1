"""Workloads as CSV files: one job a line, columns by their names in the first line.

Columns that must be there: `submitted` (seconds from the start, or a time such as 2026-01-05T14:00:00Z), `vcpus`,
`memory_mib`, `run_seconds`. Others, empty or left out for the usual: `gpus`, `queue`, `queue_priority` (one for all
jobs of a queue), `definition`, `attempts`, `share`, `scheduling_priority`, `timeout_seconds`, `nodes`.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from jobs.domain.resources import MILLI, Resources
from jobs.domain.retry import MAX_ATTEMPTS
from jobs.domain.validation import MAX_PROBLEMS, MIN_TIMEOUT_SECONDS, FieldError, and_more

from ..snapshot import FairShareView
from .workload import DEFAULT_QUEUE, DEFAULT_START, QueueModel, Task, Workload, a_workload

REQUIRED = ("submitted", "vcpus", "memory_mib", "run_seconds")
OPTIONAL = (
    "gpus",
    "queue",
    "queue_priority",
    "definition",
    "attempts",
    "share",
    "scheduling_priority",
    "timeout_seconds",
    "nodes",
)
COLUMNS = (*REQUIRED, *OPTIONAL)
MAX_JOBS = 1_000_000
# What no machine has and no run takes: slips of the keyboard.
MAX_VCPUS = 1_000
MAX_MEMORY_MIB = 16 * 1024 * 1024
MAX_SECONDS = 366 * 86_400
MAX_GPUS = 1000
MAX_NODES = 1000
MAX_PRIORITY = 1_000_000
MAX_SCHEDULING_PRIORITY = 9999
MAX_TEXT = 255

_Row = Mapping[str, str]
_Number = TypeVar("_Number", int, float)


def read_workload(text: str) -> Workload:
    """The workload that a file's text holds. Raises FieldError with the number of each line that is wrong."""
    # What spreadsheets write in front.
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), restval="")
    _check_header(reader.fieldnames or ())
    tasks: list[Task] = []
    moments: list[float] = []
    priorities: dict[str, int] = {}
    problems: list[str] = []
    absolute: set[bool] = set()
    for row in _rows(reader, problems):
        try:
            moment, is_absolute = _moment(row["submitted"])
            tasks.append(_task(row))
            absolute.add(is_absolute)
            moments.append(moment)
            _learn_priority(priorities, row)
        except FieldError as error:
            problems.append(f"Line {reader.line_num}: {error}")
    if len(absolute) > 1:
        problems.append("submitted is a time in some lines and seconds in others: use one of both.")
    _raise(problems)
    if not tasks:
        raise FieldError(
            "There is no job in it. Give one line for each, below the names of the columns."
        )
    return _workload(tasks, moments, priorities, is_absolute=True in absolute)


def write_workload(workload: Workload) -> str:
    """The text that `read_workload` reads back to the same jobs."""
    priorities = {queue.name: queue.priority for queue in workload.queues}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for task in workload.tasks:
        needs = task.needs
        writer.writerow(
            [
                f"{task.submitted:.3f}",
                f"{Decimal(needs.milli_vcpus) / MILLI:f}",
                needs.memory_mib,
                f"{task.run_seconds:.3f}",
                needs.gpus or "",
                task.queue,
                priorities[task.queue],
                task.definition,
                task.attempts,
                task.share,
                task.scheduling_priority or "",
                task.limit_seconds or "",
                task.nodes,
            ]
        )
    return out.getvalue()


def _check_header(names: Iterable[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise FieldError(
            f"The first line names no {', '.join(missing)}. It has to name the columns: "
            f"{', '.join(REQUIRED)}, and any of {', '.join(OPTIONAL)}."
        )
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise FieldError(f"There is no column {unknown[0]!r}. There are: {', '.join(COLUMNS)}.")


def _rows(reader: "csv.DictReader[str]", problems: list[str]) -> Iterator[_Row]:
    try:
        for count, row in enumerate(reader):
            if count == MAX_JOBS:
                problems.append(f"There are more than {MAX_JOBS} jobs. Split the file.")
                return
            if None in row:
                problems.append(
                    f"Line {reader.line_num} has more values than the first line names."
                )
                continue
            yield {name: value.strip() for name, value in row.items()}
    except csv.Error as error:
        problems.append(f"Line {reader.line_num} is no CSV: {error}.")


def _raise(problems: list[str]) -> None:
    if problems:
        shown = [*problems[:MAX_PROBLEMS], *and_more(len(problems) - MAX_PROBLEMS)]
        raise FieldError("\n".join(shown))


def _task(row: _Row) -> Task:
    vcpus = _number(row, "vcpus", 0.001, MAX_VCPUS)
    memory_mib = int(_number(row, "memory_mib", 1, MAX_MEMORY_MIB))
    limit = _whole(row, "timeout_seconds", 0, MIN_TIMEOUT_SECONDS, MAX_SECONDS)
    return Task(
        submitted=0.0,
        needs=Resources(round(vcpus * MILLI), memory_mib, _whole(row, "gpus", 0, 0, MAX_GPUS)),
        run_seconds=_number(row, "run_seconds", 0, MAX_SECONDS),
        queue=_text(row, "queue") or DEFAULT_QUEUE,
        # Jobs of one size are taken to be alike where nothing better is known.
        definition=_text(row, "definition") or f"{vcpus:g} vCPU, {memory_mib} MiB",
        attempts=_whole(row, "attempts", 1, 1, MAX_ATTEMPTS),
        share=_text(row, "share"),
        scheduling_priority=_whole(row, "scheduling_priority", 0, 0, MAX_SCHEDULING_PRIORITY),
        limit_seconds=limit or None,
        nodes=_whole(row, "nodes", 1, 1, MAX_NODES),
    )


def _learn_priority(priorities: dict[str, int], row: _Row) -> None:
    name = _text(row, "queue") or DEFAULT_QUEUE
    priority = _whole(row, "queue_priority", priorities.get(name, 1), 0, MAX_PRIORITY)
    if priorities.setdefault(name, priority) != priority:
        raise FieldError(
            f"queue_priority is {priority}, and {priorities[name]} in a line before: "
            f"give the queue {name} one priority."
        )


def _workload(
    tasks: list[Task], moments: list[float], priorities: Mapping[str, int], *, is_absolute: bool
) -> Workload:
    first = min(moments) if is_absolute else 0.0
    shared = {task.queue for task in tasks if task.share}
    queues = [
        QueueModel(name, priority, fair_share=FairShareView() if name in shared else None)
        for name, priority in priorities.items()
    ]
    return a_workload(
        (
            task._replace(submitted=round(moment - first, 3))
            for task, moment in zip(tasks, moments, strict=True)
        ),
        queues=queues,
        starts_at=datetime.fromtimestamp(first, UTC) if is_absolute else DEFAULT_START,
    )


def _moment(text: str) -> tuple[float, bool]:
    """Seconds, and whether they are a time of the calendar's."""
    try:
        seconds = float(text)
    except ValueError:
        return _time(text), True
    if not 0 <= seconds <= MAX_SECONDS:
        raise FieldError(
            f"submitted is {text[:40]!r}: give seconds from 0 to {MAX_SECONDS}, or a time."
        )
    return seconds, False


def _time(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FieldError(
            f"submitted is {text[:40]!r}: give seconds from the start, or a time such as "
            "2026-01-05T14:00:00Z."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(row: _Row, name: str, least: float, most: float) -> float:
    return _checked(row, name, least, most, float, "a number")


def _whole(row: _Row, name: str, usual: int, least: int, most: int) -> int:
    return _checked(row, name, least, most, int, "a whole number") if row.get(name) else usual


def _checked(
    row: _Row, name: str, least: float, most: float, read: Callable[[str], _Number], what: str
) -> _Number:
    text = row[name]
    refused = FieldError(f"{name} is {text[:40]!r}: give {what} from {least:g} to {most:g}.")
    try:
        value = read(text)
    except ValueError:
        raise refused from None
    if not math.isfinite(value) or not least <= value <= most:
        raise refused
    return value


def _text(row: _Row, name: str) -> str:
    text = row.get(name, "")
    if len(text) > MAX_TEXT:
        raise FieldError(f"{name} has at most {MAX_TEXT} characters.")
    return text
