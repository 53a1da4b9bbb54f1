"""A queue that is deleted ends its jobs, and then goes."""

import pytest

from jobs.domain.errors import Conflict
from jobs.domain.states import JobStatus
from jobs.models import (
    Attempt,
    ComputeEnvironment,
    Job,
    JobQueue,
)
from jobs.processes.scheduler import schedule_once
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.services.attempts.finish import finish_attempt
from jobs.services.passes import statuses
from jobs.services.passes.lease import Lease
from jobs.services.requests.stop import cancel_job
from jobs.services.setup.environments import (
    delete_environment,
)
from jobs.services.setup.queues import create_queue, delete_queue
from tests.builders import (
    NOW,
    a_job,
    a_queue,
    an_array,
    an_attempt,
    an_environment,
)
from tests.services.stepping import submitted
from tests.services.test_statuses import OVER, advance, disabled_queue, everything, status

pytestmark = pytest.mark.django_db


def test_a_deleted_queue_terminates_its_jobs_and_goes(lease: Lease) -> None:
    environment = an_environment(name="here")
    queue = disabled_queue(environment)
    runnable = a_job(queue=queue, status=JobStatus.RUNNABLE)
    waiting = submitted(runnable, queue=queue)
    array = an_array(3, queue=queue)
    attempt = an_attempt(job=a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1))
    done = a_job(queue=queue, status=JobStatus.SUCCEEDED)
    other = a_job(status=JobStatus.RUNNABLE)
    delete_queue(queue=queue)
    assert status(queue) == ("DELETING", "")
    everything(lease)
    for job in (runnable, waiting, array, *Job.objects.filter(parent=array)):
        job.refresh_from_db()
        assert (job.status, job.stop_kind) == (JobStatus.FAILED, "TERMINATE")
    runnable.refresh_from_db()
    assert runnable.status_reason == "The job queue of this job was deleted."
    attempt.job.refresh_from_db()
    assert (attempt.job.status, attempt.job.stop_kind) == (JobStatus.RUNNING, "TERMINATE")
    # It waits for what runs, and holds its environment until then.
    assert status(queue)[0] == "DELETING"
    ComputeEnvironment.objects.filter(pk=environment.pk).update(state="DISABLED")
    with pytest.raises(Conflict, match="existing JobQueue relationship"):
        delete_environment(environment=environment)
    finish_attempt(attempt=attempt, outcome=OVER, now=NOW)
    everything(lease)
    assert status(queue)[0] == "DELETED"
    delete_environment(environment=environment)
    for job, expected in ((done, "SUCCEEDED"), (other, "RUNNABLE")):
        job.refresh_from_db()
        assert job.status == expected
    assert done.queue.name == queue.name


def test_more_jobs_than_a_portion_are_terminated_in_portions(
    lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuses, "PORTION", 2)
    queue = disabled_queue()
    for _ in range(5):
        a_job(queue=queue, status=JobStatus.RUNNABLE)
    delete_queue(queue=queue)
    assert statuses.advance_statuses(lease=lease, now=NOW)
    assert Job.objects.filter(status=JobStatus.FAILED).count() == 2
    advance(lease)
    assert status(queue)[0] == "DELETING"
    advance(lease)
    assert status(queue)[0] == "DELETED"


def test_an_array_that_was_cancelled_is_terminated_all_the_same(lease: Lease) -> None:
    queue = disabled_queue()
    array = an_array(2, queue=queue, children=JobStatus.RUNNING)
    cancel_job(job=array, reason="", now=NOW)
    Job.objects.filter(pk=array.pk).update(stop_requested_at=NOW, stop_kind="CANCEL")
    delete_queue(queue=queue)
    advance(lease)
    array.refresh_from_db()
    assert array.stop_kind == "TERMINATE"


def test_the_jobs_of_a_queue_that_is_being_deleted_are_not_placed(lease: Lease) -> None:
    queue = disabled_queue()
    a_job(queue=queue, status=JobStatus.RUNNABLE)
    attempt = an_attempt(job=a_job(queue=queue, status=JobStatus.RUNNING, attempts_made=1))
    delete_queue(queue=queue)
    snapshot = load_snapshot(front=100, even_if_idle=True)
    assert (snapshot.queues, snapshot.jobs) == ((), ())
    assert [run.node_id for run in snapshot.running] == [attempt.node_id]
    # Its running job still takes room from others.
    a_job(queue=a_queue(attempt.environment), status=JobStatus.RUNNABLE)
    schedule_once(lease=lease, now=NOW)
    assert Attempt.objects.filter(ended_at__isnull=True).count() == 2


def test_a_job_that_came_in_while_its_queue_went_is_terminated(lease: Lease) -> None:
    """Its submission was checked before, and committed after the queue was DELETED."""
    queue = disabled_queue()
    delete_queue(queue=queue)
    advance(lease)
    job = submitted(queue=queue)
    array = submitted(queue=queue, size=2)
    everything(lease)
    for each in (job, array, *Job.objects.filter(parent=array)):
        each.refresh_from_db()
        assert each.status == JobStatus.FAILED
    job.refresh_from_db()
    assert job.status_reason == "The job queue of this job was deleted."


def test_the_name_of_a_deleted_queue_is_free(lease: Lease) -> None:
    queue = disabled_queue(an_environment(name="a"))
    delete_queue(queue=queue)
    advance(lease)
    again = create_queue(fields={"name": queue.name, "environments": ["a"]}, now=NOW)
    assert again.pk != queue.pk
    assert [row.pk for row in JobQueue.objects.filter(name=queue.name)] == [again.pk]
