"""What a list of jobs says below a status: why a job failed or waits, or that it stops."""

from dataclasses import dataclass

from jobs.domain import reasons
from jobs.domain.states import JobStatus
from jobs.models import Job
from jobs.models.job import LIVE_STATUSES
from jobs.scheduling.reasons import brief_detail, split_reason

from ..joblinks import without_job_ids
from ..plaintext import visible

STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class StatusNote:
    """Some words, and the whole `title` where they are a part of it, both made visible.

    `cannot_start`: the job waits for a change by somebody, not for room.
    """

    text: str
    title: str = ""
    cannot_start: bool = False


def status_note(job: Job) -> StatusNote | None:
    """What there is to say beside the status of a job; None where nothing is."""
    if job.status == JobStatus.FAILED and job.status_reason:
        return StatusNote(brief_reason(job), title=visible(job.status_reason))
    if waits := wait_detail(job):
        return StatusNote(
            waits, title=visible(job.status_reason), cannot_start=is_misconfigured(job)
        )
    if job.stop_requested_at and job.status in LIVE_STATUSES:
        return StatusNote(STOPPING)
    return None


def brief_reason(job: Job) -> str:
    """Why a job ended as it did, in a few words."""
    return visible(reasons.brief(status_reason=job.status_reason, exit_code=job.exit_code))


def wait_detail(job: Job) -> str:
    """Why a RUNNABLE job waits, in short, without code, queue and ids; empty for others, and before it was said."""
    if job.status != JobStatus.RUNNABLE:
        return ""
    code, detail = split_reason(job.status_reason)
    # Another text is from before a retry.
    return visible(without_job_ids(brief_detail(detail))) if code else ""


def is_misconfigured(job: Job) -> bool:
    """Whether a RUNNABLE job waits for a change by somebody, not for room."""
    code, _ = split_reason(job.status_reason)
    return job.status == JobStatus.RUNNABLE and code is not None and code.is_misconfiguration
