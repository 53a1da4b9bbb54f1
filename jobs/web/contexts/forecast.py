"""What a submission would cost, and whether it would start at once: beside the form, before it is sent."""

from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils import timezone

from jobs.domain.plans import JobPlan, plan_of
from jobs.domain.resources import Resources
from jobs.models import ComputeEnvironment, Job, JobStatus
from jobs.pricing import cost
from jobs.scheduling.decide import explain_job
from jobs.scheduling.order import LAST_ID
from jobs.scheduling.plan import Wait
from jobs.scheduling.snapshot import JobView
from jobs.selectors.choices import environments_in_order
from jobs.selectors.jobs import median_run_seconds
from jobs.selectors.snapshot import load_snapshot
from jobs.services.requests.submission import Submission

# So many waiting jobs of each queue tell whether there is room for one more.
OUTLOOK_FRONT = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the job would cost. `usd_per_run` is for the median of earlier runs; None without any.

    `needs` are those of all its nodes together; of an array, of one of its `children`.
    """

    usd_per_hour: Decimal
    usd_per_run: Decimal | None
    median_seconds: float | None
    needs: Resources
    environment: ComputeEnvironment
    children: int | None

    @property
    def usd_in_all(self) -> Decimal | None:
        """Of all children of an array."""
        if self.children is None or self.usd_per_run is None:
            return None
        return self.usd_per_run * self.children


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the scheduler would say to the job if it came now: `wait` is None if it would start.

    `failed` is a job that it waits for and that has failed, so that it would fail at once.
    """

    wait: Wait | None
    failed: Job | None = None


def estimate(submission: Submission) -> Estimate | None:
    """What a checked submission would cost in the first environment that its queue tries."""
    environments = environments_in_order(submission.queue.name)
    if not environments:
        return None
    first = environments[0]
    rates = cost.Rates(
        usd_per_vcpu_hour=first.usd_per_vcpu_hour, usd_per_gib_hour=first.usd_per_gib_hour
    )
    needs = _in_all(plan_of(submission.work))
    amounts = {"milli_vcpus": needs.milli_vcpus, "memory_mib": needs.memory_mib}
    median = median_run_seconds(submission.definition)
    per_run = None
    if median is not None:
        per_run = cost.usd(**amounts, seconds=Decimal(str(median)), rates=rates)
    return Estimate(
        usd_per_hour=cost.usd_per_hour(**amounts, rates=rates),
        usd_per_run=per_run,
        median_seconds=median,
        needs=needs,
        environment=first,
        children=submission.array_size,
    )


def outlook(submission: Submission, *, user: User) -> Outlook | None:
    """Whether a checked submission (of an array, its first child) would start now.

    None if its queue was deleted meanwhile, or if it waits for other jobs first.
    """
    for job, kind in submission.depends_on:
        # Child by child, those with a counterpart that succeeded would start.
        if job.status == JobStatus.FAILED and not kind:
            return Outlook(None, failed=job)
    if any(job.status != JobStatus.SUCCEEDED for job, _ in submission.depends_on):
        return None
    snapshot = load_snapshot(front=OUTLOOK_FRONT, even_if_idle=True)
    queue_id = submission.queue.id
    if all(queue.id != queue_id for queue in snapshot.queues):
        return None
    return Outlook(explain_job(snapshot, _as_waiting(submission, user), timezone.now()))


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
        share_identifier=submission.share_identifier,
        scheduling_priority=submission.scheduling_priority,
        consumables=tuple(
            (each["consumableResource"], each["quantity"]) for each in submission.consumables
        ),
        owner_id=user.pk,
    )


def _in_all(plan: JobPlan) -> Resources:
    total = Resources(0, 0)
    for node in plan.nodes:
        total += Resources(node.milli_vcpus, node.memory_mib, node.gpus)
    return total
