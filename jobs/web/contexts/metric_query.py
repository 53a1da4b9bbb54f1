"""The URLs of the page of charts: of which time, which queue and which environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from jobs.domain import moments
from jobs.domain.errors import InvalidInput
from jobs.models import ComputeEnvironment, JobQueue
from jobs.selectors.metrics import RANGES, MetricRange, custom, range_of
from jobs.selectors.named import environment_named, queue_named

USUAL_RANGE = "6h"
FILTERS = ("queue", "environment")
MAX_TOLD = 60


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """What is asked for. `base` is the range that a zoom leads back to; None stands for all queues or environments."""

    span: MetricRange
    base: str = USUAL_RANGE
    queue: JobQueue | None = None
    environment: ComputeEnvironment | None = None

    @property
    def is_zoomed(self) -> bool:
        return self.span.key not in RANGES

    @property
    def queue_ids(self) -> list[int] | None:
        return None if self.queue is None else [self.queue.pk]

    @property
    def environment_ids(self) -> list[int] | None:
        return None if self.environment is None else [self.environment.pk]

    def url(self, **changes: str) -> str:
        """The page with these parameters changed; an empty one is left out."""
        given = {
            "range": self.base,
            "queue": self.queue.name if self.queue else "",
            "environment": self.environment.name if self.environment else "",
            **(
                {"from": as_text(self.span.start), "to": as_text(self.span.end)}
                if self.is_zoomed
                else {}
            ),
            **changes,
        }
        return f"{reverse('monitoring')}?{urlencode({name: text for name, text in given.items() if text})}"


def read_query(given: QueryDict, *, now: datetime) -> MetricQuery:
    """What a URL asks for. Raises InvalidInput with all that is wrong with it."""
    errors: dict[str, list[str]] = {}
    base = given.get("range", "") or USUAL_RANGE
    span = range_of(USUAL_RANGE, now)
    try:
        span = _span(given, base, now)
    except InvalidInput as error:
        errors.update(error.errors)
    queue = environment = None
    if name := given.get("queue", ""):
        queue = queue_named(name)
        if queue is None:
            errors["queue"] = [f"There is no job queue {name[:MAX_TOLD]!r}."]
    if name := given.get("environment", ""):
        environment = environment_named(name)
        if environment is None:
            errors["environment"] = [f"There is no compute environment {name[:MAX_TOLD]!r}."]
    if errors:
        raise InvalidInput(errors)
    return MetricQuery(span, base, queue, environment)


def _span(given: Mapping[str, str], base: str, now: datetime) -> MetricRange:
    usual = range_of(base, now)
    start, end = given.get("from", ""), given.get("to", "")
    if not start and not end:
        return usual
    return custom(
        moments.moment("from", start) if start else usual.start,
        moments.moment("to", end) if end else now,
        now,
    )


def as_text(moment: datetime) -> str:
    """A moment as a URL holds it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
