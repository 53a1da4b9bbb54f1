"""Jobs a second from submit to SUCCEEDED on an engine that costs nothing, beside bare RQ.

    python -m benchmarks throughput [--jobs 5000] [--rounds 3] [--workers 2]

A whole installation (scheduler, workers, supervisor, Redis, a database) runs jobs on the fake engine,
which exists for tests and benchmarks only: its containers end at once, so what is measured is ours alone.
The same number of jobs is submitted as one array, and one by one. The alternative in the same run is RQ
alone: as many tasks that do nothing, with as many workers. DATABASE_URL chooses the database (it is
emptied). Prints the CPU time of each process per job as well: where the time goes.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import django_rq
from django.contrib.auth.models import User
from django.utils import timezone
from rq import Queue

from benchmarks.fresh import heading, machine
from jobs.domain.states import LIVE
from jobs.models import Job, JobStatus
from jobs.services.requests.submit import submit_job
from tests.builders import a_definition, a_queue, a_user, an_engine, an_environment

PATIENCE_SECONDS = 600
POLL_SECONDS = 0.02
# Slurm's published sustained throughput: the aim.
AIM = 500
TICKS = os.sysconf("SC_CLK_TCK")


class Processes:
    """The processes of an installation, with the fake engine's own."""

    def __init__(self, workers: int) -> None:
        self._socket = Path(os.environ["BATCHWEB_VAR"]) / "fake.sock"
        self._workers = workers
        self._all: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def engine_url(self) -> str:
        return f"fake+unix://{self._socket}"

    def __enter__(self) -> Self:
        size = ("--nodes", "1", "--vcpus", "256", "--memory-gib", "1024")
        server = self._start("fake engine", "-m", "jobs.engines.fake.server", self._socket, *size)
        assert server.stdout is not None
        assert server.stdout.readline().strip() == b"ready"
        return self

    def start_installation(self) -> None:
        self._start("scheduler", "manage.py", "scheduler")
        self._start("supervisor", "manage.py", "supervisor")
        workers = ("--num-workers", str(self._workers), "--pull-workers", "1")
        self._start("workers", "manage.py", "workers", *workers)

    def _start(self, name: str, *arguments: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, *map(str, arguments)]
        process = self._all[name] = subprocess.Popen(command, stdout=subprocess.PIPE)
        return process

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in reversed(self._all.values()):
            process.send_signal(signal.SIGTERM)
        for process in self._all.values():
            process.wait(30)

    def cpu_seconds(self) -> dict[str, float]:
        """What each has used so far, its children included; and this process, which submits."""
        used = {name: _cpu_seconds(process.pid) for name, process in self._all.items()}
        return {**used, "submit": time.process_time()}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(map(_cpu_seconds, map(int, children)))


def run_array(fields: dict[str, object], owner: User, jobs: int) -> float:
    """Seconds from the submit of one array to its end."""
    begun = time.perf_counter()
    parent = submit_job(owner=owner, fields={**fields, "array_size": jobs}, now=timezone.now())
    _wait(lambda: Job.objects.filter(id=parent.id, status__in=LIVE).exists())
    elapsed = time.perf_counter() - begun
    assert Job.objects.filter(parent=parent, status=JobStatus.SUCCEEDED).count() == jobs
    return elapsed


def run_singles(fields: dict[str, object], owner: User, jobs: int) -> float:
    """Seconds from the submit of the first of so many jobs to the end of the last."""
    begun = time.perf_counter()
    ids = [submit_job(owner=owner, fields=fields, now=timezone.now()).id for _ in range(jobs)]
    _wait(lambda: Job.objects.filter(status__in=LIVE).exists())
    elapsed = time.perf_counter() - begun
    ended = Job.objects.filter(id__gte=ids[0], id__lte=ids[-1], status=JobStatus.SUCCEEDED)
    assert ended.count() == jobs
    return elapsed


def run_rq(jobs: int, workers: int) -> float:
    """Seconds for as many tasks that do nothing."""
    queue = Queue("benchmark", connection=django_rq.get_connection("launch"))
    tasks = [Queue.prepare_data("math.sqrt", args=(4,), result_ttl=0) for _ in range(jobs)]
    begun = time.perf_counter()
    queue.enqueue_many(tasks)
    command = [sys.executable, "-m", "benchmarks.bare_rq", str(workers)]
    subprocess.run(command, check=True)
    return time.perf_counter() - begun


def _wait(goes_on: object) -> None:
    assert callable(goes_on)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while goes_on():
        if time.monotonic() > deadline:
            sys.exit(f"not ended within {PATIENCE_SECONDS} s")
        time.sleep(POLL_SECONDS)


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    owner = a_user()
    with Processes(options.workers) as processes:
        queue = a_queue(
            an_environment(engine=an_engine(url=processes.engine_url, status="UNKNOWN"))
        )
        definition = a_definition(
            image="fake/sh", command=["exit", "0"], milli_vcpus=1000, memory_mib=64
        )
        fields: dict[str, object] = {
            "name": "noop",
            "queue": queue.name,
            "definition": definition.name,
        }
        processes.start_installation()
        # Everything has been loaded and connected once before it is measured.
        run_array(fields, owner, 50)
        heading(
            f"{machine()}: {options.jobs} jobs, {options.workers} workers, {options.rounds} rounds"
        )
        rates: dict[str, list[float]] = {"one array": [], "one by one": [], "bare RQ": []}
        cpu: dict[str, dict[str, float]] = {}
        for _ in range(options.rounds):
            for name, run in (("one array", run_array), ("one by one", run_singles)):
                before = processes.cpu_seconds()
                rates[name].append(options.jobs / run(fields, owner, options.jobs))
                after = processes.cpu_seconds()
                cpu[name] = {each: after[each] - before[each] for each in after}
            rates["bare RQ"].append(options.jobs / run_rq(options.jobs, options.workers))
    for name, values in rates.items():
        spread = f"{statistics.median(values):8.1f}  ({min(values):.1f} to {max(values):.1f})"
        print(f"  {name:12} {spread} a second")
    bare = statistics.median(rates["bare RQ"])
    for name in ("one array", "one by one"):
        rate = statistics.median(rates[name])
        print(f"  {name}: {rate / bare:.2f} of bare RQ; {rate / AIM:.2f} of the aim of {AIM}")
        used = ", ".join(
            f"{each} {1000 * seconds / options.jobs:.2f}" for each, seconds in cpu[name].items()
        )
        print(f"    CPU a job, in ms: {used}")
