"""A job, or an array's children, over time: who waited, started and ran when, as bars to draw.

Places are thousandths of the width, so that a page needs neither scripts nor inline styles.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heappush, heapreplace, nlargest
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from jobs.domain.states import LIVE, TERMINAL, JobStatus
from jobs.models import Attempt, Job
from jobs.selectors import dependencies
from jobs.selectors import timelines as selectors
from jobs.selectors.timelines import Phase, Run

from .attempts import query_of

WIDTH = 1000
TICKS = 5
# A bar that is too short to be seen is drawn as wide as this.
LEAST_WIDTH = 2
CONTAINERS_SHOWN = 60
LONGEST_SHOWN = 5
LANES_HEIGHT = 320
LANE_HEIGHT = 12
# Where more ran at once, some share a lane: lower ones could not be told apart.
MAX_LANES = 160
# Less would be told as 0 s.
LEAST_TOLD_SECONDS = 0.05
# The statuses that are drawn, in words. What has ended has the colour of its end on its last run.
WORDS = {
    JobStatus.PENDING: "waited for jobs",
    JobStatus.RUNNABLE: "queued",
    JobStatus.STARTING: "starting",
    JobStatus.RUNNING: "ran",
}
# Compared with ten thousand times: an attribute of an enumeration is dear.
RUNNING = str(JobStatus.RUNNING)
# It is PENDING whether its children wait or run.
ARRAY_WORD = "as an array"


@dataclass(frozen=True, slots=True)
class Scale:
    """From when to when is drawn, in seconds since the epoch."""

    start: float
    end: float

    def place(self, at: float) -> int:
        """Where a moment is; what is before or after all that is drawn is at its edge."""
        span = max(self.end - self.start, 0.001)
        return round(min(max((at - self.start) / span, 0.0), 1.0) * WIDTH)

    @property
    def ticks(self) -> list[datetime]:
        """Moments at equal distances, the first and the last included."""
        step = (self.end - self.start) / (TICKS - 1)
        return [datetime.fromtimestamp(self.start + n * step, UTC) for n in range(TICKS)]

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar: what it did from when on, and for how long. `drawn` is the status whose colour it has."""

    status: str
    drawn: str
    x: int
    width: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the drawing."""

    id: str
    label: str
    url: str
    status: str
    segments: list[Segment]
    is_own: bool = False
    is_array: bool = False

    @property
    def spent(self) -> list[tuple[str, float]]:
        """What it did in words, with the seconds of all times together; what took no time is left out."""
        sums: dict[str, float] = {}
        for each in self.segments:
            word = ARRAY_WORD if self.is_array else WORDS[JobStatus(each.status)]
            sums[word] = sums.get(word, 0.0) + each.seconds
        return [(word, seconds) for word, seconds in sums.items() if seconds >= LEAST_TOLD_SECONDS]


@dataclass(frozen=True, slots=True)
class Lane:
    """All runs of one kind in the packed drawing: one path, so that ten thousand stay light."""

    status: str
    path: str


@dataclass(frozen=True, slots=True)
class Packed:
    """Runs drawn one after the other, in a lane for each that ran at once: `most` of them."""

    height: int
    stroke: float
    lanes: list[Lane]
    most: int
    longest: list[Run]


def build(*, job: Job, user: User, now: datetime, after: int | None) -> dict[str, Any]:
    """What the page of a job's, or an array's, timeline shows. A constant number of queries."""
    if job.is_array:
        return _of_array(job, now, after)
    return _of_job(job, user, now)


def as_json(context: dict[str, Any]) -> dict[str, Any]:
    """The bars for scripts: seconds by what was done, in the order of the page."""
    return {
        "from": context["scale"].ticks[0],
        "to": context["scale"].ticks[-1],
        "bars": [
            {
                "label": bar.label,
                "url": bar.url,
                "status": bar.status,
                "seconds": {word: round(seconds, 3) for word, seconds in bar.spent},
            }
            for bar in context["bars"]
        ],
    }


def _of_job(job: Job, user: User, now: datetime) -> dict[str, Any]:
    graph = dependencies.graph_of(job=job, user=user)
    others = [each for level in graph.levels for each in level.jobs]
    own_array = job.parent_id
    jobs = [job if each.pk in {job.pk, own_array} else each for each in others]
    phases = selectors.phases_of([each.pk for each in jobs])
    containers = selectors.containers_of(job, limit=CONTAINERS_SHOWN)
    at = now.timestamp()
    begun = [_begun(each, phases.get(each.pk, ())) for each in jobs]
    ends = [at if each.status in LIVE else _epoch(each.stopped_at, at) for each in jobs]
    scale = Scale(min(begun), max(*ends, min(begun) + 1))
    bars: list[Bar] = []
    for each in jobs:
        bars.append(_bar(each, phases.get(each.pk, ()), scale, at, is_own=each.pk == job.pk))
        if each.pk == job.pk:
            bars += [_container_bar(job, one, scale, at) for one in containers]
    return {"scale": scale, "bars": bars, "packed": None, "runs": len(jobs)}


def _of_array(array: Job, now: datetime, after: int | None) -> dict[str, Any]:
    runs = selectors.runs_of_array(array)
    children, has_more = selectors.children_of(array, after=after)
    phases = selectors.phases_of([each.pk for each in children])
    at = now.timestamp()
    end = at if array.status in LIVE else _epoch(array.stopped_at, at)
    # The wait for the first would leave no room for the runs.
    start = runs[0].started if runs else array.created_at.timestamp()
    is_small = not has_more and after is None
    if is_small:
        start = array.created_at.timestamp()
    scale = Scale(start, max(end, start + 1))
    own_scale = scale if is_small else _scale_of(children, scale, at)
    return {
        "scale": own_scale,
        "bars": [_bar(each, phases.get(each.pk, ()), own_scale, at) for each in children],
        "packed": None if is_small or not runs else pack(runs, scale, at),
        "packed_scale": scale,
        "runs": len(runs),
        "first": children[0].array_index if children else None,
        "last": children[-1].array_index if children else None,
        "next_after": children[-1].array_index if has_more else None,
        "after": after,
    }


def _scale_of(children: Sequence[Job], whole: Scale, now: float) -> Scale:
    """From the first start among these children to the last end."""
    started = [_epoch(each.started_at, whole.end) for each in children if each.started_at]
    if not started:
        return whole
    ends = [now if each.status in LIVE else _epoch(each.stopped_at, now) for each in children]
    return Scale(min(started), max(*ends, min(started) + 1))


def pack(runs: Sequence[Run], scale: Scale, now: float) -> Packed:
    """Runs, the earliest first, each in the lane that is free for longest; runs that touch are drawn as one."""
    free: list[tuple[float, int]] = []
    lanes: list[list[tuple[str, int, int]]] = []
    begin, each_second = scale.start, WIDTH / max(scale.seconds, 0.001)
    lengths: list[float] = []
    for started, _, status, stopped in runs:
        end = now if stopped is None or status == RUNNING else stopped
        lengths.append(end - started)
        if free and free[0][0] <= started:
            lane = heapreplace(free, (end, free[0][1]))[1]
        else:
            lane = len(free)
            heappush(free, (end, lane))
            if lane < MAX_LANES:
                lanes.append([])
        # All of them are within the scale: ten thousand calls to ask for each would take half of the time.
        x, end_x = int((started - begin) * each_second), int((end - begin) * each_second)
        _add(lanes[lane % MAX_LANES], status, x, end_x)
    height = min(len(lanes) * LANE_HEIGHT, LANES_HEIGHT)
    pitch = height / len(lanes) if lanes else LANE_HEIGHT
    statuses = dict.fromkeys(status for lane in lanes for status, _, _ in lane)
    return Packed(
        height=height,
        stroke=round(max(pitch - 1 if pitch > 3 else pitch, 1), 2),
        lanes=[Lane(status, _path(lanes, status, pitch)) for status in statuses],
        most=len(free),
        longest=[runs[n] for n in nlargest(LONGEST_SHOWN, range(len(runs)), lengths.__getitem__)],
    )


def _add(lane: list[tuple[str, int, int]], status: str, start: int, end: int) -> None:
    end = max(end, start + 1)
    if lane and lane[-1][0] == status and start <= lane[-1][2]:
        lane[-1] = (status, lane[-1][1], max(end, lane[-1][2]))
    else:
        lane.append((status, start, end))


def _path(lanes: Sequence[Iterable[tuple[str, int, int]]], status: str, pitch: float) -> str:
    """Relative moves along each lane: the shortest way to write them."""
    parts: list[str] = []
    for number, lane in enumerate(lanes):
        x = -1
        for kind, start, end in lane:
            if kind != status:
                continue
            if x < 0:
                parts.append(f"M{start} {(number + 0.5) * pitch:.1f}h{end - start}")
            else:
                parts.append(f"m{start - x} 0h{end - start}")
            x = end
    return "".join(parts)


def _bar(
    job: Job, phases: Sequence[Phase], scale: Scale, now: float, *, is_own: bool = False
) -> Bar:
    way = _way(job, phases)
    ends = [phase.since for phase in way[1:]] + [now]
    segments = [
        _segment(phase.status, phase.since, end, scale, drawn=_drawn(job.status, phase, following))
        for phase, end, following in zip(way, ends, [*way[1:], None], strict=True)
        if phase.status in WORDS
    ]
    is_child = job.array_index is not None
    return Bar(
        id=f"bar-{job.pk}",
        label=str(job.array_index) if is_child and not is_own else job.name,
        url=reverse("job", args=[job.pk]),
        status=job.status,
        segments=segments,
        is_own=is_own,
        is_array=job.is_array,
    )


def _way(job: Job, phases: Sequence[Phase]) -> list[Phase]:
    """An array is PENDING while its children run; when the first of them began is known once all have ended."""
    way = list(phases)
    if job.is_array and job.started_at is not None and len(way) > 1:
        way.insert(-1, Phase(JobStatus.RUNNING, job.started_at.timestamp()))
    return way


def _drawn(status: str, phase: Phase, following: Phase | None) -> str:
    is_last_run = following is not None and following.status == status and status in TERMINAL
    return status if is_last_run and phase.status == JobStatus.RUNNING else phase.status


def _container_bar(job: Job, attempt: Attempt, scale: Scale, now: float) -> Bar:
    placed = attempt.placed_at.timestamp()
    end = _epoch(attempt.stopped_at or attempt.ended_at, now)
    started = _epoch(attempt.started_at, end)
    status = _status_of(attempt)
    segments = [_segment(JobStatus.STARTING, placed, started, scale)]
    if attempt.started_at is not None:
        segments.append(_segment(JobStatus.RUNNING, started, end, scale, drawn=status))
    node = f"#{attempt.node_index} " if job.node_count > 1 else ""
    return Bar(
        id=f"bar-container-{attempt.pk}",
        label=f"{node}{attempt.container_name}",
        url=f"{reverse('job', args=[job.pk])}?attempt={query_of(attempt)}",
        status=status,
        segments=segments,
    )


def _status_of(attempt: Attempt) -> str:
    if attempt.ended_at is not None:
        return JobStatus.SUCCEEDED if attempt.exit_code == 0 else JobStatus.FAILED
    return JobStatus.RUNNING if attempt.started_at is not None else JobStatus.STARTING


def _segment(
    status: str, start: float, end: float, scale: Scale, *, drawn: str | None = None
) -> Segment:
    x = scale.place(start)
    return Segment(
        status=str(status),
        drawn=str(drawn or status),
        x=min(x, WIDTH - LEAST_WIDTH),
        width=max(scale.place(end) - x, LEAST_WIDTH),
        seconds=max(end - start, 0.0),
    )


def _begun(job: Job, phases: Sequence[Phase]) -> float:
    return phases[0].since if phases else job.created_at.timestamp()


def _epoch(at: datetime | None, default: float) -> float:
    return default if at is None else at.timestamp()
