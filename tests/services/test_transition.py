import pytest

from jobs.domain.states import JobStatus
from jobs.models import Job, Transition
from jobs.services.writing.transition import IllegalTransition, transition
from tests.builders import NOW, a_job

pytestmark = pytest.mark.django_db


def move(*jobs: Job, old: JobStatus, new: JobStatus) -> list[object]:
    return list(
        transition(job_ids=[job.id for job in jobs], old=old, new=new, now=NOW, reason="why")
    )


def test_a_transition_writes_status_reason_time_and_history() -> None:
    job = a_job()
    assert move(job, old=JobStatus.SUBMITTED, new=JobStatus.FAILED) == [job.id]
    job.refresh_from_db()
    assert (job.status, job.status_reason, job.stopped_at) == ("FAILED", "why", NOW)
    line = Transition.objects.filter(job=job).last()
    assert line is not None
    assert (line.from_status, line.to_status, line.reason, line.at) == (
        "SUBMITTED",
        "FAILED",
        "why",
        NOW,
    )


def test_whoever_comes_second_changes_nothing_and_is_no_error() -> None:
    job = a_job()
    move(job, old=JobStatus.SUBMITTED, new=JobStatus.RUNNABLE)
    assert move(job, old=JobStatus.SUBMITTED, new=JobStatus.FAILED) == []
    job.refresh_from_db()
    assert job.status == JobStatus.RUNNABLE
    assert Transition.objects.filter(job=job).count() == 2


def test_of_many_jobs_only_those_in_the_old_status_move() -> None:
    ready, gone = a_job(), a_job(status=JobStatus.FAILED)
    assert move(ready, gone, old=JobStatus.SUBMITTED, new=JobStatus.RUNNABLE) == [ready.id]
    assert Transition.objects.filter(job=gone).count() == 1


def test_a_step_outside_the_table_is_a_bug_and_raises() -> None:
    with pytest.raises(IllegalTransition):
        move(a_job(), old=JobStatus.SUBMITTED, new=JobStatus.RUNNING)
