"""Queues and environments move on with the scheduler's passes, whoever dies in between."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs import changes
from jobs.domain.errors import Conflict, InvalidInput, LostLease
from jobs.domain.states import LIVE, JobStatus
from jobs.models import (
    Attempt,
    ComputeEnvironment,
    Engine,
    EngineStatus,
    Job,
    JobQueue,
    SchedulerLease,
)
from jobs.processes.scheduler import schedule_once
from jobs.services.attempts.finish import AttemptOutcome
from jobs.services.passes import statuses
from jobs.services.passes.accept import accept_submitted
from jobs.services.passes.array_stop import carry_out_stops
from jobs.services.passes.lease import Lease, fence
from jobs.services.passes.settle import settle_ended
from jobs.services.requests.stop import stop_jobs
from jobs.services.requests.submit import submit_job
from jobs.services.setup.engines import delete_engine
from jobs.services.setup.environments import (
    create_environment,
    delete_environment,
    update_environment,
)
from jobs.services.setup.queues import create_queue, delete_queue, update_queue
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_queue,
    a_user,
    an_array,
    an_attempt,
    an_engine,
    an_environment,
    an_instance,
)
from tests.services.stepping import a_lease

pytestmark = pytest.mark.django_db
OVER = AttemptOutcome(
    status_reason="Essential container in task exited", explanation="", exit_code=143
)
MANAGED = {
    "type": "EC2",
    "allocationStrategy": "BEST_FIT",
    "minvCpus": 2,
    "desiredvCpus": 2,
    "maxvCpus": 4,
    "instanceTypes": ["rack.large"],
}
DOWN = {"status": EngineStatus.UNREACHABLE, "status_reason": "Connection refused"}
HEALTHY = ("VALID", "ComputeEnvironment Healthy")
QUEUE_HEALTHY = ("VALID", "JobQueue Healthy")


def advance(lease: Lease) -> None:
    while statuses.advance_statuses(lease=lease, now=NOW):
        pass


def status(row: ComputeEnvironment | JobQueue) -> tuple[str, str]:
    fresh = type(row).with_deleted.get(pk=row.pk)
    return fresh.status, fresh.status_reason


def disabled_queue(*environments: ComputeEnvironment) -> JobQueue:
    return a_queue(*environments, state="DISABLED")


def everything(lease: Lease) -> None:
    """All of a scheduler's pass but the placing, until nothing moves."""
    more = True
    while more:
        more = statuses.advance_statuses(lease=lease, now=NOW)
        more |= bool(accept_submitted(lease=lease, now=NOW))
        more |= bool(carry_out_stops(lease=lease, now=NOW))
        more |= settle_ended(lease=lease, now=NOW)


# Environments.


def test_a_new_environment_becomes_valid(lease: Lease) -> None:
    an_engine(name="local")
    row = create_environment(fields={"name": "new", "engine": "local"}, now=NOW)
    assert status(row) == ("CREATING", "")
    advance(lease)
    assert status(row) == HEALTHY


def test_on_an_engine_that_does_not_answer_it_becomes_invalid(lease: Lease) -> None:
    an_engine(name="far", **DOWN)
    row = create_environment(fields={"name": "there", "engine": "far"}, now=NOW)
    advance(lease)
    assert status(row) == ("INVALID", "Connection refused")


def test_a_changed_environment_is_updating_and_then_valid_again(lease: Lease) -> None:
    row = an_environment(status="INVALID", status_reason="Was away")
    update_environment(environment=row, fields={"usd_per_gib_hour": "1"})
    assert status(row) == ("UPDATING", "")
    advance(lease)
    assert status(row) == HEALTHY


def test_a_change_before_the_first_pass_leaves_it_creating() -> None:
    row = an_environment(status="CREATING")
    update_environment(environment=row, fields={"usd_per_gib_hour": "1"})
    assert status(row) == ("CREATING", "")


def test_a_deleted_environment_is_gone_and_its_name_is_free(lease: Lease) -> None:
    row = an_environment(name="same", state="DISABLED")
    delete_environment(environment=row)
    assert status(row) == ("DELETING", "")
    with pytest.raises(Conflict, match="is being deleted"):
        update_environment(environment=row, fields={"state": "ENABLED"})
    advance(lease)
    assert status(row) == ("DELETED", "")
    assert not ComputeEnvironment.objects.filter(name="same").exists()
    create_environment(fields={"name": "same", "engine": row.engine.name}, now=NOW)


def test_an_environment_where_something_runs_is_deleted_when_that_has_ended(lease: Lease) -> None:
    attempt = an_attempt()
    row = attempt.environment
    attempt.job.queue.environment_order.all().delete()
    ComputeEnvironment.objects.filter(pk=row.pk).update(state="DISABLED")
    delete_environment(environment=row)
    advance(lease)
    assert status(row)[0] == "DELETING"
    Attempt.objects.update(ended_at=NOW)
    advance(lease)
    assert status(row)[0] == "DELETED"
    assert Attempt.objects.get(pk=attempt.pk).environment.name == row.name


def test_an_environment_with_instances_is_deleted_when_they_have_ended(lease: Lease) -> None:
    row = an_environment(type="MANAGED", state="DISABLED", compute_resources=MANAGED)
    instance = an_instance(environment=row)
    delete_environment(environment=row)
    advance(lease)
    assert status(row)[0] == "DELETING"
    # Nothing runs on it, so a pass ends it.
    schedule_once(lease=lease, now=NOW)
    instance.refresh_from_db()
    assert instance.state == "ENDED"
    advance(lease)
    assert status(row)[0] == "DELETED"


@pytest.mark.parametrize(
    "change", [{"state": "DISABLED"}, {"status": "INVALID"}, {"status": "DELETING"}]
)
def test_nothing_is_placed_where_it_may_not(change: dict[str, str], lease: Lease) -> None:
    environment = an_environment()
    other = an_environment(**change)
    job = a_job(queue=a_queue(other, environment), status=JobStatus.RUNNABLE)
    # What is DELETING would go at once, were there nothing running in it.
    an_attempt(job=a_job(queue=job.queue, status=JobStatus.RUNNING), environment=other)
    schedule_once(lease=lease, now=NOW)
    assert Attempt.objects.get(job=job).environment == environment


# Queues.


def test_a_new_queue_becomes_valid_and_so_does_a_changed_one(lease: Lease) -> None:
    an_environment(name="a")
    row = create_queue(fields={"name": "new", "environments": ["a"]}, now=NOW)
    assert status(row) == ("CREATING", "")
    update_queue(queue=row, fields={"priority": 2})
    assert status(row) == ("CREATING", "")
    advance(lease)
    assert status(row) == QUEUE_HEALTHY
    update_queue(queue=row, fields={"priority": 3})
    assert status(row) == ("UPDATING", "")
    advance(lease)
    assert status(row) == QUEUE_HEALTHY


def test_a_queue_is_invalid_while_all_of_its_environments_are(lease: Lease) -> None:
    one, two = an_environment(name="one"), an_environment(name="two")
    row = a_queue(one, two)
    ComputeEnvironment.objects.filter(name="one").update(status="INVALID", status_reason="Away")
    advance(lease)
    assert status(row)[0] == "VALID"
    ComputeEnvironment.objects.update(status="INVALID", status_reason="Away")
    advance(lease)
    said = "None of the queue's compute environments is VALID. one: Away; two: Away"
    assert status(row) == ("INVALID", said)
    ComputeEnvironment.objects.filter(name="two").update(status="VALID")
    advance(lease)
    assert status(row) == QUEUE_HEALTHY


def test_a_job_is_taken_by_a_queue_that_is_still_being_made(lease: Lease) -> None:
    environment = an_environment()
    queue = create_queue(fields={"name": "new", "environments": [environment.name]}, now=NOW)
    definition = a_definition()
    fields = {"name": "job", "queue": "new", "definition": definition.name}
    job = submit_job(owner=a_user(), fields=fields, now=NOW)
    schedule_once(lease=lease, now=NOW)
    job.refresh_from_db()
    assert (job.status, status(queue)) == (JobStatus.STARTING, QUEUE_HEALTHY)


def test_where_nothing_moves_a_step_costs_three_small_queries(lease: Lease) -> None:
    a_queue(an_environment(), an_environment())
    with CaptureQueriesContext(connection) as queries:
        advance(lease)
    assert len(queries) == 3


# Who dies, and who is not the one to act.


class Killed(BaseException):
    """Nothing of the process goes on behind this."""


def die_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """From now on the process dies at the `number`th step between or within its transactions."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == number:
            raise Killed

    publish = changes.publish

    def fenced(lease: Lease) -> None:
        step()
        fence(lease)
        step()

    def published(topics: list[str]) -> None:
        step()
        publish(topics)

    def stopped(**fields: object) -> None:
        step()
        stop_jobs(**fields)  # type: ignore[arg-type]
        step()

    monkeypatch.setattr(statuses, "fence", fenced)
    monkeypatch.setattr(changes, "publish", published)
    monkeypatch.setattr(statuses, "stop_jobs", stopped)
    return lambda: steps


@pytest.mark.django_db(transaction=True)
def test_whoever_dies_at_any_step_everything_comes_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    last = 0
    number = 0
    while number <= last:
        number += 1
        lease = a_lease()
        leaving = an_environment(state="DISABLED", status="DELETING")
        coming = an_environment(status="CREATING")
        queue, new = disabled_queue(coming), a_queue(coming, status="UPDATING")
        a_job(queue=queue, status=JobStatus.RUNNABLE)
        an_array(2, queue=queue)
        delete_queue(queue=queue)
        with monkeypatch.context() as patch:
            steps = die_at(patch, number)
            with suppress(Killed):
                everything(lease)
            last = max(last, steps())
        everything(lease)
        advance(lease)
        assert [status(row)[0] for row in (leaving, coming, queue, new)] == [
            "DELETED",
            "VALID",
            "DELETED",
            "VALID",
        ]
        assert not Job.objects.filter(status__in=LIVE).exists()
        SchedulerLease.objects.all().delete()
    assert number > 5


def test_who_lost_the_lease_moves_nothing(lease: Lease) -> None:
    environment = an_environment(status="CREATING")
    queue = disabled_queue()
    delete_queue(queue=queue)
    SchedulerLease.objects.update(token=lease.token + 1)
    with pytest.raises(LostLease):
        advance(lease)
    assert (status(environment)[0], status(queue)[0]) == ("CREATING", "DELETING")


@pytest.mark.django_db(transaction=True)
def test_a_queue_never_gets_an_environment_that_is_being_deleted() -> None:
    engine = an_engine()

    def make(number: int) -> None:
        try:
            create_queue(fields={"name": f"q{number}", "environments": [f"e{number}"]}, now=NOW)
        except InvalidInput as error:
            said.append(str(error))
        finally:
            connection.close()

    def delete(number: int) -> None:
        try:
            row = ComputeEnvironment.objects.get(name=f"e{number}")
            delete_environment(environment=row)
        except Conflict as error:
            said.append(str(error))
        finally:
            connection.close()

    said: list[str] = []
    for number in range(6):
        an_environment(name=f"e{number}", engine=engine, state="DISABLED")
    with ThreadPoolExecutor(4) as pool:
        for number in range(6):
            first, second = (make, delete) if number % 2 else (delete, make)
            pool.submit(first, number)
            pool.submit(second, number)
    # Of each two one won, and the other was told so.
    assert len(said) == 6
    for number in range(6):
        row = ComputeEnvironment.objects.get(name=f"e{number}")
        assert (row.status == "DELETING") != row.queue_places.exists()


def test_an_engine_keeps_its_deleted_environments_where_jobs_ran(lease: Lease) -> None:
    environment = an_environment(state="DISABLED")
    delete_environment(environment=environment)
    with pytest.raises(Conflict, match="lies on the engine"):
        delete_engine(engine=environment.engine)
    advance(lease)
    delete_engine(engine=environment.engine)
    assert not Engine.objects.exists()
    attempt = an_attempt()
    Attempt.objects.update(ended_at=NOW)
    ComputeEnvironment.with_deleted.update(status="DELETED")
    with pytest.raises(Conflict, match="Jobs or instances have run on the engine"):
        delete_engine(engine=attempt.environment.engine)
