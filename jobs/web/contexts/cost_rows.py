"""What the page of the rows behind a figure, and its JSON, are drawn from."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from jobs.domain import ids
from jobs.selectors.costs import Ledger
from jobs.selectors.costs.names import Named, Names, names_of
from jobs.selectors.costs.rows import CostRow, CostRows, Part, amount_of, cost_rows

from .cost_query import RowsQuery
from .costs import KIND_LABELS, NO_JOB_LABEL
from .lazily import lazily

PART_WORDS = {
    Part.ALL: "Cost with idle time",
    Part.COST: "Cost of attempts",
    Part.IDLE: "Idle time of instances",
    Part.SAVING: "Saved by Spot against On-Demand",
}


class CostFigure:
    """A figure with one page of its rows, as one user sees it. Each part is read when it is asked for first."""

    def __init__(self, query: RowsQuery, user: User) -> None:
        self.query = query
        self.ledger = Ledger(query.days.times, query.scope.seen_by(user))

    # Not `lazily`: what refers to itself, with all that it has read, is left to the collector of garbage.
    @cached_property
    def page(self) -> CostRows:
        """One page of its rows."""
        return cost_rows(self.ledger, part=self.query.part, after=self.query.after)

    @property
    def usd(self) -> Decimal:
        """What all rows of all pages add up to, worked out without reading them."""
        return amount_of(self.ledger.total, self.query.part)

    @property
    def counted(self) -> str:
        """Of how many attempts the rows of all pages are, in words; empty for a part that not all have a row in."""
        count = self.ledger.total.attempts
        if not count or self.query.part not in (Part.ALL, Part.COST):
            return ""
        return f"{count:,} attempt{'' if count == 1 else 's'}"

    @property
    def next_url(self) -> str | None:
        place = self.page.next
        return self.query.url(place) if place else None

    def facts(self) -> list[tuple[str, str]]:
        """What the figure is narrowed to, in words."""
        scope = self.query.scope
        found = [(key.capitalize(), named.name) for key, named in self._named()]
        if scope.capacity:
            found.append(("Capacity", KIND_LABELS[scope.capacity]))
        if scope.tag:
            found.append(("Tag", ": ".join(each for each in scope.tag if each)))
        if scope.without_job:
            found.append(("Job", NO_JOB_LABEL))
        return found

    def jobs_url(self) -> str:
        """The jobs of these days by their cost; empty where the list of jobs cannot be narrowed likewise."""
        scope = self.query.scope
        is_of_jobs = self.query.part in (Part.ALL, Part.COST) and not scope.without_job
        if not is_of_jobs or scope.environment or scope.capacity:
            return ""
        filters = {key: named.name for key, named in self._named() if not named.is_deleted}
        if len(filters) < len(self._named()):
            return ""
        if scope.tag:
            filters["tag"] = "=".join(each for each in scope.tag if each)
        return self.query.days.jobs_url(**filters)

    def _named(self) -> list[tuple[str, Named]]:
        """What the figure is narrowed to that has a name; of what is gone for good its id."""
        scope, names = self.query.scope, self._names
        return [
            (key, rows.get(id_, Named(str(id_), is_deleted=True)))
            for key, id_, rows in (
                ("queue", scope.queue, names.queue),
                ("environment", scope.environment, names.environment),
                ("definition", scope.definition, names.definition),
                ("owner", scope.owner, names.owner),
            )
            if id_ is not None
        ]

    @cached_property
    def _names(self) -> Names:
        scope = self.query.scope
        given = (scope.queue, scope.environment, scope.definition, scope.owner)
        queues, environments, definitions, owners = ([each] if each else [] for each in given)
        return names_of(
            queues=queues, environments=environments, definitions=definitions, owners=owners
        )


def build(*, query: RowsQuery, user: User) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    figure = CostFigure(query, user)
    return {
        "query": query,
        "days": query.days,
        "is_saving": query.part is Part.SAVING,
        "title": PART_WORDS[query.part],
        "usd": lazily(lambda: figure.usd),
        "counted": lazily(lambda: figure.counted),
        "facts": lazily(figure.facts),
        "jobs_url": lazily(figure.jobs_url),
        "rows": lazily(lambda: figure.page.rows),
        "next_url": lazily(lambda: figure.next_url),
        "first_url": query.url(None) if query.after else None,
        "costs_url": query.days.page_url(),
    }


def as_json(*, query: RowsQuery, user: User) -> dict[str, Any]:
    """`usd` of all pages together, `results`, and `next`: the URL of the page that follows, or null."""
    figure = CostFigure(query, user)
    return {
        "usd": f"{figure.usd:f}",
        "part": query.part,
        "results": list(_results(figure.page)),
        "next": figure.next_url,
    }


def _results(page: CostRows) -> Iterator[dict[str, Any]]:
    for row in page.rows:
        yield {
            "kind": row.kind,
            "usd": f"{row.usd:f}",
            **_saved(row),
            "ended_at": row.at,
            **_attempt(row),
            "instance": row.instance.instance_id if row.instance else None,
            "environment": row.environment.name,
            "capacity": row.capacity,
        }


def _saved(row: CostRow) -> dict[str, str]:
    """Of what a saving is the difference."""
    if row.paid_usd is None:
        return {}
    return {"paid_usd": f"{row.paid_usd:f}", "on_demand_usd": f"{row.on_demand_usd:f}"}


def _attempt(row: CostRow) -> dict[str, Any]:
    attempt = row.attempt
    if attempt is None:
        return {"job": None, "job_name": None, "attempt": None, "url": None}
    return {
        "job": ids.text_of(attempt.job_id),
        "job_name": attempt.job.name,
        "attempt": attempt.number,
        "url": reverse("job", args=[attempt.job_id]),
    }
