"""A machine room in which time passes: every pass is a real one, every run ends when it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from jobs.domain.resources import Resources
from jobs.scheduling.decide import decide
from jobs.scheduling.plan import Placement
from jobs.scheduling.shares import decayed, used_by_run
from jobs.scheduling.snapshot import JobView, RunningView, ShareUsageView, Snapshot
from tests.scheduling.views import NOTHING, NOW


@dataclass
class Run:
    placement: Placement
    started_at: datetime
    ends_at: datetime

    def views(self) -> list[RunningView]:
        job = self.placement.job
        return [
            RunningView(
                job.queue_id,
                self.placement.environment_id,
                node_id,
                part,
                started_at=self.started_at,
                limit_seconds=job.limit_seconds,
                estimate_seconds=job.estimate_seconds,
                share_identifier=job.share_identifier,
            )
            for node_id, part in zip(self.placement.node_ids, job.parts, strict=True)
        ]


@dataclass
class Simulation:
    """`room` is a snapshot without jobs; `seconds` says how long a job really runs."""

    room: Snapshot
    waiting: list[JobView]
    seconds: Callable[[JobView], float]
    now: datetime = NOW
    running: list[Run] = field(default_factory=list)
    started: dict[UUID, datetime] = field(default_factory=dict)
    used: dict[tuple[int, str], tuple[float, datetime]] = field(default_factory=dict)
    milli_vcpu_seconds: dict[str, float] = field(default_factory=dict)

    def snapshot(self) -> Snapshot:
        views = [view for run in self.running for view in run.views()]
        return replace(
            self.room,
            nodes=tuple(
                replace(
                    node,
                    used=sum((v.holds for v in views if v.node_id == node.id), start=NOTHING),
                )
                for node in self.room.nodes
            ),
            environments=tuple(
                replace(
                    env,
                    used_milli_vcpus=sum(
                        v.holds.milli_vcpus for v in views if v.environment_id == env.id
                    ),
                )
                for env in self.room.environments
            ),
            queues=tuple(
                replace(
                    queue,
                    fair_share=replace(queue.fair_share, usage=self._usage(queue.id)),
                )
                if queue.fair_share
                else queue
                for queue in self.room.queues
            ),
            jobs=tuple(self.waiting),
            running=tuple(views),
        )

    def step(self) -> None:
        """One pass, and then on to the next end."""
        plan = decide(self.snapshot(), self.now)
        placed = {placement.job.id for placement in plan.placements}
        for placement in plan.placements:
            self.started[placement.job.id] = self.now
            ends_at = self.now + timedelta(seconds=self.seconds(placement.job))
            self.running.append(Run(placement, self.now, ends_at))
        self.waiting = [job for job in self.waiting if job.id not in placed]
        if self.running:
            self.now = max(self.now, min(run.ends_at for run in self.running))
        for run in [run for run in self.running if run.ends_at <= self.now]:
            self._end(run)

    def _end(self, run: Run) -> None:
        self.running.remove(run)
        job = run.placement.job
        policies = {queue.id: queue.fair_share for queue in self.room.queues}
        policy = policies[job.queue_id]
        seconds = (run.ends_at - run.started_at).total_seconds()
        share = job.share_identifier
        self.milli_vcpu_seconds[share] = (
            self.milli_vcpu_seconds.get(share, 0.0) + job.milli_vcpus * seconds
        )
        if policy is None:
            return
        amount, as_of = self.used.get((job.queue_id, share), (0.0, self.now))
        left = decayed(amount, as_of=as_of, now=self.now, decay_seconds=policy.decay_seconds)
        charge = used_by_run(
            milli_vcpus=job.milli_vcpus, seconds=seconds, decay_seconds=policy.decay_seconds
        )
        self.used[job.queue_id, share] = (left + charge, self.now)

    def _usage(self, queue_id: int) -> tuple[ShareUsageView, ...]:
        return tuple(
            ShareUsageView(share, amount, as_of)
            for (id_, share), (amount, as_of) in self.used.items()
            if id_ == queue_id
        )


def start_alone(snapshot: Snapshot, job: JobView, now: datetime) -> datetime | None:
    """When the job would start if nothing else started before: all that runs taken to its limit."""
    ends = sorted(
        (run.started_at or now) + timedelta(seconds=run.limit_seconds + snapshot.grace_seconds)
        for run in snapshot.running
        if run.limit_seconds is not None
    )
    for moment in [now, *ends]:
        left = tuple(
            run
            for run in snapshot.running
            if run.limit_seconds is None
            or (run.started_at or now)
            + timedelta(seconds=run.limit_seconds + snapshot.grace_seconds)
            > moment
        )
        later = replace(
            snapshot,
            running=left,
            jobs=(job,),
            nodes=tuple(
                replace(
                    node,
                    used=sum(
                        (r.holds for r in left if r.node_id == node.id), start=Resources(0, 0)
                    ),
                )
                for node in snapshot.nodes
            ),
            environments=tuple(
                replace(
                    env,
                    used_milli_vcpus=sum(
                        r.holds.milli_vcpus for r in left if r.environment_id == env.id
                    ),
                )
                for env in snapshot.environments
            ),
        )
        if decide(later, moment).placements:
            return moment
    return None
