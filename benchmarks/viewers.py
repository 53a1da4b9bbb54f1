"""How far behind 200 viewers of one live page are, with a million jobs in the database.

    python -m benchmarks viewers [--viewers 200] [--changes 10] [--every 4] [--page /jobs/] [--users 20]

`python -m benchmarks big_database` builds the database (BENCH_FOLDER as there; DATABASE_URL for PostgreSQL). A real
server (one process) has that many pages open, of 20 administrators; a job is written every few seconds, and each
viewer does what the browser does: it hears of the change and asks for the parts that show it. Measured is the time
from the change's commit until a viewer has the part with the new job in it.

The same again on a server that draws each viewer's parts for him alone; and with viewers who are no administrators,
of whom each user has jobs of his own to see: a change is then one job for each of them.

CPU time is the server's, and what all viewers took beside it: they are this one process, on the same machine.
"""

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import redis
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections, transaction

from benchmarks.big.viewer import Viewer
from benchmarks.fresh import heading, machine
from jobs import changes
from jobs.models import Job, JobSpec
from tests.builders import a_job

ADMINISTRATORS = 20
# The names of those who look begin with it.
VIEWER, USER = "viewer", "user-viewer"
SHARED, UNSHARED = "batchweb.settings.dev", "benchmarks.big.unshared"
NAME = "change"


@dataclass(frozen=True, slots=True)
class Viewing:
    """The sessions of those who look, and who gets a new job with each change."""

    cookies: list[str]
    owners: list[User]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one server: how far each viewer was behind each change, in seconds, and what that took."""

    behind: list[float]
    missed: int
    subscriptions: int
    server_seconds: float
    viewers_seconds: float
    kilobytes: float

    def text(self) -> str:
        ordered = sorted(self.behind) or [float("nan")]
        at = [ordered[min(len(ordered) - 1, int(part * len(ordered)))] for part in (0.5, 0.95)]
        return (
            f"{1000 * at[0]:7.0f} {1000 * at[1]:7.0f} {1000 * ordered[-1]:7.0f} ms   "
            f"{self.missed:5} missed   {self.subscriptions} subscription(s)   "
            f"{self.server_seconds:6.2f} s of CPU and {self.kilobytes:6.0f} kB a change   "
            f"(the viewers: {self.viewers_seconds:.2f} s)"
        )


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--changes", type=int, default=10)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between changes")
    parser.add_argument("--page", default="/jobs/", help="a page on which new jobs appear")
    parser.add_argument("--users", type=int, default=20, help="who they are in the third line")
    options = parser.parse_args(arguments)
    heading(f"{machine()}: {options.viewers} viewers of {options.page}, {options.changes} changes")
    print(f"  {'':22}  median     p95     max")
    medians = []
    with _viewing(VIEWER, ADMINISTRATORS, is_staff=True) as administrators:
        # All of them see all jobs, so one new job is enough.
        seen = replace(administrators, owners=administrators.owners[:1])
        for name, module in (("drawn once for all", SHARED), ("drawn for each", UNSHARED)):
            medians.append(_measure(name, options, seen, module))
    with _viewing(USER, options.users, is_staff=False) as users:
        _measure(f"drawn for {options.users} users", options, users, SHARED)
    print(f"  drawn for each, a viewer is {medians[1] / medians[0]:.1f} times as far behind")


def _measure(name: str, options: argparse.Namespace, who: Viewing, module: str) -> float:
    outcome = asyncio.run(_watch(options, who, module))
    print(f"  {name:22} {outcome.text()}")
    sys.stdout.flush()
    return statistics.median(outcome.behind or [float("nan")])


@contextmanager
def _viewing(name: str, count: int, *, is_staff: bool) -> Iterator[Viewing]:
    """Users with sessions, who are there for as long as this lasts."""
    # A run that was killed has left them.
    _remove(name)
    users = [User(username=f"{name}-{number:02}", is_staff=is_staff) for number in range(count)]
    users = User.objects.bulk_create(users)
    sessions = []
    for user in users:
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.create()
        sessions.append(session)
    try:
        keys = [f"{settings.SESSION_COOKIE_NAME}={session.session_key}" for session in sessions]
        yield Viewing(cookies=keys, owners=users)
    finally:
        for session in sessions:
            session.delete()
        _remove(name)


def _remove(name: str) -> None:
    """Removes the users of that name, and what was made for them."""
    users = User.objects.filter(username__startswith=f"{name}-")
    made = list(Job.objects.filter(owner__in=users).values_list("id", "spec_id"))
    Job.objects.filter(id__in=[job for job, _ in made]).delete()
    JobSpec.objects.filter(id__in=[spec for _, spec in made]).delete()
    users.delete()


async def _watch(options: argparse.Namespace, who: Viewing, module: str) -> Outcome:
    with _server(module) as (port, pid):
        viewers = [
            Viewer(port, options.page, who.cookies[number % len(who.cookies)])
            for number in range(options.viewers)
        ]
        tasks = []
        for viewer in viewers:
            tasks.append(asyncio.create_task(viewer.watch()))
            # Not all at once: that would be another benchmark.
            await asyncio.wait_for(viewer.ready.wait(), 60)
        await asyncio.sleep(2)
        begun, own, behind, missed = _cpu_seconds(pid), time.process_time(), [], 0
        for number in range(options.changes):
            found = await _change(viewers, f"{NAME}-{number:02}", who.owners, options.every)
            behind += found
            missed += len(viewers) - len(found)
        used = (_cpu_seconds(pid) - begun) / options.changes
        own = (time.process_time() - own) / options.changes
        subscriptions = await asyncio.to_thread(_subscriptions)
        failed = [task.exception() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if failed:
        sys.exit(f"{len(failed)} viewers failed, the first with {failed[0]!r}")
    received = sum(viewer.received for viewer in viewers) / 1000 / options.changes
    return Outcome(behind, missed, subscriptions, used, own, received)


async def _change(
    viewers: list[Viewer], name: str, owners: list[User], seconds: float
) -> list[float]:
    """New jobs; how far behind those viewers were who saw one before the next ones come."""
    for viewer in viewers:
        viewer.wanted = name
    committed = await asyncio.to_thread(_write, name, owners)
    await asyncio.sleep(seconds)
    return [viewer.seen.pop(name) - committed for viewer in viewers if name in viewer.seen]


def _write(name: str, owners: list[User]) -> float:
    template = Job.objects.filter(array_size__isnull=True).order_by("-id")[0]
    of = {"name": name, "queue": template.queue, "definition": template.definition}
    with transaction.atomic():
        jobs = [a_job(owner=owner, **of) for owner in owners]
        changes.publish([changes.JOBS, *(changes.job_topic(job.id) for job in jobs)])
    now = time.monotonic()
    connections.close_all()
    return now


def _subscriptions() -> int:
    client = redis.Redis.from_url(settings.REDIS_URL)
    found = client.pubsub_numsub(changes.CHANGES_CHANNEL)
    client.close()
    return int(found[0][1])


@contextmanager
def _server(module: str) -> Iterator[tuple[int, int]]:
    """One process of the web server: its port and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "batchweb.asgi:application", f"--port={port}"]
    command += [
        "--no-proxy-headers",
        "--no-access-log",
        "--log-level=critical",
        "--timeout-graceful-shutdown=2",
    ]
    server = subprocess.Popen(command, env={**os.environ, "DJANGO_SETTINGS_MODULE": module})
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > until or server.poll() is not None:
                sys.exit("the web server does not start")
            time.sleep(0.1)
        yield port, server.pid
    finally:
        server.terminate()
        server.wait(20)


def _cpu_seconds(pid: int) -> float:
    """What a process has used of CPUs so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
