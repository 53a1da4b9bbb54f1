"""Reads of dependencies: what a job waits for, and what waits for it.

Edges join whole jobs, so a child of an array is asked about with its array.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.models import User

from jobs.domain import ids
from jobs.domain.states import JobStatus
from jobs.models import DependencyType, Job, JobDependency

from .jobs import seen_by

DEPENDENTS_SHOWN = 10
# Counting goes no further: more would say nothing new, and cost.
COUNT_LIMIT = 1000
MAX_HOPS = 5
LEVEL_SIZE = 10
# Edges looked at for one level of the graph.
LEVEL_EDGES = 200


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of a dependency as seen from the other: `job` is the other job.

    For a child of an array that waits N_TO_N, `counterpart` is the child of `job` that it waits for.
    """

    job: Job
    type: str
    met: bool
    counterpart: Job | None = None

    @property
    def shown(self) -> Job:
        """The job whose status decides."""
        return self.counterpart or self.job

    @property
    def is_open(self) -> bool:
        """Whether it is still waited for."""
        if self.counterpart is not None:
            return self.counterpart.status != JobStatus.SUCCEEDED
        return not self.met

    @property
    def in_words(self) -> str:
        """What must happen, said of the job waited for."""
        if self.type == DependencyType.N_TO_N:
            return "child i here waits for child i there"
        if self.job.is_array:
            return "all its children must succeed"
        return "must succeed"


@dataclass(frozen=True, slots=True)
class Dependents:
    """The first jobs that wait for one, and how many there are, up to COUNT_LIMIT."""

    edges: list[Edge]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.edges)

    @property
    def is_capped(self) -> bool:
        return self.count >= COUNT_LIMIT


@dataclass(frozen=True, slots=True)
class Level:
    """Jobs at one distance from the job in question: negative is what it waits for.

    `hidden` tells that there are more than LEVEL_SIZE of them.
    """

    distance: int
    jobs: list[Job]
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """The surroundings of a job: levels from left to right, and (waited for, waiting) pairs between them."""

    levels: list[Level]
    edges: list[tuple[UUID, UUID]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return len(self.levels) > 1


def waits_for(*, job: Job, user: User) -> list[Edge]:
    """What a job, or the array that it is a child of, waits for. One query; two for a child."""
    rows = list(
        seen_by(JobDependency.objects.filter(job=job.parent_id or job.pk), user, path="on")
        .select_related("on", "on__array_summary")
        .order_by("id")
    )
    counterparts = _counterparts(job, rows) if job.parent_id else {}
    return [
        Edge(job=row.on, type=row.type, met=row.met, counterpart=counterparts.get(row.on_id))
        for row in rows
    ]


def waited_for_by(*, job: Job, user: User, limit: int = DEPENDENTS_SHOWN) -> Dependents:
    """What waits for a job, or for the array that it is a child of: the first of them, and how many."""
    edges = seen_by(JobDependency.objects.filter(on=job.parent_id or job.pk), user)
    rows = list(edges.select_related("job").order_by("id")[: limit + 1])
    count = len(rows)
    if count > limit:
        count = len(edges.order_by("id").values_list("id")[:COUNT_LIMIT])
    return Dependents(
        edges=[Edge(job=row.job, type=row.type, met=row.met) for row in rows[:limit]], count=count
    )


def fail_with(*, job: Job, user: User) -> int:
    """How many jobs wait for one, or for the array that it is a child of, and fail if it does; up to COUNT_LIMIT.

    Those that wait for these in turn are not counted.
    """
    edges = seen_by(JobDependency.objects.filter(on=job.parent_id or job.pk, met=False), user)
    edges = edges.filter(job__status__in=(JobStatus.SUBMITTED, JobStatus.PENDING))
    return len(edges.order_by("id").values_list("id")[:COUNT_LIMIT])


def predecessor_of(child: Job) -> Job | None:
    """The child that one of a SEQUENTIAL array waits for: the one before; None for the first."""
    siblings = Job.objects.filter(parent=child.parent_id, array_index__lt=child.array_index)
    return siblings.order_by("-array_index").first()


def graph_of(*, job: Job, user: User, hops: int = 1) -> Graph:
    """The jobs around one, `hops` steps each way: one query a step."""
    centre = job if job.parent_id is None else Job.objects.get(pk=job.parent_id)
    seen = {centre.pk}
    before, edges_before = _walk(centre, user, hops, seen, forward=False)
    after, edges_after = _walk(centre, user, hops, seen, forward=True)
    levels = [*reversed(before), Level(distance=0, jobs=[centre]), *after]
    return Graph(levels=levels, edges=edges_before + edges_after)


def _walk(
    centre: Job, user: User, hops: int, seen: set[UUID], *, forward: bool
) -> tuple[list[Level], list[tuple[UUID, UUID]]]:
    """Levels outwards from the centre, to one side, and the edges to what is shown."""
    levels: list[Level] = []
    edges: list[tuple[UUID, UUID]] = []
    shown: Collection[UUID] = {centre.pk}
    for hop in range(1, hops + 1):
        found, rows = _next_level(shown, user, forward=forward)
        fresh = {job.pk: job for job in found if job.pk not in seen}
        jobs = list(fresh.values())[:LEVEL_SIZE]
        seen.update(job.pk for job in jobs)
        # An edge may also lead to a job of a level before.
        edges += [edge for edge in rows if edge[0] in seen and edge[1] in seen]
        if not jobs:
            break
        hidden = len(fresh) > len(jobs) or len(rows) == LEVEL_EDGES
        levels.append(Level(distance=hop if forward else -hop, jobs=jobs, hidden=hidden))
        shown = {job.pk for job in jobs}
    return levels, edges


def _next_level(
    shown: Collection[UUID], user: User, *, forward: bool
) -> tuple[list[Job], list[tuple[UUID, UUID]]]:
    near, far = ("on", "job") if forward else ("job", "on")
    rows = JobDependency.objects.filter(**{f"{near}__in": shown}).select_related(far)
    rows = seen_by(rows, user, path=far)
    found = list(rows.order_by("id")[:LEVEL_EDGES])
    jobs = [row.job if forward else row.on for row in found]
    return jobs, [(row.on_id, row.job_id) for row in found]


def _counterparts(child: Job, rows: Iterable[JobDependency]) -> Mapping[UUID, Job]:
    """For each N_TO_N edge of a child's array, the child with the same index there."""
    index = child.array_index
    wanted = {
        ids.child_id(row.on_id, index): row.on_id
        for row in rows
        if row.type == DependencyType.N_TO_N and index is not None
    }
    if not wanted:
        return {}
    return {wanted[each.pk]: each for each in Job.objects.filter(pk__in=wanted)}
