"""What a submission would cost, and whether it would start at once: beside the form, before it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils import timezone

from jobs.domain.plans import plan_of
from jobs.domain.resources import Resources
from jobs.models import Job, JobStatus
from jobs.scheduling.decide import explain_job
from jobs.scheduling.order import LAST_ID
from jobs.scheduling.plan import Wait
from jobs.scheduling.snapshot import JobView
from jobs.selectors.choices import environments_in_order
from jobs.selectors.jobs import RunSeconds
from jobs.selectors.waiting.earlier_runs import earlier_runs
from jobs.selectors.waiting.run_times import run_times
from jobs.selectors.waiting.snapshot import forecast_snapshot
from jobs.services.requests.submission import Submission

from .forecast_kinds import KindEstimate, kinds_of, request_of
from .forecast_waits import Asked


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the job would cost on each kind of capacity, the queue's first environment first.

    `runs` are those of earlier jobs of the definition; None without any. `needs` are those of all its nodes
    together; of an array, of one of its `children`.
    """

    kinds: list[KindEstimate]
    runs: RunSeconds | None
    needs: Resources
    children: int | None

    @property
    def own(self) -> KindEstimate:
        """Where it would run."""
        return self.kinds[0]

    @property
    def usd_in_all(self) -> Decimal | None:
        """Of all children of an array, each a run of median length."""
        usd = self.own.median_usd
        return None if self.children is None or usd is None else usd * self.children


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the scheduler would say to the job if it came now: `wait` is None if it would start.

    `first` are jobs that have to succeed before that; then it is told as if they had. `failed` is a job that it
    waits for and that has failed, so that it would fail at once. `notice_seconds`: Spot work would be interrupted
    for it, and has so long to make room.
    """

    wait: Wait | None
    failed: Job | None = None
    first: Sequence[Job] = ()
    notice_seconds: float | None = None


def estimate(submission: Submission) -> Estimate | None:
    """What a checked submission would cost; None if its queue has no environment."""
    environments = environments_in_order(submission.queue.name)
    if not environments:
        return None
    runs = earlier_runs(submission.definition)
    request = request_of(submission)
    return Estimate(
        kinds=kinds_of(request, runs, environments[0]),
        runs=runs,
        needs=sum(request.nodes, Resources(0, 0)),
        children=submission.array_size,
    )


def asked_of(submission: Submission, *, user: User) -> Asked | None:
    """A checked submission (of an array, its first child) and what it would come to now.

    None if its queue was deleted meanwhile, or if a job that it waits for has failed.
    """
    if any(job.status == JobStatus.FAILED for job, _ in submission.depends_on):
        return None
    snapshot = forecast_snapshot(submission.queue.id)
    if snapshot is None:
        return None
    return Asked(snapshot, _as_waiting(submission, user), timezone.now())


def outlook(submission: Submission, asked: Asked | None) -> Outlook | None:
    """Whether a checked submission would start now; None if nobody can tell."""
    for job, kind in submission.depends_on:
        # Child by child, those with a counterpart that succeeded would start.
        if job.status == JobStatus.FAILED and not kind:
            return Outlook(None, failed=job)
    if asked is None:
        return None
    answer = explain_job(asked.snapshot, asked.job, asked.at)
    first = [job for job, _ in submission.depends_on if job.status != JobStatus.SUCCEEDED]
    return Outlook(answer.wait, first=first, notice_seconds=answer.notice_seconds)


def _as_waiting(submission: Submission, user: User) -> JobView:
    plan = plan_of(submission.work)
    gang = tuple(Resources(node.milli_vcpus, node.memory_mib, node.gpus) for node in plan.nodes)
    return JobView(
        id=LAST_ID,
        queue_id=submission.queue.id,
        needs=Resources(submission.milli_vcpus, submission.memory_mib, submission.gpus),
        attempts_made=0,
        gang=gang if len(gang) > 1 else (),
        limit_seconds=submission.timeout_seconds,
        estimate_seconds=run_times.expected(submission.definition.pk),
        share_identifier=submission.share_identifier,
        scheduling_priority=submission.scheduling_priority,
        consumables=tuple(
            (each["consumableResource"], each["quantity"]) for each in submission.consumables
        ),
        owner_id=user.pk,
    )
