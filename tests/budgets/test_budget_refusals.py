"""What an exceeded budget refuses: however a job is submitted, and nobody else's."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.domain.budgets import month_of, next_month
from jobs.domain.errors import Conflict, InvalidInput
from jobs.domain.states import JobStatus
from jobs.models import Budget, BudgetAction, BulkAction, BulkKind, Job, JobDefinition, JobQueue
from jobs.services.requests.bulk import go_on_with_bulk, start_bulk
from jobs.services.requests.rerun import rerun_job
from jobs.services.requests.submit import submit_job
from tests.api.asking import Refused, ask
from tests.builders import NOW, a_budget, a_definition, a_job, a_queue, a_user

pytestmark = pytest.mark.django_db
MONTH = month_of(timezone.now())
SPENT = {"spent_usd": 12, "usd_per_month": 10, "month": MONTH}
JSON = {"Accept": "application/json"}
TOLD = (
    f"The budget lab is spent: $12.00 of $10.00 in {MONTH:%B %Y}. No new jobs are taken. "
    f"Wait for {next_month(MONTH):%B}, "
    "or have an administrator raise the budget."
)


@pytest.fixture
def owner() -> User:
    return a_user()


@pytest.fixture
def queue() -> JobQueue:
    return a_queue()


@pytest.fixture
def definition() -> JobDefinition:
    return a_definition()


def exceeded(**fields: Any) -> Budget:
    values = {"name": "lab", "action": BudgetAction.REFUSE, "exceeded_at": NOW, "warned_at": NOW}
    return a_budget(**{**values, **SPENT, **fields})


def submit(owner: User, queue: JobQueue, definition: JobDefinition, **fields: object) -> Job:
    values = {"name": "job", "queue": queue.name, "definition": definition.name, **fields}
    return submit_job(owner=owner, fields=values, now=NOW)


@pytest.mark.parametrize("action", [BudgetAction.REFUSE, BudgetAction.CANCEL])
@pytest.mark.parametrize("scope", ["queue", "owner", "tag"])
def test_a_spent_budget_refuses_the_jobs_of_its_scope_alone(
    owner: User, queue: JobQueue, definition: JobDefinition, scope: str, action: str
) -> None:
    of: dict[str, dict[str, Any]] = {
        "queue": {"queue": queue},
        "owner": {"owner": owner},
        "tag": {"tag_value": "blue"},
    }
    exceeded(action=action, **of[scope])
    tags = {"team": "blue"} if scope == "tag" else {}
    with pytest.raises(InvalidInput) as refused:
        submit(owner, queue, definition, tags=tags)
    field = {"queue": "queue", "owner": "", "tag": "tags"}[scope]
    assert refused.value.errors == {field: [TOLD]}
    assert not Job.objects.exists()
    other = {
        "queue": (owner, a_queue(), {}),
        "owner": (a_user(), queue, {}),
        "tag": (owner, queue, {"team": "red"}),
    }
    someone, somewhere, tagged = other[scope]
    submit(someone, somewhere, definition, tags=tagged)


def test_what_was_spent_in_another_month_refuses_nothing(
    owner: User, queue: JobQueue, definition: JobDefinition
) -> None:
    exceeded(queue=queue, month=NOW.date().replace(day=1))
    exceeded(name="of-owner", owner=owner, month=None)
    assert submit(owner, queue, definition).status == JobStatus.SUBMITTED


def test_a_budget_that_only_warns_or_is_not_spent_refuses_nothing(
    owner: User, queue: JobQueue, definition: JobDefinition
) -> None:
    exceeded(queue=queue, action=BudgetAction.WARN)
    a_budget(owner=owner, action=BudgetAction.REFUSE, warned_at=NOW)
    submit(owner, queue, definition)


def test_a_tags_budget_without_a_value_counts_any(
    owner: User, queue: JobQueue, definition: JobDefinition
) -> None:
    exceeded(tag_key="team")
    with pytest.raises(InvalidInput, match="lab"):
        submit(owner, queue, definition, tags={"team": "red"})
    submit(owner, queue, definition, tags={"Team": "red"})


def test_what_failed_is_not_run_again_either(owner: User, queue: JobQueue) -> None:
    failed = a_job(owner=owner, queue=queue, status=JobStatus.FAILED, tags={"team": "blue"})
    exceeded(queue=queue)
    with pytest.raises(Conflict) as refused:
        rerun_job(owner=owner, job=failed, now=NOW)
    assert str(refused.value) == TOLD
    action = start_bulk(owner=owner, kind=BulkKind.RERUN, job_ids=[failed.id], now=NOW)
    go_on_with_bulk(action_id=action.id, now=NOW)
    action = BulkAction.objects.get(pk=action.pk)
    assert [each["why"] for each in action.problems] == [TOLD]
    assert Job.objects.count() == 1


def test_a_rerun_has_the_tags_of_the_submission(owner: User, queue: JobQueue) -> None:
    tagged = a_job(owner=owner, queue=queue, status=JobStatus.FAILED)
    tagged.spec.tags = {"team": "blue"}
    tagged.spec.save()
    exceeded(tag_key="team")
    with pytest.raises(Conflict, match="lab"):
        rerun_job(owner=owner, job=tagged, now=NOW)


def test_the_form_and_scripts_are_told_the_same(
    client: Client, boss: User, queue: JobQueue, definition: JobDefinition
) -> None:
    exceeded(queue=queue)
    fields = {"name": "job", "queue": queue.name, "definition": definition.name}
    page = client.post("/jobs/", fields)
    assert page.status_code == 400
    # An administrator need not ask one.
    told = TOLD.replace("have an administrator raise", "raise")
    assert told in page.text
    answer = client.post("/jobs/", fields, headers=JSON)
    assert (answer.status_code, answer.json()["errors"]) == (400, {"queue": [told]})
    assert not Job.objects.exists()


def test_the_api_gives_a_client_exception(
    owner: User, queue: JobQueue, definition: JobDefinition
) -> None:
    exceeded(queue=queue)
    members: dict[str, Any] = {
        "jobName": "job",
        "jobQueue": queue.name,
        "jobDefinition": definition.name,
    }
    with pytest.raises(Refused) as refused:
        ask(owner, "SubmitJob", **members)
    assert (refused.value.code, refused.value.message) == ("ClientException", f"jobQueue: {TOLD}")


def test_a_submission_reads_budgets_once_whatever_it_submits(
    owner: User, queue: JobQueue, definition: JobDefinition
) -> None:
    for size in (None, 2, 10_000):
        with CaptureQueriesContext(connection) as queries:
            submit(owner, queue, definition, array_size=size, tags={"team": "blue"})
        about = [each for each in queries if '"jobs_budget"' in each["sql"]]
        assert len(about) == 1, size
