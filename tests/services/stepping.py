"""For tests of services that need no engine: an array, the scheduler's steps, and a job's way in one call."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from jobs.domain.ids import new_job_id
from jobs.domain.states import JobStatus
from jobs.models import ArraySummary, Job, JobSpec
from jobs.services.passes.accept import accept_submitted
from jobs.services.passes.array_stop import carry_out_stops
from jobs.services.passes.lease import Lease, Standby
from jobs.services.passes.settle import settle_ended
from jobs.services.requests.submit import write_job
from jobs.services.writing.transition import transition
from tests.builders import NOW, a_definition, a_queue, a_user


def a_lease() -> Lease:
    lease = Standby(holder="test").try_acquire(monotonic=0)
    assert lease is not None
    return lease


def submitted(
    *depends_on: tuple[Job, str] | Job,
    size: int | None = None,
    sequential: bool = False,
    **fields: Any,
) -> Job:
    """A job, or an array of `size`, as `submit_job` writes it. `depends_on`: jobs, or jobs with a type."""
    definition = fields.pop("definition", None) or a_definition()
    job_id = new_job_id()
    spec = JobSpec(
        id=job_id, image=definition.image, command=definition.command, sequential=sequential
    )
    values = {
        "name": "work",
        "definition": definition,
        "milli_vcpus": definition.milli_vcpus,
        "memory_mib": definition.memory_mib,
        "array_size": size,
    }
    values["queue"] = fields.pop("queue", None) or a_queue()
    values["owner"] = fields.pop("owner", None) or a_user()
    job = Job(id=job_id, spec=spec, **{**values, **fields})
    edges = [on if isinstance(on, tuple) else (on, "") for on in depends_on]
    with transaction.atomic():
        spec.save(force_insert=True)
        write_job(job=job, depends_on=edges, now=NOW)
    return job


def schedule(lease: Lease, now: datetime = NOW) -> None:
    """All of a pass but the placing, until there is nothing more to do."""
    more = True
    while more:
        accepted = accept_submitted(lease=lease, now=now)
        stopping = carry_out_stops(lease=lease, now=now)
        more = settle_ended(lease=lease, now=now) or bool(stopping) or bool(accepted)


def end(*jobs: Job, ok: bool = True, reason: str = "Essential container in task exited") -> None:
    """RUNNABLE jobs run and end."""
    steps = (JobStatus.RUNNABLE, JobStatus.STARTING, JobStatus.RUNNING)
    last = JobStatus.SUCCEEDED if ok else JobStatus.FAILED
    job_ids = [job.id for job in jobs]
    for old, new in zip(steps, (*steps[1:], last), strict=True):
        moved = transition(job_ids=job_ids, old=old, new=new, now=NOW, reason=reason)
        assert moved == sorted(job_ids), f"not all were {old}"


def children(parent: Job) -> list[Job]:
    return list(Job.objects.filter(parent=parent).order_by("array_index"))


def child(parent: Job, index: int) -> Job:
    return Job.objects.get(parent=parent, array_index=index)


def statuses(jobs: Sequence[Job]) -> list[str]:
    """Each job's status now, by its first letters."""
    now = {job.id: job.status for job in Job.objects.filter(id__in=[job.id for job in jobs])}
    return [now[job.id] for job in jobs]


def status(job: Job) -> str:
    return Job.objects.get(id=job.id).status


def reason(job: Job) -> str:
    return Job.objects.get(id=job.id).status_reason


def check_summaries() -> None:
    """The counters of every array are what its children are."""
    for summary in ArraySummary.objects.all():
        counted = dict.fromkeys(JobStatus, 0)
        for one in Job.objects.filter(parent=summary.job_id):
            counted[JobStatus(one.status)] += 1
        assert summary.counts() == counted
