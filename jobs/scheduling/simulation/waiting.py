"""Who waits, and what a pass sees of them: the front of each queue, as `jobs.selectors.passes.fronts` reads it."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ..plan import Plan
from ..scouts import Scouts
from ..shares import decayed, usage_by_share, used_by_run, weight_of
from ..snapshot import FairShareView, JobView, QueueView, RunningView, ShareUsageView, Snapshot
from .imagined import ImaginedJob, number_of
from .workload import QueueModel

# As `jobs.processes.scheduler` and `jobs.selectors.passes.fronts` have them for passes; a test holds them together.
FRONT = 100
JOBS_PER_PASS = 1000
LEAST_OF_A_QUEUE = 25
SHARES_WITH_SEVERAL = 20
SEVERAL = 5

View = Callable[[ImaginedJob], JobView]


class Line(Protocol):
    """The jobs that wait in one queue."""

    def __len__(self) -> int: ...

    def add(self, job: ImaginedJob) -> None:
        """It waits from now on; its place is by its number, so one that is tried again is no newcomer."""

    def remove(self, job: ImaginedJob) -> None:
        """It starts."""

    def charge(self, job: ImaginedJob, *, seconds: float, now: datetime) -> None:
        """It ran for so long, and ended now."""

    def front(
        self, size: int, view: View, running: Iterable[RunningView], now: datetime
    ) -> "Front":
        """What a pass takes of it."""

    def behind(self, after: UUID, count: int) -> list[ImaginedJob]:
        """The jobs right behind this one; none where turns are no order of submission."""


class Front:
    """The first jobs of a queue, and the queue with them."""

    __slots__ = ("fair_share", "has_more", "jobs")

    def __init__(
        self, jobs: list[JobView], *, has_more: bool, fair_share: FairShareView | None = None
    ) -> None:
        self.jobs = jobs
        self.has_more = has_more
        self.fair_share = fair_share


class FifoLine:
    """By submission."""

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._jobs: dict[int, ImaginedJob] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, job: ImaginedJob) -> None:
        insort(self._numbers, job.number)
        self._jobs[job.number] = job

    def remove(self, job: ImaginedJob) -> None:
        del self._numbers[bisect_left(self._numbers, job.number)]
        del self._jobs[job.number]

    def charge(self, job: ImaginedJob, *, seconds: float, now: datetime) -> None:
        """Nobody is charged where turns go by submission."""

    def front(self, size: int, view: View, running: Iterable[RunningView], now: datetime) -> Front:
        del running, now
        jobs = [view(self._jobs[number]) for number in self._numbers[:size]]
        return Front(jobs, has_more=len(self._numbers) > size)

    def behind(self, after: UUID, count: int) -> list[ImaginedJob]:
        start = bisect_right(self._numbers, number_of(after))
        return [self._jobs[number] for number in self._numbers[start : start + count]]


class ShareLine:
    """By fair share."""

    def __init__(self, policy: FairShareView) -> None:
        self._policy = policy
        self._shares: dict[str, list[tuple[int, int]]] = {}
        self._jobs: dict[int, ImaginedJob] = {}
        self._used: dict[str, tuple[float, datetime]] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: ImaginedJob) -> None:
        insort(self._shares.setdefault(job.task.share, []), _order(job))
        self._jobs[job.number] = job

    def remove(self, job: ImaginedJob) -> None:
        waiting = self._shares[job.task.share]
        del waiting[bisect_left(waiting, _order(job))]
        if not waiting:
            del self._shares[job.task.share]
        del self._jobs[job.number]

    def charge(self, job: ImaginedJob, *, seconds: float, now: datetime) -> None:
        """As `jobs.services.attempts.shares` does at an attempt's end."""
        decay = self._policy.decay_seconds
        amount, as_of = self._used.get(job.task.share, (0.0, now))
        run = used_by_run(milli_vcpus=job.task.milli_vcpus, seconds=seconds, decay_seconds=decay)
        left = decayed(amount, as_of=as_of, now=now, decay_seconds=decay)
        self._used[job.task.share] = (left + run, now)

    def front(self, size: int, view: View, running: Iterable[RunningView], now: datetime) -> Front:
        names = self._by_turn(running, now)
        several = names[:SHARES_WITH_SEVERAL]
        each = max(-(-size // max(len(several), 1)), SEVERAL)
        read = [entry for name in several for entry in self._shares[name][:each]]
        read += [self._shares[name][0] for name in names[len(several) : size]]
        jobs = [view(self._jobs[number]) for _, number in read]
        counts = Counter(job.share_identifier for job in jobs)
        partial = frozenset(name for name in names if len(self._shares[name]) > counts[name])
        policy = replace(self._view_of(names), waiting=frozenset(names), partial=partial)
        return Front(jobs, has_more=bool(partial), fair_share=policy)

    def behind(self, after: UUID, count: int) -> list[ImaginedJob]:
        del after, count
        return []

    def _by_turn(self, running: Iterable[RunningView], now: datetime) -> list[str]:
        used = usage_by_share(self._view_of(self._shares), running, now)
        weights = self._policy.weights
        return sorted(
            self._shares,
            key=lambda name: (
                weight_of(name, weights) * used.get(name, 0.0),
                self._shares[name][0][1],
            ),
        )

    def _view_of(self, names: Iterable[str]) -> FairShareView:
        usage = tuple(
            ShareUsageView(name, *self._used[name]) for name in names if name in self._used
        )
        return replace(self._policy, usage=usage)


def _order(job: ImaginedJob) -> tuple[int, int]:
    return -job.task.scheduling_priority, job.number


def _as_scouted(view: JobView) -> JobView:
    """A copy; `replace` takes three times as long."""
    return JobView(
        id=view.id,
        queue_id=view.queue_id,
        needs=view.needs,
        attempts_made=view.attempts_made,
        gang=view.gang,
        limit_seconds=view.limit_seconds,
        estimate_seconds=view.estimate_seconds,
        scouted=True,
    )


class Waiting:
    """All queues with the environments that they try. Their ids are their places, counted from 1."""

    def __init__(self, queues: Sequence[tuple[QueueModel, tuple[int, ...]]]) -> None:
        self.ids = {queue.name: id_ for id_, (queue, _) in enumerate(queues, start=1)}
        self._queues = dict(enumerate(queues, start=1))
        self._lines: dict[int, Line] = {
            id_: FifoLine() if queue.fair_share is None else ShareLine(queue.fair_share)
            for id_, (queue, _) in self._queues.items()
        }
        self._seen: dict[UUID, ImaginedJob] = {}
        self._scouts = Scouts()

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def add(self, job: ImaginedJob) -> bool:
        """It waits from now on. Whether a pass could see it: not behind a front that is full."""
        line = self._lines[job.queue_id]
        line.add(job)
        return len(line) <= FRONT or self._queues[job.queue_id][0].fair_share is not None

    def take(self, view: JobView) -> ImaginedJob:
        """It starts."""
        job = self._seen[view.id]
        self._lines[job.queue_id].remove(job)
        return job

    def charge(self, job: ImaginedJob, *, seconds: float, now: datetime) -> None:
        """It ran for so long, and ended now."""
        self._lines[job.queue_id].charge(job, seconds=seconds, now=now)

    def look(
        self,
        running: Sequence[RunningView],
        now: datetime,
        expected: Callable[[str], float | None],
        *,
        further_behind: bool,
    ) -> tuple[tuple[JobView, ...], tuple[QueueView, ...]]:
        """What a pass sees: the jobs at the front of each queue, some from `further_behind`, and the queues."""
        self._seen = {}

        def view(job: ImaginedJob) -> JobView:
            seen = job.view(expected(job.task.definition))
            self._seen[seen.id] = job
            return seen

        busy = sum(1 for line in self._lines.values() if len(line))
        size = min(FRONT, max(JOBS_PER_PASS // max(busy, 1), LEAST_OF_A_QUEUE))
        fronts = {
            id_: line.front(size, view, self._running_of(id_, running), now)
            for id_, line in self._lines.items()
        }
        jobs = [job for front in fronts.values() for job in front.jobs]
        for id_, front in fronts.items() if further_behind else ():
            jobs += self._scouted(id_, front, view)
        return tuple(jobs), tuple(self._queue_view(id_, front) for id_, front in fronts.items())

    def learn(self, snapshot: Snapshot, plan: Plan) -> None:
        """After a pass: where the next one looks further behind."""
        self._scouts.learn(snapshot, plan)

    def _scouted(self, queue_id: int, front: Front, view: View) -> list[JobView]:
        if not front.has_more or not front.jobs or not self._queues[queue_id][0].backfill:
            return []
        last = front.jobs[-1].id
        start = max(last, self._scouts.behind.get(queue_id, last), key=lambda id_: id_.int)
        behind = self._lines[queue_id].behind(start, len(front.jobs))
        return [_as_scouted(view(job)) for job in behind]

    def _running_of(self, queue_id: int, running: Sequence[RunningView]) -> list[RunningView]:
        if self._queues[queue_id][0].fair_share is None:
            return []
        return [run for run in running if run.queue_id == queue_id]

    def _queue_view(self, id_: int, front: Front) -> QueueView:
        model, environment_ids = self._queues[id_]
        return QueueView(
            id=id_,
            name=model.name,
            priority=model.priority,
            environment_ids=environment_ids,
            backfill=model.backfill,
            fair_share=front.fair_share,
            has_more=front.has_more,
        )
