"""What the overview and its live part are drawn from."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from jobs.selectors import costs, environments, overview, queues
from jobs.selectors.budgets import warnings_seen

from .budgets import warnings
from .lazily import lazily


def build(*, user: User, now: datetime) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    return {
        "counts": lazily(lambda: overview.live_counts(user=user)),
        "running": lazily(lambda: overview.placed_jobs(user=user)),
        "queues": lazily(lambda: queues.list_queues().rows),
        "environments": lazily(lambda: environments.list_environments().rows),
        "failures": lazily(lambda: overview.failures(user=user, since=overview.hour_before(now))),
        "costs": lazily(lambda: costs.month_so_far(user=user, now=now)),
        "budget_warnings": warnings(lambda: warnings_seen(user=user)),
        "feed": lazily(lambda: overview.feed(user=user)),
    }


def as_json(*, user: User, now: datetime) -> dict[str, Any]:
    """The numbers of the overview."""
    context = build(user=user, now=now)
    return {
        "jobs": context["counts"](),
        "failed_last_hour": context["failures"]().count,
        "cost_today_usd": str(context["costs"]().today_usd),
        "cost_this_month_usd": str(context["costs"]().month_usd),
        "environments": [
            {
                "name": row.environment.name,
                "used_milli_vcpus": row.used.milli_vcpus,
                "total_milli_vcpus": row.total.milli_vcpus,
                "used_memory_mib": row.used.memory_mib,
                "total_memory_mib": row.total.memory_mib,
            }
            for row in context["environments"]()
        ],
    }
