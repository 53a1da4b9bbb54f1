import pytest

from jobs.domain.errors import InvalidInput
from jobs.domain.states import PLACED, TERMINAL
from jobs.models import JobStatus
from jobs.services.requests.stop import cancel_job, terminate_job
from tests.builders import NOW, a_job, an_attempt

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE"])
def test_a_waiting_job_is_cancelled_with_the_given_reason(status: str) -> None:
    job = a_job(status=status)
    assert cancel_job(job=job, reason="not needed", now=NOW)
    job.refresh_from_db()
    assert (job.status, job.status_reason, job.stopped_at) == ("FAILED", "not needed", NOW)


@pytest.mark.parametrize("status", sorted(PLACED | TERMINAL))
def test_cancel_leaves_a_placed_or_ended_job_alone(status: str) -> None:
    job = a_job(status=status)
    assert not cancel_job(job=job, reason="not needed", now=NOW)
    job.refresh_from_db()
    assert (job.status, job.stop_requested_at) == (status, None)


@pytest.mark.parametrize("status", ["SUBMITTED", "PENDING", "RUNNABLE"])
def test_terminate_ends_a_waiting_job_at_once(status: str) -> None:
    job = a_job(status=status)
    assert terminate_job(job=job, reason="", now=NOW)
    job.refresh_from_db()
    assert (job.status, job.status_reason) == ("FAILED", "Terminated by user")


@pytest.mark.parametrize("status", sorted(PLACED))
def test_terminate_asks_a_placed_job_to_stop_and_keeps_the_first_reason(status: str) -> None:
    job = a_job(status=status, attempts_made=1)
    an_attempt(job=job)
    assert terminate_job(job=job, reason="first", now=NOW)
    assert not terminate_job(job=job, reason="second", now=NOW)
    job.refresh_from_db()
    assert (job.status, job.stop_reason, job.stop_requested_at) == (status, "first", NOW)


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_terminate_leaves_an_ended_job_alone(status: str) -> None:
    job = a_job(status=status)
    assert not terminate_job(job=job, reason="late", now=NOW)
    job.refresh_from_db()
    assert job.stop_reason == ""


def test_a_reason_that_is_too_long_changes_nothing() -> None:
    job = a_job(status=JobStatus.RUNNABLE)
    with pytest.raises(InvalidInput, match="at most 1024 characters"):
        cancel_job(job=job, reason="x" * 1025, now=NOW)
    job.refresh_from_db()
    assert job.status == JobStatus.RUNNABLE
