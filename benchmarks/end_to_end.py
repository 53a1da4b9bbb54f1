"""Jobs per second end to end, and the latency from submit to start, beside a bare docker-py loop.

    python -m benchmarks end_to_end [--jobs 60] [--rounds 3]

Both run the same no-op container with the same limits on the same Docker Engine, in turn, in one run:

- the bare loop creates, starts, waits for, reads the log of and removes each container, in 1, 2, 4 and 8
  threads, of which the best counts;
- Batchweb is a whole installation (web, scheduler, workers, supervisor, Redis, SQLite) to which one
  client submits over HTTP; the clock stops when the last job is SUCCEEDED, its log stored and its
  container removed.

Prints the medians over the rounds, their ratio, the added latency at idle, and the idle memory of all
processes together (PSS: memory that processes share counts once).
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import docker
from docker import APIClient

from tests.images import busybox_image
from tests.installation import COMMANDS, Installation

MILLI_VCPUS = 250
MEMORY_MIB = 32
COMMAND = ["true"]
THREADS = (1, 2, 4, 8)
LATENCY_ROUNDS = 12


class Bare:
    """What anybody would write first: docker-py, a loop, threads."""

    def __init__(self, url: str, image: str) -> None:
        self._url = url
        self._image = image
        client = APIClient(base_url=url)
        # A name of this run's own: one that was broken off may have left another behind.
        self._network = f"batchweb-benchmark-{os.getpid()}"
        client.create_network(self._network)
        client.close()

    def close(self) -> None:
        client = APIClient(base_url=self._url)
        client.remove_network(self._network)
        client.close()

    def create(self, client: APIClient) -> str:
        limits = client.create_host_config(
            nano_cpus=MILLI_VCPUS * 1_000_000,
            mem_limit=MEMORY_MIB * 1024**2,
            memswap_limit=MEMORY_MIB * 1024**2,
            network_mode=self._network,
            security_opt=["no-new-privileges"],
            pids_limit=4096,
        )
        made = client.create_container(self._image, COMMAND, host_config=limits)
        return str(made["Id"])

    def run_one(self, client: APIClient) -> None:
        container_id = self.create(client)
        client.start(container_id)
        client.wait(container_id)
        client.logs(container_id)
        client.remove_container(container_id)

    def jobs_per_second(self, jobs: int, threads: int) -> float:
        def work(count: int) -> None:
            client = APIClient(base_url=self._url)
            for _ in range(count):
                self.run_one(client)
            client.close()

        shares = [jobs // threads + (number < jobs % threads) for number in range(threads)]
        begun = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, shares))
        return jobs / (time.perf_counter() - begun)

    def start_latency_ms(self) -> float:
        """From the wish to the moment at which the engine says that the container started."""
        client = APIClient(base_url=self._url)
        begun = time.time()
        container_id = self.create(client)
        client.start(container_id)
        started = client.inspect_container(container_id)["State"]["StartedAt"]
        client.wait(container_id)
        client.remove_container(container_id)
        client.close()
        return (_timestamp(started) - begun) * 1000


def _timestamp(text: str) -> float:
    """Seconds since the epoch; Docker writes nanoseconds, Python reads microseconds."""
    moment, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{moment}.{fraction[:6]:0<6}+00:00").timestamp()


def batchweb_jobs_per_second(installation: Installation, jobs: int, client: APIClient) -> float:
    fields = {
        "command": " ".join(COMMAND),
        "vcpus": str(MILLI_VCPUS / 1000),
        "memory_mib": str(MEMORY_MIB),
    }
    # The clock stops by the engine's own word that the last container is gone. To ask for the jobs
    # again and again would be work that nobody needs who follows them live.
    removals = client.events(
        decode=True, filters={"label": installation.containers_label, "event": "destroy"}
    )
    begun = time.perf_counter()
    ids = [installation.submit("noop", **fields) for _ in range(jobs)]
    for _ in range(jobs):
        next(removals)
    elapsed = time.perf_counter() - begun
    removals.close()
    ended = [installation.job(job_id) for job_id in ids]
    assert all(job["status"] == "SUCCEEDED" for job in ended)
    return jobs / elapsed


def batchweb_latency_ms(installation: Installation) -> float:
    begun = time.time()
    job_id = installation.submit("latency", command="true", vcpus="0.25", memory_mib="32")
    job = installation.wait_for(job_id)
    return (_timestamp(job["attempts"][0]["started_at"].replace("+00:00", "Z")) - begun) * 1000


def idle_memory_mib(installation: Installation) -> dict[str, float]:
    """Proportional set size of each process and all its children, in MiB."""

    def pss(pid: int) -> float:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        return 0.0

    return {name: sum(pss(pid) for pid in installation.pids(name)) for name in COMMANDS}


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)

    url = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    image = busybox_image(url)
    client = APIClient(base_url=url)
    bare = Bare(url, image)
    version = docker.from_env().version()["Version"]
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, Docker Engine {version}; "
        f"{options.jobs} no-op containers a round, {options.rounds} rounds"
    )
    with Installation(image=image) as installation:
        memory = idle_memory_mib(installation)
        by_threads: dict[int, list[float]] = {threads: [] for threads in THREADS}
        ours: list[float] = []
        for _ in range(options.rounds):
            for threads in THREADS:
                by_threads[threads].append(bare.jobs_per_second(options.jobs, threads))
            ours.append(batchweb_jobs_per_second(installation, options.jobs, client))
        bare_ms = [bare.start_latency_ms() for _ in range(LATENCY_ROUNDS)]
        ours_ms = [batchweb_latency_ms(installation) for _ in range(LATENCY_ROUNDS)]
    bare.close()
    client.close()

    medians = {threads: statistics.median(rates) for threads, rates in by_threads.items()}
    best = max(medians, key=lambda threads: medians[threads])
    rate = statistics.median(ours)
    print("\nJobs per second, median (min to max)")
    for threads, rates in by_threads.items():
        print(f"  bare docker-py, {threads} threads  {_spread(rates)}")
    print(f"  Batchweb                  {_spread(ours)}")
    print(f"  ratio to the best ({best} threads): {rate / medians[best]:.2f}   (aim: 0.9 or more)")
    print("\nFrom submit to the container's start at idle, in ms, median (min to max)")
    print(f"  bare docker-py  {_spread(bare_ms)}")
    print(f"  Batchweb        {_spread(ours_ms)}")
    added = statistics.median(ours_ms) - statistics.median(bare_ms)
    print(f"  added: {added:.0f} ms   (aim: under 150)")
    print("\nIdle memory (PSS), in MiB")
    for name, mib in memory.items():
        print(f"  {name:12} {mib:7.1f}")
    print(f"  {'together':12} {sum(memory.values()):7.1f}")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):8.2f}  ({min(values):.2f} to {max(values):.2f})"
