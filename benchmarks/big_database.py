"""Builds the large database that pages are measured on.

    [BENCH_FOLDER=var/big] python -m benchmarks big_database [--jobs 1000000]

A million jobs in a year, of 50 users in 20 queues, with 10 arrays of 10,000 among them and some 2,000 that are not
over; five million transitions, and with them attempts, reasons of waiting, costs, metrics and the words of search. It
is `big.sqlite3` in BENCH_FOLDER, or the PostgreSQL database that DATABASE_URL names, which is emptied
first. Everything is drawn from a seed: two builds differ only in the moment at which the year ends.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import datetime

from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from benchmarks.big.added_up import AddedUp
from benchmarks.big.campaigns import JOBS, campaigns
from benchmarks.big.history import History
from benchmarks.big.loading import reset_ids, without_indices
from benchmarks.big.setting import make_setting
from benchmarks.fresh import analyze, heading, large_folder, machine
from benchmarks.search import cut_blocks
from jobs.domain.metric_ranges import floor_to
from jobs.models import FollowMark, MetricSpan, Transition
from jobs.models.metric import METRICS_MARK
from jobs.services.costs.rollup import add_up_costs


def main(arguments: Sequence[str]) -> None:
    """Builds it, and says what it holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=JOBS)
    options = parser.parse_args(arguments)
    begun = time.perf_counter()
    heading(f"{machine()}: a database of {options.jobs:,} jobs")
    _empty()
    _build(options.jobs)
    sys.stdout.write(f"  built in {time.perf_counter() - begun:.0f} s\n")


def _empty() -> None:
    if connection.vendor == "sqlite":
        connection.close()
        for file in large_folder().glob("big.sqlite3*"):
            file.unlink()
    else:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)


def _note_counted(at: datetime) -> None:
    """What the workers of metrics do behind the history."""
    newest = Transition.objects.aggregate(newest=Max("id"))["newest"] or 0
    values = {"transition_id": newest, "until": floor_to(at, MetricSpan.MINUTE)}
    FollowMark.objects.update_or_create(name=METRICS_MARK, defaults=values)


def _build(jobs: int) -> None:
    at = timezone.now()
    now = at.timestamp()
    setting = make_setting(at)
    added_up = AddedUp(setting, now)
    history = History(setting, added_up, now)
    with without_indices(), transaction.atomic():
        for campaign in campaigns(now, jobs=jobs):
            history.write(campaign)
        history.finish()
        added_up.finish()
    reset_ids()
    cut_blocks()
    _note_counted(at)
    while add_up_costs(now=at):
        pass
    analyze()
    for table in (*history.tables(), *added_up.tables()):
        sys.stdout.write(f"  {table.name:24} {table.written:>10,} rows\n")
