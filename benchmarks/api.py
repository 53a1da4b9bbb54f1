"""SubmitJob and DescribeJobs over HTTP, signed, with 8 clients, beside a moto server.

    python -m benchmarks api [--calls 2000] [--rounds 3] [--clients 8]

Both servers run on this machine, in turn, in one run, and are asked by the same clients: threads in two processes,
each with a connection that it keeps, that sign each request as botocore does (its SigV4Auth) and read
the whole answer. Batchweb is a whole installation (web, scheduler, workers, supervisor, Redis and the database
that DATABASE_URL names, else SQLite); the jobs ask for more than the machine has, so they are taken up and
wait, with a reason, while more come in. moto keeps them in memory. It prints calls a second and the 95th percentile of
their time, as medians over the rounds, and the ratio.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.fresh import heading
from benchmarks.moto import MotoServer
from tests.images import busybox_image
from tests.installation import Installation

PROCESSES = 2
QUEUE = "benchmark"
DEFINITION = "benchmark"
AIM_SUBMITS = 200


@dataclass(frozen=True)
class Target:
    """A server, and the key that it knows."""

    name: str
    url: str
    key: str
    secret: str
    definition: str
    queue: str


@dataclass(frozen=True)
class Measured:
    """What one round came to."""

    per_second: float
    p95_ms: float


def _client(target: Target, service: str = "batch") -> Any:
    # Its overloads, one for each service there is, say nothing of a name that is a variable.
    session: Any = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=target.url,
        region_name="us-east-1",
        aws_access_key_id=target.key,
        aws_secret_access_key=target.secret,
    )


class Caller:
    """One client: a connection that is kept, and what it signs with."""

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._url = target.url
        self._signer = SigV4Auth(Credentials(target.key, target.secret), "batch", "us-east-1")

    def post(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        path = f"/v1/{operation.lower()}"
        data = json.dumps(body)
        request = AWSRequest("POST", self._url + path, {"Content-Type": "application/json"}, data)
        self._signer.add_auth(request)
        self._connection.request("POST", path, data, dict(request.headers.items()))
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{operation}: {answer.status} {content[:300]!r}")
        value: dict[str, Any] = json.loads(content or b"{}")
        return value


def submit(caller: Caller, target: Target, number: int) -> object:
    return caller.post(
        "SubmitJob",
        {
            "jobName": f"job-{number}",
            "jobQueue": target.queue,
            "jobDefinition": target.definition,
            "containerOverrides": {
                "command": ["echo", str(number)],
                "environment": [{"name": "NUMBER", "value": str(number)}],
            },
        },
    )["jobId"]


def describe(caller: Caller, target: Target, number: int) -> object:
    ids = json.loads(os.environ["BENCHMARK_JOBS"])
    found = caller.post("DescribeJobs", {"jobs": [ids[number % len(ids)]]})["jobs"]
    if len(found) != 1:
        raise RuntimeError("a job was not found")
    return None


CALLS: dict[str, Callable[[Caller, Target, int], object]] = {
    "SubmitJob": submit,
    "DescribeJobs": describe,
}


def _work(
    name: str, target: Target, first: int, count: int, threads: int
) -> tuple[list[float], list[object]]:
    """So many calls in some threads: the seconds that each took, and what came back."""
    call = CALLS[name]

    def one(thread: int) -> tuple[list[float], list[object]]:
        caller = Caller(target)
        times, results = [], []
        for number in range(first + thread, first + count, threads):
            begun = time.perf_counter()
            results.append(call(caller, target, number))
            times.append(time.perf_counter() - begun)
        return times, results

    with ThreadPoolExecutor(threads) as pool:
        done = list(pool.map(one, range(threads)))
    return [each for times, _ in done for each in times], [each for _, out in done for each in out]


def measure(name: str, target: Target, calls: int, clients: int) -> tuple[Measured, list[object]]:
    """One round of calls from all clients."""
    share = calls // PROCESSES
    context = multiprocessing.get_context("spawn")
    with context.Pool(PROCESSES) as pool:
        # The first calls pay for imports and connections, of both sides alike.
        pool.starmap(_work, [(name, target, 0, clients, clients // PROCESSES)] * PROCESSES)
        begun = time.perf_counter()
        done = pool.starmap(
            _work,
            [(name, target, at * share, share, clients // PROCESSES) for at in range(PROCESSES)],
        )
        took = time.perf_counter() - begun
    times = sorted(each for part, _ in done for each in part)
    p95 = times[int(len(times) * 0.95)]
    return Measured(len(times) / took, p95 * 1000), [each for _, out in done for each in out]


@contextmanager
def batchweb(image_of: str) -> Iterator[Target]:
    """A whole installation."""
    environment = {name: os.environ[name] for name in ("DATABASE_URL",) if name in os.environ}
    image = busybox_image(image_of)
    with Installation(image=image, environment=environment) as installation:
        keys = installation.dev_env()
        target = Target(
            "Batchweb",
            installation.url,
            keys["AWS_ACCESS_KEY_ID"],
            keys["AWS_SECRET_ACCESS_KEY"],
            DEFINITION,
            "default",
        )
        _define(target)
        yield target


@contextmanager
def moto() -> Iterator[Target]:
    """A moto server with what a job needs."""
    with MotoServer() as server:
        target = Target("moto", server.url, "key", "secret", DEFINITION, QUEUE)
        role = _client(target, "iam").create_role(RoleName="batch", AssumeRolePolicyDocument="{}")
        client = _client(target)
        environment = client.create_compute_environment(
            computeEnvironmentName=QUEUE, type="UNMANAGED", serviceRole=role["Role"]["Arn"]
        )
        client.create_job_queue(
            jobQueueName=QUEUE,
            state="ENABLED",
            priority=1,
            computeEnvironmentOrder=[
                {"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}
            ],
        )
        _define(target)
        yield target


def _define(target: Target) -> None:
    _client(target).register_job_definition(
        jobDefinitionName=DEFINITION,
        type="container",
        containerProperties={
            "image": "busybox:1.36",
            "command": ["true"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "192"},
                {"type": "MEMORY", "value": "64"},
            ],
        },
    )


def rounds(target: Target, options: argparse.Namespace) -> dict[str, list[Measured]]:
    """All rounds of one server."""
    found: dict[str, list[Measured]] = {name: [] for name in CALLS}
    for _ in range(options.rounds):
        submitted, ids = measure("SubmitJob", target, options.calls, options.clients)
        found["SubmitJob"].append(submitted)
        os.environ["BENCHMARK_JOBS"] = json.dumps(ids[:200])
        described, _ = measure("DescribeJobs", target, options.calls, options.clients)
        found["DescribeJobs"].append(described)
    return found


def report(name: str, ours: Sequence[Measured], theirs: Sequence[Measured]) -> None:
    mine, other = (statistics.median(each.per_second for each in side) for side in (ours, theirs))
    print(f"  {name}")
    for who, side in (("Batchweb", ours), ("moto", theirs)):
        rates = sorted(each.per_second for each in side)
        p95 = statistics.median(each.p95_ms for each in side)
        print(
            f"    {who:9} {statistics.median(rates):7.1f} a second ({rates[0]:.1f} to {rates[-1]:.1f}),"
            f"  p95 {p95:6.1f} ms"
        )
    print(
        f"    ratio     {mine / other:7.2f}   (aim for SubmitJob: 1 or more, and {AIM_SUBMITS} a second)"
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args(arguments)
    heading(
        f"{os.cpu_count()} cores: {options.calls} calls, {options.clients} clients, {options.rounds} rounds"
    )
    with batchweb(os.environ.get("DOCKER_HOST", "")) as target:
        ours = rounds(target, options)
    with moto() as target:
        theirs = rounds(target, options)
    for name in CALLS:
        report(name, ours[name], theirs[name])
