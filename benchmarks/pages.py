"""How long the server takes for each page, and for its live parts, with a million jobs in the database.

    python -m benchmarks pages [--times 20] [--only WORD] [--user NAME] [--cpu]

`python -m benchmarks big_database` builds the database (BENCH_FOLDER as there; DATABASE_URL for PostgreSQL); what is
as large as it can be (`big.extremes`) is added to it. This process first does what a server does
before its first request (`jobs.web.warm`), so that a time has as much of Python's collector of garbage in it as that of
a user has. Each
line is a page: the median and the 95th percentile of its time from the request to the answer, through all of
Django's middleware; how many queries it takes; how large it is, and what is sent of that with gzip; then the same
for a renewal of all of its live parts at once, as a browser asks for them when its stream begins. Over 100 ms
at the 95th percentile counts as slow.

On a machine that is busy with other things, --cpu counts the seconds of CPU of this process in place of the clock's:
with SQLite that is all that is done. With PostgreSQL it is all but the database's own work, which is told by
the clock alone.

Between the pages the same loop of Python is timed, whose time is the machine's alone: where its 95th percentile is far
above its median, so are those of the pages.

At the end, beside an alternative: the list of jobs as Django's Paginator reads it (it counts, and skips by OFFSET).
"""

import argparse
import gzip
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks.big.addresses import Address, addresses
from benchmarks.big.extremes import make_extremes
from benchmarks.big.setting import ADMINISTRATOR, HEAVY_USER
from benchmarks.fresh import heading, machine, seconds_of
from jobs.models import Job
from jobs.selectors.jobs import visible_jobs
from jobs.selectors.listing.filters import JobFilters
from jobs.selectors.listing.pages import DEFAULT_PAGE_SIZE, list_jobs

LIMIT_MS = 100.0
LIVE_PART = re.compile(r'<div id="([^"]+)" class="bw-live[^"]*" data-live=')
HEAD = "median     p95  qry      kB   gzip"
Clock = Callable[[], float]
LOOPS = 100_000
Alternative = tuple[str, Callable[[], object], Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one page: times in seconds, the number of queries of the first answer, what the last one was."""

    seconds: list[float]
    queries: int
    body: bytes
    status: int

    def milliseconds(self, part: float) -> float:
        """A percentile of the times: the nearest rank."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered), max(1, round(part * len(ordered) + 0.499))) - 1]

    def text(self) -> str:
        """Under HEAD."""
        return (
            f"{self.milliseconds(0.5):6.1f} {self.milliseconds(0.95):7.1f} {self.queries:4} "
            f"{len(self.body) / 1000:7.1f} {len(gzip.compress(self.body, 6)) / 1000:6.1f}"
        )


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", default="", help="pages whose name has this word")
    parser.add_argument("--user", default="", help=f"{ADMINISTRATOR} or {HEAVY_USER}, or else both")
    parser.add_argument("--cpu", action="store_true", help="seconds of CPU in place of the clock's")
    options = parser.parse_args(arguments)
    make_extremes()
    # The whole server, and its warming up with it.
    import_module("batchweb.asgi")
    clock = time.process_time if options.cpu else time.perf_counter
    for name in [options.user] if options.user else [ADMINISTRATOR, HEAVY_USER]:
        user = User.objects.get(username=name)
        heading(f"{machine()}: pages for {name}, {options.times} times each")
        _measure_pages(user, options.times, options.only, clock)
        if not options.only:
            _measure_alternatives(user, options.times)


def _measure_pages(user: User, times: int, only: str, clock: Clock) -> None:
    print(f"  {'page':44} {HEAD}   live: {HEAD}")
    slow, loops = [], []
    for name, asked in addresses(user):
        if only not in name or not asked:
            continue
        page = _measure(user, asked, times, {}, clock)
        parts = LIVE_PART.findall(page.body.decode(errors="replace"))
        live = _measure(user, asked, times, _asking_for(parts), clock) if parts else None
        said = "" if page.status == 200 else f"  ({page.status})"
        print(f"  {name:44} {page.text()}         {live.text() if live else ''}{said}")
        sys.stdout.flush()
        loops += [seconds_of(_loop) for _ in range(3)]
        if any(each.milliseconds(0.95) > LIMIT_MS for each in (page, live) if each):
            slow.append(name)
    print(f"  over {LIMIT_MS:.0f} ms: {', '.join(slow) or 'none'}")
    machines = Measured(loops, 0, b"", 0)
    print(
        f"  the same loop of Python between them: {machines.milliseconds(0.5):.1f} ms, "
        f"p95 {machines.milliseconds(0.95):.1f} ms"
    )


def _loop() -> int:
    return sum(range(LOOPS))


def _asking_for(parts: Sequence[str]) -> dict[str, str]:
    return {"HX-Request": "true", "HX-Target": "body", "X-Live-Regions": " ".join(parts)}


def _measure(
    user: User, asked: Sequence[Address], times: int, headers: Mapping[str, str], clock: Clock
) -> Measured:
    """The addresses in turn. The first answer is not timed: what a server keeps, it has by then."""
    client = Client(headers={"Accept": "text/html", **headers}, raise_request_exception=False)
    client.force_login(user)
    with CaptureQueriesContext(connection) as captured:
        answer = _ask(client, asked[0])
        queries = len(captured)
    seconds, status = [], answer.status_code
    for number in range(times):
        begun = clock()
        answer = _ask(client, asked[number % len(asked)])
        body = _body(answer)
        seconds.append(clock() - begun)
    return Measured(seconds, queries, body, status)


def _ask(client: Client, address: Address) -> Any:
    if address.fields is not None:
        return client.post(address.path, address.fields, headers=address.headers)
    return client.get(address.path, headers=address.headers)


def _body(answer: Any) -> bytes:
    # What is streamed counts until it begins: the whole file is none of a page's.
    return b"" if answer.streaming else answer.content


def _measure_alternatives(user: User, times: int) -> None:
    print(f"  {'the rows of the list of jobs alone':44}    by key  by Paginator")
    for what, by_key, by_number in _alternatives(user):
        ours, other = _median_ms(by_key, times), _median_ms(by_number, max(times // 4, 3))
        print(f"  {what:44} {ours:6.1f} ms  {other:9.1f} ms  {other / ours:6.1f} times as long")


def _alternatives(user: User) -> Iterator[Alternative]:
    rows = visible_jobs(user).filter(parent__isnull=True).order_by("-id")
    rows = rows.select_related("queue", "definition", "owner", "array_summary")
    for what, narrowed, filters in (
        ("all jobs", rows, JobFilters()),
        ("succeeded", rows.filter(status="SUCCEEDED"), JobFilters(statuses=("SUCCEEDED",))),
        ("of a queue", rows.filter(queue__name="queue-00"), JobFilters(queue="queue-00")),
    ):
        yield _alternative(user, f"{what}, page 1", 0, narrowed, filters)
        yield _alternative(user, f"{what}, page 51", 50, narrowed, filters)


def _alternative(
    user: User, what: str, pages: int, rows: QuerySet[Job], filters: JobFilters
) -> Alternative:
    """Of the page behind so many."""
    skipped = pages * DEFAULT_PAGE_SIZE
    before = rows.values_list("id", flat=True)[skipped - 1] if skipped else None
    return (
        what,
        lambda: list_jobs(user=user, filters=filters, after=before, limit=DEFAULT_PAGE_SIZE),
        lambda: list(Paginator(rows, DEFAULT_PAGE_SIZE).get_page(pages + 1)),
    )


def _median_ms(action: Callable[[], object], times: int) -> float:
    action()
    return 1000 * statistics.median(seconds_of(action) for _ in range(times))
