"""What the overview and its live parts are drawn from."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from jobs.selectors import costs, environments, metrics, overview, queues
from jobs.selectors.budgets import warnings_seen

from . import alarms
from .budgets import warnings
from .charts import Chart
from .lazily import lazily
from .monitoring import queue_depth, running_vcpus

CHARTS_OF = "6h"


def build(*, user: User, now: datetime) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    since = overview.hour_before(now)
    return {
        "counts": lazily(lambda: overview.live_counts(user=user)),
        "running": lazily(lambda: overview.placed_jobs(user=user)),
        "queues": lazily(lambda: queues.list_queues().rows),
        "environments": lazily(lambda: environments.list_environments().rows),
        "failures": lazily(lambda: overview.failures(user=user, since=since)),
        "costs": lazily(lambda: costs.month_so_far(user=user, now=now)),
        "budget_warnings": warnings(lambda: warnings_seen(user=user)),
        "alarms": alarms.raised(),
        "feed": lazily(lambda: overview.feed(user=user)),
        "charts": lazily(lambda: _charts(now)),
    }


def _charts(now: datetime) -> list[Chart]:
    span = metrics.range_of(CHARTS_OF, now)
    return [
        running_vcpus(
            metrics.environment_series(environment_ids=None, span=span), span, is_small=True
        ),
        queue_depth(metrics.queue_series(queue_ids=None, span=span), span, is_small=True),
    ]


def as_json(*, user: User, now: datetime) -> dict[str, Any]:
    """The numbers of the overview."""
    context = build(user=user, now=now)
    return {
        "jobs": context["counts"](),
        # 1000 stands for that many or more.
        "failed_last_hour": context["failures"]().count,
        "ended_on_request_last_hour": context["failures"]().on_request,
        "cost_today_usd": str(context["costs"]().today_usd),
        "cost_this_month_usd": str(context["costs"]().month_usd),
        "queues": [{"name": row.queue.name, "jobs": row.counts} for row in context["queues"]()],
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
