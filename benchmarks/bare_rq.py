"""RQ alone: some workers empty the queue "benchmark" and end. A part of `benchmarks.throughput`."""

import logging
import sys

import django_rq
from rq import Queue, SimpleWorker
from rq.worker_pool import WorkerPool


def main() -> None:
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    connection = django_rq.get_connection("launch")
    pool = WorkerPool(
        [Queue("benchmark", connection=connection)],
        connection=connection,
        num_workers=int(sys.argv[1]),
        worker_class=SimpleWorker,
    )
    pool.start(burst=True, logging_level="WARNING")


if __name__ == "__main__":
    main()
