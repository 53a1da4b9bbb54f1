"""The alternative of `benchmarks.simulation`, run by itself where SimPy is: FILE.csv NODES VCPUS GIB.

One dispatcher serves a first-in-first-out queue; the head waits until a machine holds it. Prints how many seconds it
took, and the mean wait.
"""

import csv
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import simpy


class Machines:
    """What is free, and who waits for it."""

    def __init__(self, env: Any, count: int, vcpus: float, memory_mib: float) -> None:
        self.env = env
        self.free = [[vcpus, memory_mib] for _ in range(count)]
        self.waiting: deque[tuple[float, float, float, float]] = deque()
        self.waits: list[float] = []

    def dispatch(self) -> None:
        """Starts from the head of the queue what there is room for."""
        while self.waiting:
            submitted, vcpus, memory_mib, seconds = self.waiting[0]
            there = next((f for f in self.free if f[0] >= vcpus and f[1] >= memory_mib), None)
            if there is None:
                return
            self.waiting.popleft()
            there[0] -= vcpus
            there[1] -= memory_mib
            self.waits.append(self.env.now - submitted)
            self.env.process(self.run(there, vcpus, memory_mib, seconds))

    def run(self, there: list[float], vcpus: float, memory_mib: float, seconds: float) -> Any:
        """A job holds its room until it ends."""
        yield self.env.timeout(seconds)
        there[0] += vcpus
        there[1] += memory_mib
        self.dispatch()


def arrive(env: Any, machines: Machines, tasks: list[tuple[float, float, float, float]]) -> Any:
    """Jobs come when they were submitted."""
    for task in tasks:
        if task[0] > env.now:
            yield env.timeout(task[0] - env.now)
        machines.waiting.append(task)
        machines.dispatch()


def main(path: str, nodes: int, vcpus: int, gib: int) -> None:
    """Reads, simulates, and prints."""
    columns = ("submitted", "vcpus", "memory_mib", "run_seconds")
    with Path(path).open(newline="") as file:
        tasks = [tuple(float(row[name]) for name in columns) for row in csv.DictReader(file)]
    begun = time.perf_counter()
    env = simpy.Environment()
    machines = Machines(env, nodes, vcpus, gib * 1024)
    env.process(arrive(env, machines, tasks))  # type: ignore[arg-type]
    env.run()
    print(time.perf_counter() - begun, sum(machines.waits) / len(machines.waits))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
