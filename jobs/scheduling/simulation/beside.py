"""The On-Demand work of others on the same engine: it takes what Spot work only has while nobody else wants it."""

import math
import random
from collections.abc import Iterator

from jobs.domain.resources import Resources

from .generate import BUSIEST_HOUR, SECONDS_PER_DAY, SECONDS_PER_HOUR
from .scenario import Scenario
from .workload import Task

# No queue of a workload has this name.
QUEUE = ""
DEFINITION = "on-demand"
MEAN_SECONDS = 3600.0
# The engine in so many pieces, each a job's; at most a quarter of the smallest machine.
PIECES = 64
PIECES_OF_A_NODE = 4


def work_beside(scenario: Scenario) -> Iterator[Task]:
    """Jobs without end, so many that they hold `on_demand_load` of the engine in the mean; none without a load.

    They come at random and take an hour in the mean (a queue of the form M/G/infinity, whose mean load is the rate
    of its arrivals times the mean length). The same scenario gives the same jobs.
    """
    night, day = scenario.on_demand_load
    if max(night, day) <= 0:
        return
    # Not for secrets: the same seed has to give the same jobs.
    draw = random.Random(f"beside {scenario.seed}")  # noqa: S311
    needs = piece_of(scenario)
    pieces = scenario.total.milli_vcpus / needs.milli_vcpus
    most = max(night, day) * pieces / MEAN_SECONDS
    at = 0.0
    while True:
        at += draw.expovariate(most)
        load = night + (day - night) * _daylight(at)
        seconds = max(draw.expovariate(1 / MEAN_SECONDS), 1.0)
        if draw.random() * max(night, day) < load:
            yield Task(round(at, 3), needs, round(seconds, 3), QUEUE, definition=DEFINITION)


def piece_of(scenario: Scenario) -> Resources:
    """What each of these jobs needs."""
    total = scenario.total
    smallest = min(node.milli_vcpus for node in scenario.nodes)
    milli_vcpus = max(1, min(total.milli_vcpus // PIECES, smallest // PIECES_OF_A_NODE))
    memory_mib = max(
        1,
        min(
            total.memory_mib * milli_vcpus // total.milli_vcpus,
            min(node.memory_mib for node in scenario.nodes) // PIECES_OF_A_NODE,
        ),
    )
    return Resources(milli_vcpus, memory_mib)


def _daylight(seconds: float) -> float:
    """0 in the middle of the night, 1 at the busiest hour."""
    hour = seconds % SECONDS_PER_DAY / SECONDS_PER_HOUR
    return (1 + math.cos((hour - BUSIEST_HOUR) / 24 * 2 * math.pi)) / 2
