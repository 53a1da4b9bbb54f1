"""Scenarios in processes of their own, as many at once as there are processors."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from jobs.scheduling.simulation.outcome import Outcome
from jobs.scheduling.simulation.replay import simulate
from jobs.scheduling.simulation.scenario import Scenario
from jobs.scheduling.simulation.workload import Workload

Case = tuple[Workload, Scenario]


def simulate_all(cases: Sequence[Case], *, processes: int | None = None) -> Iterator[Outcome]:
    """The outcomes in the order of the cases, each as soon as it and those before it are there."""
    count = min(len(cases), processes or os.cpu_count() or 1)
    if count <= 1:
        for workload, scenario in cases:
            yield simulate(workload, scenario)
        return
    # Fresh ones: connections to the database, and threads, do not survive a fork.
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_simulate, cases)


def _simulate(case: Case) -> Outcome:
    return simulate(*case)
