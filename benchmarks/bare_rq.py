"""RQ alone: some workers empty the queue "benchmark" and end. A part of `benchmarks.throughput`."""

import logging
import sys

import django

django.setup()

import django_rq  # noqa: E402
from rq import Queue, SimpleWorker  # noqa: E402
from rq.worker_pool import WorkerPool  # noqa: E402


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
