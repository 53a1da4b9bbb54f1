"""One scheduling pass while 1,000, 100,000 and 1,000,000 jobs wait in 20 queues.

    python -m benchmarks scheduling_pass [--waiting 1000,100000,1000000] [--passes 30]

Each pass is a whole one: it takes up what is new, settles what has ended, reads its snapshot, decides, and
writes; three jobs have ended before each, so that each places some. The alternative in the same run is the
obvious pass, which reads all that waits and sorts it. DATABASE_URL chooses the database (it is emptied).
SQLite is measured as it runs in production, where nobody calls ANALYZE; PostgreSQL's autovacuum does that
by itself, so there it has been done.
"""

import argparse
import statistics
from collections.abc import Sequence

from benchmarks.fresh import analyze, heading, machine, seconds_of, spread_ms
from benchmarks.waiting import a_lease, a_template, add_waiting, seconds_of_passes
from jobs.models import Job, JobStatus
from tests.builders import a_node, a_queue, an_environment

QUEUES = 20
NODES = 8


def read_all() -> None:
    """What the obvious scheduler would do before it decides."""
    rows = Job.objects.filter(status=JobStatus.RUNNABLE).values_list(
        "id", "queue_id", "milli_vcpus", "memory_mib"
    )
    sorted(rows, key=lambda row: (row[1], row[0]))


def main(arguments: Sequence[str]) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--waiting", default="1000,100000,1000000")
    parser.add_argument("--passes", type=int, default=30)
    options = parser.parse_args(arguments)
    engine = a_node().engine
    for _ in range(NODES - 1):
        a_node(engine=engine)
    environment = an_environment(engine=engine)
    queues = [a_queue(environment, priority=number % 5) for number in range(QUEUES)]
    template = a_template(queues[0])
    lease = a_lease()
    heading(f"{machine()}: one pass, {NODES} nodes, {QUEUES} queues, {options.passes} passes")
    ours: list[float] = []
    obvious: list[float] = []
    for waiting in map(int, options.waiting.split(",")):
        missing = waiting - Job.objects.filter(status=JobStatus.RUNNABLE).count()
        for queue in queues:
            add_waiting(template=template, queue=queue, count=missing // QUEUES)
        analyze()
        times = seconds_of_passes(lease, options.passes)
        ours.append(statistics.median(times))
        obvious.append(seconds_of(read_all))
        print(
            f"  {waiting:>9} waiting: {spread_ms(times)}    reading all: {1000 * obvious[-1]:.1f} ms"
        )
    print(f"  ours, last to first: {ours[-1] / ours[0]:.2f}   (aim: within 1.5)")
    print(f"  reading all, last to first: {obvious[-1] / obvious[0]:.0f}")
