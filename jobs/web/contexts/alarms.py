"""What the pages of alarms, their forms and their JSON are drawn from, and the banner of those that are raised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from jobs.domain import alarms as rules
from jobs.domain.errors import NotFound
from jobs.models import Alarm, AlarmChange, AlarmComparison, AlarmMetric
from jobs.selectors import alarms as selectors
from jobs.selectors.choices import queue_names
from jobs.selectors.environments import environment_names
from jobs.selectors.metrics import whole_until
from jobs.selectors.paging import Page
from jobs.services.setup.alarms import FIELDS, values_of

from .charts import Chart, Curve
from .forms import is_checked, shown_errors
from .lazily import lazily
from .named import NameQuery, read_query

NEW: dict[str, object] = {
    "metric": AlarmMetric.FAILED_JOBS,
    "comparison": AlarmComparison.GREATER_THAN,
    "period_minutes": rules.DEFAULT_PERIOD_MINUTES,
    "periods": rules.DEFAULT_PERIODS,
    "is_enabled": True,
}
TOPICS = "alarms"
# What a value is, in words; CloudWatch calls it the statistic.
STATISTICS = {
    AlarmMetric.WAITING_JOBS: "the mean of looks once a minute",
    AlarmMetric.RUNNING_JOBS: "the mean of looks once a minute",
    AlarmMetric.FAILED_JOBS: "how many in the period, cancelled and terminated ones too",
    AlarmMetric.SUCCEEDED_JOBS: "how many in the period",
    AlarmMetric.WAIT_P90_SECONDS: "of the jobs that began to run in the period",
    AlarmMetric.RUN_P90_SECONDS: "of the jobs that ended in the period",
    AlarmMetric.VCPU_PERCENT: "the mean of what jobs reserve, looked at once a minute",
    AlarmMetric.MEMORY_PERCENT: "the mean of what jobs reserve, looked at once a minute",
}
_UNITS = {
    **dict.fromkeys(AlarmMetric, "jobs"),
    AlarmMetric.WAIT_P90_SECONDS: "s",
    AlarmMetric.RUN_P90_SECONDS: "s",
    AlarmMetric.VCPU_PERCENT: "%",
    AlarmMetric.MEMORY_PERCENT: "%",
}


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm as a list shows it."""

    alarm: Alarm
    rule: rules.Rule


def raised() -> Callable[[], list[Alarm]]:
    """The alarms that are raised, read when drawn (see `lazily`): `includes/alarms_banner.html` draws them."""
    return lazily(selectors.raised_alarms)


def list_query(query: QueryDict) -> NameQuery:
    """Alarms are searched by name, and narrowed to a `state`."""
    return read_query("alarms", query, extra=("state",))


def build_list(query: NameQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: _page(query))
    return {
        **query.shown(page),
        "state": query.extra["state"],
        "states": [(state, rules.state_in_words(state)) for state in rules.MEANINGS],
        "rows": lazily(lambda: [AlarmRow(row, selectors.rule_of(row)) for row in page().rows]),
        "is_narrowed": query.is_narrowed or bool(query.extra["state"]),
        "topics": TOPICS,
    }


def list_as_json(query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = _page(query)
    return query.as_json(page, summary)


def find(*, name: str) -> Alarm:
    """The alarm. Raises NotFound."""
    found = selectors.find_alarm(name=name)
    if found is None:
        raise NotFound(f"There is no alarm {name}.")
    return found


def build(*, alarm: Alarm, before: int | None = None) -> dict[str, Any]:
    """An alarm, its values, and its history from before the line `before` on; read when drawn."""
    changes = lazily(lambda: _changes(alarm, before))
    return {
        "alarm": alarm,
        "rule": selectors.rule_of(alarm),
        "statistic": STATISTICS[AlarmMetric(alarm.metric)],
        "chart": lazily(lambda: _chart(alarm)),
        "changes": lazily(lambda: changes().rows),
        "older_url": lazily(lambda: _older_url(alarm, changes().next)),
        "newest_url": reverse("alarm", args=[alarm.name]) if before is not None else None,
        "topics": TOPICS,
    }


def summary(alarm: Alarm) -> dict[str, Any]:
    """An alarm as JSON."""
    return {
        **values_of(alarm),
        "state": alarm.state,
        "state_reason": alarm.state_reason,
        "state_since": alarm.state_since,
        "created_at": alarm.created_at,
        "url": reverse("alarm", args=[alarm.name]),
    }


def as_json(alarm: Alarm, before: int | None = None) -> dict[str, Any]:
    """An alarm with the newest lines of its history, and the URL of those before them, or null."""
    page = _changes(alarm, before)
    return {
        **summary(alarm),
        "history": [
            {name: getattr(row, name) for name in ("at", "from_state", "to_state", "reason")}
            for row in page.rows
        ],
        "next": _older_url(alarm, page.next),
    }


def build_form(
    *,
    values: Mapping[str, object],
    errors: Mapping[str, list[str]] | None = None,
    alarm: Alarm | None = None,
) -> dict[str, Any]:
    """The form with these values; with `alarm` it changes that one."""
    threshold = values.get("threshold")
    return {
        "alarm": alarm,
        "values": {
            **values,
            # As people write it: 5, and not 5.0.
            "threshold": f"{threshold:.12g}" if isinstance(threshold, float) else threshold,
            "is_enabled": is_checked(values.get("is_enabled")),
        },
        "metrics": [(each, f"{each.label}: {STATISTICS[each]}") for each in AlarmMetric],
        "comparisons": AlarmComparison.choices,
        "of_queues": " ".join(rules.OF_QUEUES),
        "of_environments": " ".join(rules.OF_ENVIRONMENTS),
        "queue_names": queue_names(),
        "environment_names": environment_names(),
        **shown_errors(errors, fields=FIELDS),
    }


def _page(query: NameQuery) -> Page[Alarm]:
    state = query.extra["state"]
    return selectors.list_alarms(after=query.after, search=query.search, state=state)


def _changes(alarm: Alarm, before: int | None) -> Page[AlarmChange]:
    return selectors.changes_of(alarm, before=before)


def _older_url(alarm: Alarm, before: str) -> str | None:
    return f"{reverse('alarm', args=[alarm.name])}?before={before}" if before else None


def _chart(alarm: Alarm) -> Chart | None:
    """The values that the alarm is judged by, and those before; None before anything is counted."""
    until = whole_until()
    if until is None:
        return None
    times, values = selectors.values_before(alarm, until=until)
    metric = AlarmMetric(alarm.metric)
    unit = _UNITS[metric]
    return Chart(
        key="alarm",
        title=rules.sentence(metric.label),
        kind="line",
        times=times,
        curves=[
            Curve(metric.label, unit, values),
            Curve("threshold", unit, [alarm.threshold] * len(times), colour="failed", dash=True),
        ],
        step=alarm.period_minutes * 60,
        nothing="Nothing was measured in this time.",
    )
