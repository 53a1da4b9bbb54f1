"""What a process keeps for some seconds, so that pages need not work it out for each viewer."""

from jobs.selectors.costs.daily import kept_rest
from jobs.selectors.costs.ledger import kept_hours
from jobs.selectors.overview import kept_counts_of_owners, kept_failures
from jobs.selectors.queues import kept_counts
from jobs.selectors.waiting.earlier_runs import kept_runs
from jobs.selectors.waiting.groups import kept_groups, kept_sharing
from jobs.selectors.waiting.run_times import run_times
from jobs.selectors.waiting.snapshot import kept_snapshot


def forget_all() -> None:
    """As if the process had just begun."""
    counts = (kept_counts, kept_counts_of_owners)
    for kept in (
        run_times,
        *counts,
        kept_failures,
        kept_runs,
        kept_groups,
        kept_sharing,
        kept_snapshot,
        kept_rest,
        kept_hours,
    ):
        kept.forget()
