"""A week of 100,000 jobs, simulated: ours through the scheduler's `decide`, beside a plain queue model in SimPy.

    python -m benchmarks simulation [--jobs 100000] [--nodes 6]

SimPy's model (version 4, in an environment of its own) is what is written in an afternoon: first in, first
out, each job to the first machine that holds it, no priorities, backfill, reservations, instances or prices. So it
tells what the questions of a planner cost beyond moving a clock. Both get the same jobs. No database is touched.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fresh import heading, machine
from jobs.domain.resources import Resources
from jobs.scheduling.simulation.generate import generate
from jobs.scheduling.simulation.replay import simulate
from jobs.scheduling.simulation.scenario import Scenario
from jobs.scheduling.simulation.workload_csv import write_workload
from jobs.scheduling.snapshot import Kind, TypeView
from jobs.selectors.instance_types import types_named
from jobs.selectors.passes.capacity import type_view
from jobs.services.setup.instance_catalogue import load_instance_types, shipped_rows
from tests.uv import find_uv

SIMPY = "simpy==4.1.2"
MODEL = Path(__file__).with_name("simulation_simpy.py")
NODE = (64, 256)
AIM_SECONDS = 60.0


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--nodes", type=int, default=6)
    options = parser.parse_args(arguments)
    workload = generate(jobs=options.jobs, days=7, seed=1, attempts=3)
    heading(
        f"{machine()}: a week of {options.jobs} jobs on {options.nodes} machines of "
        f"{NODE[0]} vCPUs and {NODE[1]} GiB, one process"
    )
    simpy = _simpy_seconds(write_workload(workload), options.nodes)
    print(f"  SimPy, first in, first out   {simpy[0]:7.1f} s   mean wait {simpy[1]:6.0f} s")
    for scenario in _scenarios(options.nodes):
        begun = time.perf_counter()
        outcome = simulate(workload, scenario)
        took = time.perf_counter() - begun
        print(
            f"  {scenario.name:28} {took:7.1f} s   mean wait {outcome.waits.mean:6.0f} s   "
            f"{took / simpy[0]:5.1f} times SimPy   (aim: within {AIM_SECONDS:.0f} s)"
        )
        sys.stdout.flush()


def _scenarios(nodes: int) -> list[Scenario]:
    there = (Resources(NODE[0] * 1000, NODE[1] * 1024),) * nodes
    types = _types()
    return [
        Scenario("UNMANAGED", there),
        Scenario(
            "EC2 BEST_FIT_PROGRESSIVE",
            there,
            kind=Kind.EC2,
            strategy="BEST_FIT_PROGRESSIVE",
            types=types,
        ),
        Scenario(
            "SPOT PRICE_CAPACITY",
            there,
            kind=Kind.SPOT,
            strategy="SPOT_PRICE_CAPACITY_OPTIMIZED",
            types=types,
        ),
    ]


def _types() -> tuple[TypeView, ...]:
    load_instance_types(rows=shipped_rows())
    return tuple(type_view(row) for row in types_named(["optimal"]))


def _simpy_seconds(workload: str, nodes: int) -> tuple[float, float]:
    """How long the model took, without its imports and reading, and the mean wait that it found."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "week.csv"
        path.write_text(workload)
        answer = subprocess.run(
            [
                *(find_uv(), "run", "--quiet", "--no-project", "--with", SIMPY),
                *("python", str(MODEL), str(path), str(nodes), str(NODE[0]), str(NODE[1])),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    seconds, wait = answer.split()
    return float(seconds), float(wait)
