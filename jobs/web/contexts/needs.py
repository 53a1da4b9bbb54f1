"""Why a job waits, as bars: what it needs beside what is free, in each dimension."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.domain.resources import Resources, format_memory, format_vcpus
from jobs.domain.states import JobStatus
from jobs.models import Job
from jobs.selectors.waiting.free_room import EnvironmentRoom, free_room

WIDTH = 1000
NO_MACHINE = "It has no machine that is ready."
NO_INSTANCE = "It has no instance that takes jobs."


@dataclass(frozen=True, slots=True)
class NeedBar:
    """One dimension at one place. `used_width` of the bar is taken, `need_width` from there on is what the job needs;
    both in thousandths. `fits`: whether so much is free."""

    label: str
    words: str
    fits: bool
    used_width: int
    need_x: int
    need_width: int


@dataclass(frozen=True, slots=True)
class NeedsOf:
    """An environment's bars. `where` says which place they are of; `note` what they do not say."""

    environment: str
    where: str
    bars: list[NeedBar]
    note: str = ""

    @property
    def fits(self) -> bool:
        """Whether room alone would let the job start here."""
        return bool(self.bars) and all(bar.fits for bar in self.bars)


def needs_of(job: Job, now: datetime) -> list[NeedsOf]:
    """Of a RUNNABLE job, all environments of its queue, of which there are a few; nothing of any other."""
    if job.status != JobStatus.RUNNABLE:
        return []
    return [_needs(job, room) for room in free_room(job.queue_id, now)]


def needs_as_json(needs: Iterable[NeedsOf]) -> list[dict[str, Any]]:
    """The same for scripts: by environment, each dimension in words and whether so much is free."""
    return [
        {
            "environment": each.environment,
            "where": each.where,
            "note": each.note,
            "dimensions": [
                {"name": bar.label, "says": bar.words, "fits": bar.fits} for bar in each.bars
            ],
        }
        for each in needs
    ]


def _needs(job: Job, room: EnvironmentRoom) -> NeedsOf:
    if not room.is_usable:
        return NeedsOf(room.name, "", [], note="It is disabled or invalid, and takes no jobs.")
    if room.best is None:
        note = NO_INSTANCE if room.has_instances else NO_MACHINE
        return NeedsOf(room.name, "", [], note=f"{note} {_maximum(room)}".strip())
    need = Resources(job.milli_vcpus, job.memory_mib, job.gpus)
    place = room.best
    each = " a node" if job.node_count > 1 else ""
    bars = [
        _bar(
            f"vCPU{each}",
            need.milli_vcpus,
            place.free.milli_vcpus,
            place.capacity.milli_vcpus,
            format_vcpus,
        ),
        _bar(
            f"Memory{each}",
            need.memory_mib,
            place.free.memory_mib,
            place.capacity.memory_mib,
            format_memory,
        ),
    ]
    if need.gpus:
        bars.append(_bar(f"GPU{each}", need.gpus, place.free.gpus, place.capacity.gpus, str))
    if room.maximum is not None and not room.has_instances:
        whole = need.milli_vcpus * job.node_count
        bars.append(
            _bar("Its maximum", whole, room.maximum - room.used, room.maximum, format_vcpus)
        )
    where = f"on {place.name}"
    if room.places > 1:
        where += f", which has the most room of {room.places}"
    return NeedsOf(room.name, where, bars, note=_maximum(room))


def _maximum(room: EnvironmentRoom) -> str:
    if not room.has_instances or room.maximum is None:
        return ""
    have, most = format_vcpus(room.used), format_vcpus(room.maximum)
    return f"Its instances have {have} of at most {most} vCPU together."


def _bar(label: str, need: int, free: int, capacity: int, write: Callable[[int], str]) -> NeedBar:
    free = max(free, 0)
    used = max(capacity - free, 0)
    # What does not fit reaches beyond what there is, and is drawn to its end.
    whole = max(used + need, capacity, 1)
    x = round(used * WIDTH / whole)
    return NeedBar(
        label=label,
        words=f"needs {write(need)}; {write(free)} of {write(capacity)} free",
        fits=need <= free,
        used_width=x,
        need_x=x,
        need_width=max(round(need * WIDTH / whole), 4),
    )
