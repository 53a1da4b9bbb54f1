"""A made-up week of jobs that looks like a real one: busy days, quiet nights and weekends, arrays, long tails.

The mix is a table, so the load of a thousand jobs is about the same whatever the seed. The same arguments give the
same jobs, on any machine and with any Python.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from jobs.domain.resources import MIB_PER_GIB, MILLI, Resources

from .workload import QueueModel, Task, Workload, a_workload

SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 24 * SECONDS_PER_HOUR
# Most are submitted at this hour of the day (UTC), so many times the mean; as few in the middle of the night.
BUSIEST_HOUR = 14.0
SWING = 0.8
WEEKEND = 0.35
SATURDAY = 5
# Of so many submissions one is an array, of so many children at most.
ARRAYS = 0.04
LARGEST_ARRAY = 200
LEAST_SECONDS = 1.0
# No run is longer than so many times its kind's median: what people would have stopped.
LONGEST = 20.0


@dataclass(frozen=True, slots=True)
class JobKind:
    """Jobs of one definition: run times are log-normal around the median, `sigma` is their spread.

    Of all submissions, `weight` in relation to the sum of all weights are of this kind.
    """

    name: str
    weight: float
    vcpus: float
    gib: float
    median_seconds: float
    sigma: float
    queue: str

    @property
    def needs(self) -> Resources:
        return Resources(int(self.vcpus * MILLI), int(self.gib * MIB_PER_GIB))


# In the mean about 0.25 vCPU-hours a job. All sizes are pairs that Fargate has.
KINDS = (
    JobKind("thumbnail", 20, 0.25, 0.5, 12, 0.6, "interactive"),
    JobKind("convert", 14, 0.5, 1, 40, 0.8, "interactive"),
    JobKind("report", 12, 1, 2, 90, 0.7, "interactive"),
    JobKind("import", 14, 1, 4, 240, 0.9, "batch"),
    JobKind("clean", 14, 1, 2, 420, 0.8, "batch"),
    JobKind("align", 10, 2, 8, 480, 0.7, "batch"),
    JobKind("render", 7, 4, 8, 360, 0.8, "batch"),
    JobKind("features", 5, 2, 16, 600, 0.8, "batch"),
    JobKind("simulate", 2.5, 4, 16, 900, 0.9, "batch"),
    JobKind("train", 1, 8, 32, 1200, 0.8, "batch"),
    JobKind("assemble", 0.5, 16, 64, 1800, 0.6, "batch"),
)
QUEUES = (QueueModel("interactive", priority=10), QueueModel("batch", priority=1))


def generate(*, jobs: int, days: int, seed: int, attempts: int = 1) -> Workload:
    """So many jobs within so many days from a Monday on, all of them with that many attempts."""
    # Not for secrets: the same seed has to give the same jobs.
    draw = random.Random(seed)  # noqa: S311
    tasks: list[Task] = []
    bounds = list(accumulate(kind.weight for kind in KINDS))
    while len(tasks) < jobs:
        at = _moment(draw, days)
        kind = draw.choices(KINDS, cum_weights=bounds)[0]
        size = min(_size(draw), jobs - len(tasks))
        tasks += [_task(draw, kind, at, attempts) for _ in range(size)]
    return a_workload(tasks, queues=QUEUES)


def day_curve(seconds: float) -> float:
    """How busy a moment is: 1 is the mean of a weekday; between 0 and 1 + SWING. `seconds` from a Monday, 0:00."""
    hour = seconds % SECONDS_PER_DAY / SECONDS_PER_HOUR
    swing = 1 + SWING * math.cos((hour - BUSIEST_HOUR) / 24 * 2 * math.pi)
    is_weekend = int(seconds // SECONDS_PER_DAY) % 7 >= SATURDAY
    return swing * (WEEKEND if is_weekend else 1.0)


def _moment(draw: random.Random, days: int) -> float:
    """Drawn by the curve: what lies above it is thrown away and drawn again."""
    for at, height in _darts(draw, days):
        if height < day_curve(at):
            return at
    raise AssertionError


def _darts(draw: random.Random, days: int) -> Iterator[tuple[float, float]]:
    while True:
        yield round(draw.uniform(0, days * SECONDS_PER_DAY), 3), draw.uniform(0, 1 + SWING)


def _size(draw: random.Random) -> int:
    """How many jobs are submitted at once: one, or an array's children, small arrays more often."""
    if draw.random() >= ARRAYS:
        return 1
    return int(math.exp(draw.uniform(math.log(2), math.log(LARGEST_ARRAY + 1))))


def _task(draw: random.Random, kind: JobKind, at: float, attempts: int) -> Task:
    seconds = kind.median_seconds * math.exp(draw.gauss(0.0, kind.sigma))
    longest = kind.median_seconds * LONGEST
    return Task(
        submitted=at,
        needs=_NEEDS[kind.name],
        run_seconds=round(min(max(seconds, LEAST_SECONDS), longest), 3),
        queue=kind.queue,
        definition=kind.name,
        attempts=attempts,
    )


# One object for all jobs of a kind.
_NEEDS = {kind.name: kind.needs for kind in KINDS}
