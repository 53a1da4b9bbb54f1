"""What the list of jobs can be narrowed to, and which rows that leaves, along the indices that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import F, Model, Q, QuerySet

from jobs.domain import ids
from jobs.domain.errors import InvalidInput
from jobs.domain.numbers import is_revision
from jobs.models import Job, JobDefinition, JobQueue, JobStatus, StopKind
from jobs.models.expressions import ONE_BY_ONE, Number, Text, ended_by

from ..queues import kept_counts
from .list_jobs import CLOCKS_APART

M = TypeVar("M", bound=Model)


class OnRequest(StrEnum):
    """What to list of jobs that somebody cancelled or terminated."""

    NO = "no"
    YES = "yes"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"


# Those of a value; of NO, those that are left out.
STOPS = {
    OnRequest.NO: (StopKind.CANCEL, StopKind.TERMINATE),
    OnRequest.YES: (StopKind.CANCEL, StopKind.TERMINATE),
    OnRequest.CANCELLED: (StopKind.CANCEL,),
    OnRequest.TERMINATED: (StopKind.TERMINATE,),
}


@dataclass(frozen=True, slots=True)
class JobFilters:
    """What the jobs page is narrowed to; an empty value narrows nothing.

    `definition` is a name or `name:revision`; `name` is what a job's name starts with; `text` are words, and `tag` a
    tag's key or `key=value`, as the search finds them; `owner` is a username, and others than administrators find
    with it nobody's jobs but their own. Jobs were submitted at `since` or later, and before `until`;
    they ended at `ended_since` or later, and before `ended_until`. `one_by_one`: not arrays, but their children.
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
    ended_since: datetime | None = None
    ended_until: datetime | None = None
    on_request: OnRequest | None = None
    one_by_one: bool = False

    def __bool__(self) -> bool:
        texts = (self.queue, self.name, self.definition, self.text, self.tag, self.owner)
        dates = (self.since, self.until)
        return any(texts) or any(dates) or bool(self.statuses) or self.is_by_end or self.one_by_one

    @property
    def is_by_end(self) -> bool:
        """Whether it asks for when or how jobs ended."""
        return bool(self.ended_since or self.ended_until or self.on_request)

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

    def as_listed(self, rows: QuerySet[Job]) -> QuerySet[Job]:
        """Of these an array as one, or its children."""
        return rows.filter(ONE_BY_ONE if self.filters.one_by_one else Q(parent=None))

    def ended(self, *statuses: str, since: datetime | None = None) -> QuerySet[Job]:
        """What has ended within the time that is asked for, arrays and their children, as the index of ends has it.

        `since`: no earlier than that either. It takes the place of the other bound: of two SQLite goes by the first.
        """
        rows = Job.objects.filter(status__in=statuses, stopped_at__isnull=False)
        return self._within_ends(rows, since or self.filters.ended_since)

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
        if "end" not in but:
            rows = self._within_ends(rows, self.filters.ended_since)
        rows = self._stopped(rows)
        return self._exactly_dated(rows) if exactly_dated else rows

    def _within_ends(self, rows: QuerySet[Job], since: datetime | None) -> QuerySet[Job]:
        if since is not None:
            rows = rows.filter(stopped_at__gte=since)
        if self.filters.ended_until is not None:
            rows = rows.filter(stopped_at__lt=self.filters.ended_until)
        return rows

    def _stopped(self, rows: QuerySet[Job]) -> QuerySet[Job]:
        on_request = self.filters.on_request
        if on_request is None:
            return rows
        asked = ended_by(STOPS[on_request])
        wanted = ~asked if on_request is OnRequest.NO else asked
        return rows.filter(wanted, stopped_at__isnull=False)

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
