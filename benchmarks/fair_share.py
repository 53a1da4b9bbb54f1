"""One scheduling pass of a fair-share queue with 500 shares, beside a first-in-first-out queue.

    python -m benchmarks fair_share [--shares 500] [--waiting 50000] [--passes 30]

The same number of jobs waits in either. Three jobs have ended before each pass, so that each places some.
DATABASE_URL chooses the database (it is emptied).
SQLite is measured as it runs in production, where nobody calls ANALYZE; PostgreSQL's autovacuum does that
by itself, so there it has been done.
"""

import argparse
import statistics
from collections.abc import Sequence

from benchmarks.fresh import analyze, heading, machine, spread_ms
from benchmarks.waiting import a_lease, a_template, add_waiting, seconds_of_passes
from jobs.models import JobQueue, SchedulingPolicy
from tests.builders import NOW, a_node, a_queue, an_environment

NODES = 8


def a_filled_queue(waiting: int, shares: int) -> JobQueue:
    """A queue with an environment of its own, in which so many jobs wait."""
    engine = a_node().engine
    for _ in range(NODES - 1):
        a_node(engine=engine)
    policy = None
    if shares:
        policy = SchedulingPolicy.objects.create(
            name=f"shares-{shares}",
            share_decay_seconds=3600,
            compute_reservation=5,
            share_distribution=[
                {"shareIdentifier": f"share{number}", "weightFactor": 1.0 + number % 3}
                for number in range(shares)
            ],
            created_at=NOW,
        )
    queue = a_queue(an_environment(engine=engine), scheduling_policy=policy)
    add_waiting(template=a_template(queue), queue=queue, count=waiting, shares=shares)
    return queue


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shares", type=int, default=500)
    parser.add_argument("--waiting", type=int, default=50_000)
    parser.add_argument("--passes", type=int, default=30)
    options = parser.parse_args(arguments)
    lease = a_lease()
    heading(f"{machine()}: one pass, {options.waiting} jobs wait, {options.passes} passes")
    medians = {}
    for name, shares in (("first in, first out", 0), (f"{options.shares} shares", options.shares)):
        queue = a_filled_queue(options.waiting, shares)
        analyze()
        times = seconds_of_passes(lease, options.passes)
        medians[name] = statistics.median(times)
        print(f"  {name:20} {spread_ms(times)}")
        # The next one is measured alone.
        queue.jobs.all().update(status="PENDING")
    first, second = medians.values()
    print(f"  fair share costs {second / first:.1f} times a pass of first in, first out")
