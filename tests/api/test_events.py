"""Events as EventBridge has them, and reading them in an order in which none is missed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.api.events import events_as_json, events_to_read
from jobs.api.service_models import service_model
from jobs.api.shapes import problems
from jobs.domain.errors import InvalidInput
from jobs.domain.ids import text_of
from jobs.domain.states import JobStatus
from jobs.models import Job, NodeTransition, QueueBlock, Transition
from jobs.selectors.events.history import NOTHING_READ, EventFilters, Ids, cursor_of, read_events
from jobs.services.attempts.finish import AttemptOutcome, finish_attempt
from jobs.services.attempts.running import mark_running
from jobs.services.writing.transition import transition
from tests.builders import (
    NOW,
    a_group,
    a_job,
    a_queue,
    a_user,
    an_array,
    an_attempt,
    nodes_of,
)

pytestmark = pytest.mark.django_db

NO_FILTERS = EventFilters()


@pytest.fixture
def ada(db: None) -> User:
    return a_user(is_staff=True)


def told(
    user: User, after: Ids = NOTHING_READ, limit: int = 100, **filters: Any
) -> list[dict[str, Any]]:
    """The events of a page, each `detail` held against botocore's shape of DescribeJobs."""
    page = read_events(user=user, filters=EventFilters(**filters), after=after, limit=limit)
    rows = [row for _, row in page.rows]
    found = [json.loads(text) for text in events_as_json(rows)]
    # Who looks at events without writing them sees the same.
    made = events_to_read(rows)
    assert [made(row) for row in rows] == found
    shape = service_model("batch").shape_for("JobDetail")
    for event in found:
        assert problems(shape, event["detail"]) == []
    return found


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def run_once(job: Job, *, ok: bool, at: float) -> None:
    """A try of a RUNNABLE job, from its placement to its end."""
    number = job.attempts_made + 1
    moved = transition(
        job_ids=[job.id],
        old=JobStatus.RUNNABLE,
        new=JobStatus.STARTING,
        now=after(at),
        attempt_number=number,
        attempts_made=number,
    )
    assert moved == [job.id]
    job.refresh_from_db()
    attempt = an_attempt(job=job, placed_at=after(at))
    mark_running(attempt=attempt, now=after(at + 1))
    attempt.refresh_from_db()
    outcome = AttemptOutcome(
        status_reason="Essential container in task exited",
        explanation="-",
        exit_code=0 if ok else 1,
        started_at=after(at + 1),
        stopped_at=after(at + 2),
        succeeded=ok,
    )
    assert finish_attempt(attempt=attempt, outcome=outcome, now=after(at + 3))
    job.refresh_from_db()


def test_an_event_has_the_members_of_eventbridge(ada: User) -> None:
    job = a_job(name="hello")
    [event] = told(ada)
    assert event.pop("id") == told(ada)[0]["id"]
    detail = event.pop("detail")
    arn = f"arn:aws:batch:us-east-1:123456789012:job/{job.id}"
    assert event == {
        "version": "0",
        "detail-type": "Batch Job State Change",
        "source": "aws.batch",
        "account": "123456789012",
        "time": "2026-01-05T09:00:00Z",
        "region": "us-east-1",
        "resources": [arn],
    }
    assert (detail["jobArn"], detail["jobName"], detail["status"]) == (arn, "hello", "SUBMITTED")


def test_each_transition_tells_of_the_job_as_it_was_then(ada: User) -> None:
    job = a_job(status=JobStatus.RUNNABLE, attempts_allowed=2)
    Transition.objects.create(job=job, from_status="SUBMITTED", to_status="RUNNABLE", at=NOW)
    run_once(job, ok=False, at=10)
    run_once(job, ok=True, at=20)
    events = [event["detail"] for event in told(ada)]
    assert [
        (
            detail["status"],
            len(detail["attempts"]),
            detail["container"].get("exitCode"),
            bool(detail["startedAt"]),
            "stoppedAt" in detail,
            "logStreamName" in detail["container"],
        )
        for detail in events
    ] == [
        ("SUBMITTED", 0, None, False, False, False),
        ("RUNNABLE", 0, None, False, False, False),
        ("STARTING", 0, None, False, False, False),
        ("RUNNING", 0, None, True, False, True),
        ("RUNNABLE", 1, None, False, False, False),
        ("STARTING", 1, None, False, False, False),
        ("RUNNING", 1, None, True, False, True),
        ("SUCCEEDED", 2, 0, True, True, True),
    ]
    assert events[3]["container"]["taskArn"] != events[6]["container"]["taskArn"]


def test_a_stop_is_not_told_before_it_was_asked_for(ada: User) -> None:
    job = a_job(status=JobStatus.RUNNABLE)
    transition(
        job_ids=[job.id],
        old=JobStatus.RUNNABLE,
        new=JobStatus.FAILED,
        now=after(5),
        reason="no more",
        stop_kind="CANCEL",
        stop_requested_at=after(5),
    )
    first, last = (event["detail"] for event in told(ada))
    assert (first["isCancelled"], last["isCancelled"]) == (False, True)
    assert (last["status"], last["statusReason"]) == ("FAILED", "no more")


def test_an_array_and_each_child_have_events_of_their_own(ada: User) -> None:
    parent = an_array(3)
    events = told(ada)
    assert [event["detail"]["jobId"] for event in events] == [
        str(parent.id),
        *(f"{parent.id}:{index}" for index in range(3)),
    ]
    assert events[0]["detail"]["arrayProperties"]["size"] == 3
    assert events[3]["detail"]["arrayProperties"]["index"] == 2


def test_each_node_has_events_of_its_own(ada: User) -> None:
    job = a_job(
        status=JobStatus.STARTING, attempts_made=1, node_count=2, node_properties=nodes_of(2)
    )
    NodeTransition.objects.bulk_create(
        NodeTransition(job=job, attempt_number=1, node_index=index, to_status="STARTING", at=NOW)
        for index in range(2)
    )
    for seconds, attempt in enumerate(a_group(job=job), 1):
        mark_running(attempt=attempt, now=after(seconds))
        attempt.refresh_from_db()
    worker, main = reversed(list(job.attempts.order_by("node_index")))
    for seconds, (attempt, exit_code) in enumerate(((worker, 3), (main, 0)), 10):
        attempt.job.refresh_from_db()
        outcome = AttemptOutcome(
            status_reason="Essential container in task exited",
            explanation="-",
            exit_code=exit_code,
            started_at=attempt.started_at,
            stopped_at=after(seconds),
            succeeded=exit_code == 0,
        )
        finish_attempt(attempt=attempt, outcome=outcome, now=after(seconds))
    nodes = [
        (event["detail"]["jobId"].removeprefix(str(job.id)), event["detail"]["status"])
        for event in told(ada)
    ]
    assert [each for each in nodes if each[0]] == [
        ("#0", "STARTING"),
        ("#1", "STARTING"),
        ("#0", "RUNNING"),
        ("#1", "RUNNING"),
        ("#1", "FAILED"),
        ("#0", "SUCCEEDED"),
    ]
    assert [status for node, status in nodes if not node][-1] == "SUCCEEDED"


def test_a_blocked_queue_is_told_with_job_and_queue(ada: User) -> None:
    job = a_job(status=JobStatus.RUNNABLE, queue=a_queue(name="busy"))
    QueueBlock.objects.create(queue=job.queue, job=job, reason="CAPACITY:X - none", at=after(9))
    event = told(ada, state_changes=False)[0]
    assert event["detail-type"] == "Batch Job Queue Blocked"
    assert event["resources"] == [
        f"arn:aws:batch:us-east-1:123456789012:job/{text_of(job.id)}",
        "arn:aws:batch:us-east-1:123456789012:job-queue/busy",
    ]
    assert event["detail"]["status"] == "RUNNABLE"
    assert event["detail"]["statusReason"] == "CAPACITY:X - none"


def test_others_jobs_have_no_events(ada: User) -> None:
    bob = a_user()
    mine, other = a_job(owner=bob), a_job()
    QueueBlock.objects.create(queue=other.queue, job=other, reason="-", at=NOW)
    assert [event["detail"]["jobId"] for event in told(bob)] == [str(mine.id)]
    assert len(told(ada)) == 3


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"queue": "q1"}, ["one", "one"]),
        ({"queue": "missing"}, []),
        ({"status": "RUNNABLE"}, ["one"]),
        ({"status": "FAILED"}, []),
        ({"name": "tw"}, ["two"]),
        ({"blocks": False}, ["one", "two"]),
        ({"state_changes": False}, ["one"]),
    ],
)
def test_filters_narrow(ada: User, filters: dict[str, Any], names: list[str]) -> None:
    one = a_job(name="one", queue=a_queue(name="q1"))
    a_job(name="two")
    QueueBlock.objects.create(queue=one.queue, job=one, reason="-", at=after(1))
    assert [event["detail"]["jobName"] for event in told(ada, **filters)] == names


def test_pages_of_any_size_tell_each_event_once_and_in_order(ada: User) -> None:
    for seconds in range(4):
        job = a_job(status=JobStatus.RUNNABLE)
        Transition.objects.filter(job=job).update(at=after(seconds))
        QueueBlock.objects.create(queue=job.queue, job=job, reason="-", at=after(seconds))
    whole = [event["id"] for event in told(ada)]
    assert len(set(whole)) == 8
    for limit in (1, 2, 3, 8):
        found, cursor, more = [], NOTHING_READ, True
        while more:
            page = read_events(user=ada, filters=NO_FILTERS, after=cursor, limit=limit)
            assert len(page.rows) <= limit
            found += [json.loads(text)["id"] for text in events_as_json([r for _, r in page.rows])]
            cursor, more = page.cursor, page.more
        assert found == whole


def test_a_page_looks_at_a_window_of_rows_only(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.selectors.events.history.WINDOW", 10)
    an_array(30)
    mine = a_job(owner=a_user())
    page = read_events(user=mine.owner, filters=NO_FILTERS, after=NOTHING_READ, limit=5)
    assert (page.rows, page.more) == ([], True)
    while page.more:
        page = read_events(user=mine.owner, filters=NO_FILTERS, after=page.cursor, limit=5)
    assert [row.job_id for _, row in page.rows] == [mine.id]


def test_the_number_of_queries_does_not_grow_with_the_page(
    ada: User, django_assert_max_num_queries: Any
) -> None:
    an_array(40)
    with django_assert_max_num_queries(14):
        assert len(told(ada)) == 41


@pytest.mark.parametrize(
    "text", ["x", "1", "1-2", "1-2-3-4", "-1-2-3", "1-2-x", f"1-2-{10**20}", "²-1-1"]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        cursor_of(text)


def test_a_cursor_is_read_as_it_was_written() -> None:
    assert cursor_of(Ids(4, 5, 6).as_text()) == Ids(4, 5, 6)
    assert cursor_of("") == NOTHING_READ


def test_times_are_told_in_utc(ada: User) -> None:
    job = a_job()
    Transition.objects.filter(job=job).update(at=datetime(2026, 7, 1, 12, 30, 5, 999, tzinfo=UTC))
    assert told(ada)[0]["time"] == "2026-07-01T12:30:05Z"
