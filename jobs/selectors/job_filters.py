"""What the list of jobs can be narrowed to, and which rows that leaves, along the indices that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import F, Model, Q, QuerySet

from jobs.domain import ids
from jobs.domain.errors import InvalidInput
from jobs.domain.numbers import is_revision
from jobs.models import Job, JobDefinition, JobQueue, JobStatus
from jobs.models.expressions import Number, Text

from .job_lists import CLOCKS_APART
from .queues import kept_counts

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class JobFilters:
    """What the jobs page is narrowed to; an empty value narrows nothing.

    `definition` is a name or `name:revision`; `name` is what a job's name starts with; `text` are words, and `tag` a
    tag's key or `key=value`, as the search finds them; `owner` is a username, and others than administrators find
    with it nobody's jobs but their own. Jobs were submitted at `since` or later, and before `until`.
    """

    queue: str = ""
    statuses: tuple[str, ...] = ()
    name: str = ""
    definition: str = ""
    text: str = ""
    tag: str = ""
    owner: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        texts = (self.queue, self.name, self.definition, self.text, self.tag, self.owner)
        return any(texts) or bool(self.statuses or self.since or self.until)

    @property
    def is_by_words(self) -> bool:
        """Whether the search's index is asked first."""
        return bool(self.text or self.tag)


class Scope:
    """The filters as a user's query: whose jobs, of which queues and definitions, by their ids.

    `is_empty`: no job can be within. Raises InvalidInput for a status that there is not. At most three queries.
    """

    def __init__(self, user: User | AnonymousUser, filters: JobFilters) -> None:
        wrong = set(filters.statuses) - set(JobStatus.values)
        if wrong:
            raise InvalidInput({"status": [f"A status is one of {', '.join(JobStatus.values)}."]})
        self.filters = filters
        self.statuses = tuple(dict.fromkeys(filters.statuses))
        self.is_empty = not user.is_authenticated or _has_nul(filters)
        self.owner_id: int | None = None
        if self.is_empty:
            return
        self.owner_id = None if user.is_staff else user.pk
        if filters.owner:
            found = User.objects.filter(username=filters.owner).values_list("pk", flat=True).first()
            self.is_empty = found is None or self.owner_id not in {None, found}
            self.owner_id = found

    @cached_property
    def queue_ids(self) -> list[int] | None:
        """Those of the queue's name: there may have been several, of which jobs are kept. None: all queues."""
        if not self.filters.queue:
            return None
        found = JobQueue.with_deleted.filter(name=self.filters.queue)
        return list(found.order_by("pk").values_list("pk", flat=True))

    @cached_property
    def definition_ids(self) -> list[int] | None:
        """Those of the definition's name, or its one revision; None: all definitions."""
        if not self.filters.definition:
            return None
        name, colon, revision = self.filters.definition.partition(":")
        rows = JobDefinition.objects.filter(name=name)
        if colon:
            if not is_revision(revision):
                return []
            rows = rows.filter(revision=int(revision))
        return list(rows.order_by("-pk").values_list("pk", flat=True))

    @cached_property
    def live_count(self) -> int:
        """How many jobs of all users are live there, in whichever of the statuses; of very many, some seconds ago."""
        queues = self.queue_ids
        if queues is None:
            queues = list(JobQueue.with_deleted.order_by().values_list("pk", flat=True))
        counts = kept_counts.get(queues).values()
        return sum(number for each in counts for number in each.values())

    def within_dates(self, rows: QuerySet[Job]) -> QuerySet[Job]:
        """Those submitted within the dates; ids tell that roughly, and along every index."""
        if self.filters.until is not None:
            rows = rows.filter(pk__lt=ids.first_id_of(self.filters.until + CLOCKS_APART))
        if self.filters.since is not None:
            rows = rows.filter(pk__gt=ids.first_id_of(self.filters.since - CLOCKS_APART))
        return rows

    def chosen(
        self, rows: QuerySet[Job], *, but: Sequence[str] = (), exactly_dated: bool = True
    ) -> QuerySet[Job]:
        """Those of the rows that pass the filters, but for those named, which the rows pass already.

        In words that no index fits, so that a database goes along the one that the rows are in the order of.
        """
        if self.owner_id is not None and "owner" not in but:
            rows = rows.alias(of_owner=Number(F("owner_id"))).filter(of_owner=self.owner_id)
        if self.queue_ids is not None and "queue" not in but:
            rows = rows.alias(of_queue=Number(F("queue_id"))).filter(of_queue__in=self.queue_ids)
        if self.definition_ids is not None and "definition" not in but:
            rows = rows.alias(of_definition=Number(F("definition_id")))
            rows = rows.filter(of_definition__in=self.definition_ids)
        if self.statuses and "status" not in but:
            rows = rows.alias(is_at=Text(F("status"))).filter(is_at__in=self.statuses)
        if self.filters.name:
            rows = rows.filter(name__startswith=self.filters.name)
        return self._exactly_dated(rows) if exactly_dated else rows

    def _exactly_dated(self, rows: QuerySet[Job]) -> QuerySet[Job]:
        since, until = self.filters.since, self.filters.until
        submitted = Q()
        if since is not None:
            submitted &= Q(created_at__gte=since)
        if until is not None:
            submitted &= Q(created_at__lt=until)
        return rows.filter(submitted)


def _has_nul(filters: JobFilters) -> bool:
    texts = (filters.queue, filters.name, filters.definition, filters.owner)
    return any("\0" in text for text in (*texts, filters.text, filters.tag))


def as_ids(values: Sequence[object]) -> list[UUID]:
    """Ids as they come of a statement of one's own: SQLite has no UUIDs and gives text."""
    return [UUID(str(value)) for value in values]
