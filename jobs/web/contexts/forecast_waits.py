"""How long a submission would wait on each kind of capacity, beside what it would cost there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from jobs.scheduling.decide import explain_job
from jobs.scheduling.estimate import estimate
from jobs.scheduling.order import LAST_ID
from jobs.scheduling.plan import Wait
from jobs.scheduling.snapshot import EnvironmentView, JobView, QueueView, Snapshot

from .forecast_kinds import KindEstimate

# A queue that exists in no database: what would be if the job's own had this one environment.
IMAGINED_ID = -1


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

    The job's own queue is looked at first, then the others by their priority. No query: one decision, and
    where there is no room one estimate, for each environment. Without `asked` nothing is told of waits.
    """
    if asked is None:
        return [KindRow(kind, None) for kind in kinds]
    known: dict[int, KindWait] = {}
    rows = []
    for kind in kinds:
        found = _place(asked, kind) if kind.hourly else None
        if found is None:
            rows.append(KindRow(kind, None))
            continue
        queue, environment = found
        if environment.id not in known:
            known[environment.id] = _wait(asked, queue, environment)
        rows.append(KindRow(kind, known[environment.id]))
    return rows


def _place(asked: Asked, kind: KindEstimate) -> tuple[QueueView, EnvironmentView] | None:
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
    # Beside its queue, not in it: those before it keep all of that queue's environments. It comes after them
    # as the newest of one of the same priority does; shares of a fair-share queue do not count here.
    imagined = replace(queue, id=IMAGINED_ID, environment_ids=(environment.id,), fair_share=None)
    job = replace(asked.job, id=LAST_ID, queue_id=IMAGINED_ID, share_identifier="")
    around = replace(asked.snapshot, queues=(*asked.snapshot.queues, imagined))
    answer = explain_job(around, job, asked.at)
    found = KindWait(
        environment=environment.name,
        queue="" if queue.id == asked.job.queue_id else queue.name,
        wait=answer.wait,
        notice_seconds=answer.notice_seconds,
        is_far_behind=queue.has_more,
    )
    if found.wait is None or found.cannot_start or found.is_far_behind:
        return found
    starts = estimate(replace(around, jobs=(*around.jobs, job)), asked.at)
    return replace(found, starts_at=starts.get(LAST_ID))
