"""What a job's page says about what it waits for and what waits for it, with the graph laid out."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import QueryDict

from jobs.domain import ids, numbers
from jobs.domain.states import JobStatus
from jobs.models import Job
from jobs.selectors import dependencies as selectors
from jobs.selectors.dependencies import MAX_HOPS, Dependents, Edge, Graph

from .lazily import lazily

# In units of the drawing, which are pixels unless it has to shrink.
NODE_WIDTH, NODE_HEIGHT = 168, 44
GAP_X, GAP_Y = 56, 12
MARGIN = 4
LABEL_CHARACTERS = 22
# What the link "Show more" leads to, from one hop.
MORE_HOPS = 3


@dataclass(frozen=True, slots=True)
class NodeBox:
    """A job in the graph, at its upper left corner."""

    job: Job
    x: int
    y: int
    label: str
    is_centre: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge: a path from the job waited for to the one that waits, in the colour of the former."""

    path: str
    status: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The graph as SVG draws it. `hidden` tells that levels have more jobs than are drawn."""

    width: int
    height: int
    boxes: list[NodeBox]
    curves: list[Curve]
    hidden: bool


def read_hops(query: QueryDict) -> int:
    """How far the graph of dependencies goes: `hops` in a URL. Raises InvalidInput."""
    return numbers.whole("hops", query.get("hops", ""), least=1, most=MAX_HOPS) or 1


def build(*, job: Job, user: User, hops: int) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    waits = lazily(lambda: selectors.waits_for(job=job, user=user))
    before = lazily(lambda: predecessor_of(job))
    dependents = lazily(lambda: _dependents(job, user))
    graph = lazily(
        lambda: _graph(job, user, hops, bool(waits()) or bool(dependents().edges)),
    )
    return {
        "waits_for": waits,
        "waited_for_by": dependents,
        "blocked_by": lazily(lambda: blocked_by(waits(), before()) if may_wait(job) else []),
        "predecessor": before,
        "graph": lazily(lambda: draw(graph(), job)),
        "hops": hops,
        "more_hops": lazily(lambda: more_hops(graph(), hops)),
    }


def may_wait(job: Job) -> bool:
    """Whether the job may be waiting for others."""
    return job.status in {JobStatus.PENDING, JobStatus.SUBMITTED}


def blocked_by(edges: list[Edge], predecessor: Job | None) -> list[Job]:
    """The jobs that this one waits for now: it can start when they have succeeded."""
    jobs = [edge.shown for edge in edges if edge.is_open]
    if predecessor is not None and predecessor.status != JobStatus.SUCCEEDED:
        jobs.append(predecessor)
    return jobs


def predecessor_of(job: Job) -> Job | None:
    """The child that this one of a SEQUENTIAL array waits, or waited, for."""
    if job.parent_id is None or not job.spec.sequential:
        return None
    return selectors.predecessor_of(job)


def more_hops(graph: Graph | None, hops: int) -> int | None:
    """How many steps the next wider graph takes; None where nothing more would be seen."""
    if not graph or hops >= MAX_HOPS:
        return None
    distances = [abs(level.distance) for level in graph.levels]
    return min(max(hops + 2, MORE_HOPS), MAX_HOPS) if max(distances) >= hops else None


def draw(graph: Graph | None, job: Job) -> Drawing | None:
    """Levels become columns, each centred; None where there is nothing beside the job."""
    if not graph:
        return None
    tallest = max(len(level.jobs) for level in graph.levels)
    height = tallest * (NODE_HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN
    boxes = [
        box
        for column, level in enumerate(graph.levels)
        for box in _column(level.jobs, column, height, centre=level.distance == 0)
    ]
    by_id = {box.job.pk: box for box in boxes}
    return Drawing(
        width=len(graph.levels) * (NODE_WIDTH + GAP_X) - GAP_X + 2 * MARGIN,
        height=height,
        boxes=boxes,
        curves=_curves(graph.edges, by_id),
        hidden=any(level.hidden for level in graph.levels),
    )


def as_json(*, job: Job, user: User) -> dict[str, Any]:
    """`depends_on` with AWS's types, and the first of `dependents`."""
    edges = selectors.waits_for(job=job, user=user)
    depends_on = [_edge_as_json(edge) for edge in edges]
    if job.spec.sequential:
        depends_on.insert(0, {"type": "SEQUENTIAL"})
    dependents = _dependents(job, user)
    return {
        "depends_on": depends_on,
        "dependents": [_edge_as_json(edge) for edge in dependents.edges],
        "dependent_count": dependents.count,
    }


def _dependents(job: Job, user: User) -> Dependents:
    if job.parent_id is None and not job.has_dependents:
        return Dependents(edges=[], count=0)
    return selectors.waited_for_by(job=job, user=user)


def _graph(job: Job, user: User, hops: int, worth_it: bool) -> Graph | None:
    return selectors.graph_of(job=job, user=user, hops=hops) if worth_it else None


def _edge_as_json(edge: Edge) -> dict[str, Any]:
    return {
        "id": ids.text_of(edge.job.pk),
        "name": edge.job.name,
        "type": edge.type or None,
        "status": edge.job.status,
        "met": edge.met,
    }


def _column(jobs: list[Job], column: int, height: int, *, centre: bool) -> list[NodeBox]:
    own_height = len(jobs) * (NODE_HEIGHT + GAP_Y) - GAP_Y
    top = (height - own_height) // 2
    return [
        NodeBox(
            job=job,
            x=MARGIN + column * (NODE_WIDTH + GAP_X),
            y=top + row * (NODE_HEIGHT + GAP_Y),
            label=_clipped(job),
            is_centre=centre,
        )
        for row, job in enumerate(jobs)
    ]


def _clipped(job: Job) -> str:
    size = f" × {job.array_size}" if job.array_size else ""
    room = LABEL_CHARACTERS - len(size)
    return (job.name if len(job.name) <= room else job.name[: room - 1] + "…") + size


def _curves(edges: list[tuple[UUID, UUID]], boxes: dict[UUID, NodeBox]) -> list[Curve]:
    curves = []
    for on, waiting in dict.fromkeys(edges):
        if on not in boxes or waiting not in boxes:
            continue
        start, end = boxes[on], boxes[waiting]
        x1, y1 = start.x + NODE_WIDTH, start.y + NODE_HEIGHT // 2
        x2, y2 = end.x, end.y + NODE_HEIGHT // 2
        middle = (x1 + x2) // 2
        curves.append(
            Curve(path=f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}", status=start.job.status)
        )
    return curves
