"""Which posts take back what was just done."""

from django.urls import reverse

from jobs.domain.states import PLACED
from jobs.models import Job

from ..toasts import Undo

AFTER_SUBMISSION = "Taken back right after it was submitted."


def of_submission(job: Job) -> Undo:
    """Ends what was just submitted."""
    return Undo(reverse("job_terminate", args=[job.pk]), fields={"reason": AFTER_SUBMISSION})


def of_cancel(job: Job) -> Undo | None:
    """Submits what was cancelled again. An array of which a part goes on cannot be run again before its end."""
    if job.is_array:
        counts = job.array_summary.counts()
        if any(counts[status] for status in PLACED):
            return None
    return Undo(reverse("job_rerun", args=[job.pk]))


def of_state(kind: str, name: str, state: str) -> Undo:
    """Gives a `queue` or an `environment` the state that it had before this one."""
    return Undo(reverse(f"{kind}_{'enable' if state == 'DISABLED' else 'disable'}", args=[name]))
