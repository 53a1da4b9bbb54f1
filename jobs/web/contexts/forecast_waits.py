"""How long a submission would wait on each kind of capacity, beside what it would cost there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from jobs.scheduling.decide import decide, explain_job
from jobs.scheduling.estimate import estimate
from jobs.scheduling.order import LAST_ID
from jobs.scheduling.plan import Wait
from jobs.scheduling.reasons import behind_the_front
from jobs.scheduling.snapshot import EnvironmentView, JobView, QueueView, Snapshot

from .forecast_kinds import KindEstimate

Place = tuple[QueueView, EnvironmentView]


@dataclass(frozen=True, slots=True)
class Asked:
    """A job that might be submitted, and what it would come to at that moment."""

    snapshot: Snapshot
    job: JobView
    at: datetime


@dataclass(frozen=True, slots=True)
class KindWait:
    """What the scheduler would say to the job on one environment, `environment`, if it came now.

    `wait` is None if it would start; `starts_at` is when it likely would, where earlier runs and time
    limits tell. `notice_seconds`: Spot work would be interrupted for it. `queue` is another one than the
    job's, where only that has such an environment; else empty. `is_far_behind`: so many wait before it that
    nobody can tell when.
    """

    environment: str
    queue: str
    wait: Wait | None
    starts_at: datetime | None = None
    notice_seconds: float | None = None
    is_far_behind: bool = False

    @property
    def cannot_start(self) -> bool:
        """Whether it waits for a change by somebody, not for room."""
        return self.wait is not None and self.wait.code.is_misconfiguration


@dataclass(frozen=True, slots=True)
class KindRow:
    """A kind of capacity: what the job would cost there, and how long it would wait.

    `wait` is None where no queue has such an environment, or nothing can be told.
    """

    kind: KindEstimate
    wait: KindWait | None


def with_waits(kinds: Sequence[KindEstimate], asked: Asked | None) -> list[KindRow]:
    """The kinds, each with the wait on the first environment of its sort that the job could go to.

    The job's own queue is looked at first, then the others by their priority. No query: one decision for all, and
    one more, where there is no room with an estimate, for each environment on which the job would not start at
    once. Without `asked` nothing is told of waits.
    """
    if asked is None:
        return [KindRow(kind, None) for kind in kinds]
    found = [_place(asked, kind) if kind.hourly else None for kind in kinds]
    places = {place[1].id: place for place in found if place is not None}
    free = _start_together(asked, places)
    known = {
        id_: _at_once(asked, *place) if id_ in free else _wait(asked, *place)
        for id_, place in places.items()
    }
    return [
        KindRow(kind, None if place is None else known[place[1].id])
        for kind, place in zip(kinds, found, strict=True)
    ]


def _start_together(asked: Asked, places: Mapping[int, Place]) -> set[int]:
    """The environments on which there is room even if the job were submitted to all of them at once.

    Where nobody has to give way for it, there would be for each of these by itself, too.
    """
    queues, jobs, ids = [], [], {}
    for number, (id_, (queue, environment)) in enumerate(places.items(), start=1):
        imagined, job = _imagined(asked, queue, environment, number)
        ids[job.id] = id_
        queues.append(imagined)
        jobs.append(job)
    snapshot = asked.snapshot
    around = replace(snapshot, queues=(*snapshot.queues, *queues), jobs=(*snapshot.jobs, *jobs))
    plan = decide(around, asked.at)
    if plan.interruptions or plan.drains:
        return set()
    return {ids[each.job.id] for each in plan.placements if each.job.id in ids}


def _at_once(asked: Asked, queue: QueueView, environment: EnvironmentView) -> KindWait:
    """Where there is room, but for those behind the queue's front, whom nobody has looked at."""
    return KindWait(
        environment=environment.name,
        queue=_other_queue(asked, queue),
        wait=Wait(LAST_ID, queue.id, *behind_the_front(queue)) if queue.has_more else None,
        is_far_behind=queue.has_more,
    )


def _place(asked: Asked, kind: KindEstimate) -> Place | None:
    """The queue and its environment of that kind; None if there is none."""
    by_id = {view.id: view for view in asked.snapshot.environments}

    def order(queue: QueueView) -> tuple[bool, int, int]:
        return queue.id != asked.job.queue_id, -queue.priority, queue.id

    for queue in sorted(asked.snapshot.queues, key=order):
        for environment_id in queue.environment_ids:
            view = by_id.get(environment_id)
            if view is not None and view.enabled and _is_of(view, kind):
                return queue, view
    return None


def _is_of(view: EnvironmentView, kind: KindEstimate) -> bool:
    if kind.environment is not None:
        return view.id == kind.environment.pk
    return view.kind == kind.sort


def _wait(asked: Asked, queue: QueueView, environment: EnvironmentView) -> KindWait:
    imagined, job = _imagined(asked, queue, environment, 1)
    around = replace(asked.snapshot, queues=(*asked.snapshot.queues, imagined))
    answer = explain_job(around, job, asked.at)
    found = KindWait(
        environment=environment.name,
        queue=_other_queue(asked, queue),
        wait=answer.wait,
        notice_seconds=answer.notice_seconds,
        is_far_behind=queue.has_more,
    )
    if found.wait is None or found.cannot_start or found.is_far_behind:
        return found
    starts = estimate(replace(around, jobs=(*around.jobs, job)), asked.at)
    return replace(found, starts_at=starts.get(job.id))


def _imagined(
    asked: Asked, queue: QueueView, environment: EnvironmentView, number: int
) -> tuple[QueueView, JobView]:
    """The job in a queue that exists in no database: what would be if its own had this one environment.

    Beside its queue, not in it: those before it keep all of that queue's environments. It comes after them as the
    newest of one of the same priority does; shares of a fair-share queue do not count here.
    """
    imagined = replace(
        queue,
        id=-number,
        environment_ids=(environment.id,),
        fair_share=None,
        beside=queue.id,
    )
    id_ = UUID(int=LAST_ID.int - number + 1)
    return imagined, replace(asked.job, id=id_, queue_id=imagined.id, share_identifier="")


def _other_queue(asked: Asked, queue: QueueView) -> str:
    return "" if queue.id == asked.job.queue_id else queue.name
