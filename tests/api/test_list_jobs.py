"""ListJobs: what jobs of, which of them, in which order, page by page."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from jobs.domain import arns as kinds
from jobs.domain.ids import CHILD_BITS, first_id_of, text_of
from jobs.models import JobQueue, JobStatus, QueueStatus, StopKind
from jobs.selectors.realm import arns
from tests.api.asking import Refused, ask, ask_all
from tests.builders import (
    NOW,
    a_definition,
    a_group,
    a_job,
    a_node,
    a_policy,
    a_queue,
    a_user,
    an_array,
    an_attempt,
    an_environment,
    nodes_of,
)

pytestmark = pytest.mark.django_db
RUNNING, RUNNABLE, FAILED = JobStatus.RUNNING, JobStatus.RUNNABLE, JobStatus.FAILED


@pytest.fixture(params=["user", "administrator"])
def user(request: pytest.FixtureRequest) -> User:
    """Their lists are read along different indices."""
    return a_user(is_staff=request.param == "administrator")


@pytest.fixture
def queue() -> JobQueue:
    return a_queue()


def names(user: User, **params: Any) -> list[str]:
    """The names in the order of the list, all pages of it."""
    return [each["jobName"] for each in ask_all(user, "ListJobs", "jobSummaryList", **params)]


def by(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"name": name, "values": list(values)}]


def test_without_a_status_the_running_jobs_are_listed_newest_first(
    user: User, queue: JobQueue
) -> None:
    for name, status in (("a", RUNNING), ("b", RUNNABLE), ("c", RUNNING), ("d", FAILED)):
        a_job(name=name, status=status, queue=queue, owner=user)
    a_job(name="elsewhere", status=RUNNING, owner=user)
    assert names(user, jobQueue=queue.name) == ["c", "a"]
    assert names(user, jobQueue=arns().of(kinds.JOB_QUEUE, queue.name)) == ["c", "a"]


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_status_narrows_the_list(status: str, user: User, queue: JobQueue) -> None:
    for each in JobStatus:
        a_job(name=each, status=each, queue=queue, owner=user)
    assert names(user, jobQueue=queue.name, jobStatus=status) == [status]


@pytest.mark.parametrize("user", ["user"], indirect=True)
def test_others_jobs_are_for_administrators_alone(user: User, queue: JobQueue) -> None:
    a_job(name="mine", status=RUNNING, queue=queue, owner=user)
    a_job(name="theirs", status=RUNNING, queue=queue)
    assert names(user, jobQueue=queue.name) == ["mine"]
    assert names(a_user(is_staff=True), jobQueue=queue.name) == ["theirs", "mine"]


def test_pages_follow_each_other_and_the_last_has_no_token(user: User, queue: JobQueue) -> None:
    made = [a_job(status=RUNNING, queue=queue, owner=user).name for _ in range(5)]
    first = ask(user, "ListJobs", jobQueue=queue.name, maxResults=2)
    assert [each["jobName"] for each in first["jobSummaryList"]] == made[:2:-1]
    a_job(name="newer", status=RUNNING, queue=queue, owner=user)
    rest = names(user, jobQueue=queue.name, maxResults=2, nextToken=first["nextToken"])
    assert rest == made[2::-1]
    assert "nextToken" not in ask(user, "ListJobs", jobQueue=queue.name, maxResults=6)


def test_a_summary_tells_what_a_poller_needs(user: User, queue: JobQueue) -> None:
    job = a_job(
        status=FAILED,
        status_reason="Essential container in task exited",
        queue=queue,
        owner=user,
        started_at=NOW,
        attempts_made=1,
        milli_vcpus=500,
        stop_kind=StopKind.TERMINATE,
        share_identifier="blue",
    )
    end = {"ended_at": NOW, "stopped_at": NOW, "exit_code": 3, "reason": "OutOfMemoryError: x"}
    an_attempt(job=job, **end)
    found = ask(user, "ListJobs", jobQueue=queue.name, jobStatus=FAILED)["jobSummaryList"]
    at = int(NOW.timestamp() * 1000)
    definition = f"{job.definition.name}:{job.definition.revision}"
    assert found == [
        {
            "jobArn": arns().of(kinds.JOB, job.id),
            "jobId": str(job.id),
            "jobName": job.name,
            "jobDefinition": arns().of(kinds.JOB_DEFINITION, definition),
            "createdAt": at,
            "scheduledAt": at,
            "startedAt": at,
            "stoppedAt": at + 60_000,
            "status": "FAILED",
            "statusReason": "Essential container in task exited",
            "shareIdentifier": "blue",
            "container": {"exitCode": 3, "reason": "OutOfMemoryError: x"},
            "capacityUsage": [{"capacityUnit": "VCPU", "quantity": 0.5}],
            "isTerminated": True,
        }
    ]


def test_a_job_that_waits_again_has_no_container_of_its_last_try(
    user: User, queue: JobQueue
) -> None:
    job = a_job(status=RUNNABLE, queue=queue, owner=user, attempts_made=1, attempts_allowed=2)
    an_attempt(job=job, ended_at=NOW, stopped_at=NOW, exit_code=1)
    (found,) = ask(user, "ListJobs", jobQueue=queue.name, jobStatus=RUNNABLE)["jobSummaryList"]
    assert not {"container", "scheduledAt"} & found.keys()


def test_an_array_is_one_job_and_its_children_have_a_list_of_their_own(
    user: User, queue: JobQueue
) -> None:
    array = an_array(3, queue=queue, owner=user, children=RUNNING)
    assert names(user, jobQueue=queue.name) == []
    (found,) = ask(user, "ListJobs", jobQueue=queue.name, jobStatus="PENDING")["jobSummaryList"]
    assert found["arrayProperties"]["size"] == 3
    assert found["arrayProperties"]["statusSummary"]["RUNNING"] == 3
    first = ask(user, "ListJobs", arrayJobId=str(array.id), maxResults=2)
    rest = ask(user, "ListJobs", arrayJobId=str(array.id), nextToken=first["nextToken"])
    children = first["jobSummaryList"] + rest["jobSummaryList"]
    assert [each["jobId"] for each in children] == [f"{array.id}:{index}" for index in range(3)]
    assert [each["arrayProperties"] for each in children] == [{"index": n} for n in range(3)]
    assert ask(user, "ListJobs", arrayJobId=text_of(array.id), jobStatus=FAILED) == {
        "jobSummaryList": []
    }


@pytest.mark.parametrize("user", ["user"], indirect=True)
@pytest.mark.parametrize("id_", ["nothing", "{other}", "{plain}", "{plain}#0", "arn:aws:s3:::x"])
def test_children_of_what_is_no_array_of_ones_own_are_none(id_: str, user: User) -> None:
    other = an_array(2, children=RUNNING)
    plain = a_job(status=RUNNING, owner=user)
    id_ = id_.format(other=other.id, plain=plain.id)
    assert ask(user, "ListJobs", arrayJobId=id_) == {"jobSummaryList": []}


def test_the_nodes_of_a_job_are_listed_by_status(user: User) -> None:
    environment = an_environment(engine=a_node(milli_vcpus=64000).engine)
    job = a_job(
        status=RUNNING,
        owner=user,
        queue=a_queue(environment),
        node_count=3,
        node_properties=nodes_of(3, main=1),
        attempts_made=1,
    )
    rows = a_group(job=job)
    for row in rows[:2]:
        row.started_at = NOW
        row.save()
    found = ask(user, "ListJobs", multiNodeJobId=str(job.id))["jobSummaryList"]
    assert [each["jobId"] for each in found] == [f"{job.id}#0", f"{job.id}#1"]
    assert [each["nodeProperties"] for each in found] == [
        {"isMainNode": False, "numNodes": 3, "nodeIndex": 0},
        {"isMainNode": True, "numNodes": 3, "nodeIndex": 1},
    ]
    first = ask(user, "ListJobs", multiNodeJobId=str(job.id), maxResults=1)
    rest = ask(user, "ListJobs", multiNodeJobId=str(job.id), nextToken=first["nextToken"])
    assert first["jobSummaryList"] + rest["jobSummaryList"] == found
    starting = ask(user, "ListJobs", multiNodeJobId=str(job.id), jobStatus="STARTING")
    assert [each["nodeProperties"]["nodeIndex"] for each in starting["jobSummaryList"]] == [2]
    (whole,) = ask(user, "ListJobs", jobQueue=job.queue.name)["jobSummaryList"]
    assert whole["nodeProperties"] == {"numNodes": 3}
    for stranger in (a_user(), user):
        nothing = str(a_job(owner=user).id) if stranger is user else str(job.id)
        assert ask(stranger, "ListJobs", multiNodeJobId=nothing) == {"jobSummaryList": []}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("test1", ["TEST1", "test1"]),
        ("TEST1", ["TEST1", "test1"]),
        ("test1*", ["TEST1", "test1", "Test10"]),
        ("te_t*", ["te_t"]),
        ("*", ["other", "te_t", "TEST1", "test1", "Test10"]),
        ("test", []),
        ("tést*", []),
        ("%", []),
        ("", []),
    ],
)
def test_jobs_are_found_by_name_whatever_its_case_and_the_status(
    pattern: str, found: list[str], user: User, queue: JobQueue
) -> None:
    for name, status in (
        ("test1", RUNNING),
        ("Test10", FAILED),
        ("TEST1", RUNNABLE),
        ("other", FAILED),
        ("te_t", FAILED),
    ):
        a_job(name=name, status=status, queue=queue, owner=user)
    asked = {"jobQueue": queue.name, "filters": by("JOB_NAME", pattern), "jobStatus": FAILED}
    listed = names(user, **asked)
    assert sorted(listed) == sorted(found)
    # Grouped by name, the newest of a name first; and so in small pages.
    assert [each.upper() for each in listed].index("TEST1") == 0 if pattern == "test1*" else True
    assert names(user, maxResults=1, **asked) == listed


def test_jobs_are_found_by_definition(user: User, queue: JobQueue) -> None:
    revisions = [a_definition(name="align", revision=n) for n in (1, 2)]
    other = a_definition(name="Align2")
    third = a_definition(name="align2")
    for name, definition in (
        ("a", revisions[0]),
        ("b", revisions[1]),
        ("c", other),
        ("d", revisions[0]),
        ("e", third),
    ):
        a_job(name=name, definition=definition, queue=queue, owner=user, status=FAILED)
    a_job(definition=third, owner=user)

    def found(value: str, **more: Any) -> list[str]:
        return names(user, jobQueue=queue.name, filters=by("JOB_DEFINITION", value), **more)

    assert found("align") == ["d", "b", "a"] == found("align", maxResults=1)
    assert found("align*") == ["e", "d", "b", "a"] == found("align*", maxResults=2)
    assert found("*") == ["e", "d", "c", "b", "a"]
    assert found("Align") == []
    arn = arns().of(kinds.JOB_DEFINITION, "align")
    assert found(f"{arn}:1") == ["d", "a"] == found(f"{arn}:1", maxResults=1)
    for nothing in (arn, f"{arn}:3", f"{arn}:*", f"{arn}*", f"{arn}:1".replace("east", "west")):
        assert found(nothing) == []


def _made(at: datetime, number: int, **fields: Any) -> str:
    job_id = UUID(int=first_id_of(at).int + (7 << 76) + (2 << 62) + (number << CHILD_BITS))
    return a_job(id=job_id, created_at=at, **fields).name


def test_jobs_are_found_by_the_time_of_their_creation(user: User, queue: JobQueue) -> None:
    times = [NOW + timedelta(minutes=each) for each in (0, 30, 200, 5000)]
    a, b, c, d = [
        _made(at, number, queue=queue, owner=user, status=FAILED) for number, at in enumerate(times)
    ]

    def found(name: str, minutes: float, **more: Any) -> list[str]:
        at = int((NOW + timedelta(minutes=minutes)).timestamp() * 1000)
        return names(user, jobQueue=queue.name, filters=by(name, str(at)), **more)

    assert found("BEFORE_CREATED_AT", 30) == [a]
    assert (
        found("BEFORE_CREATED_AT", 30.01) == [b, a] == found("BEFORE_CREATED_AT", 31, maxResults=1)
    )
    assert found("AFTER_CREATED_AT", 30) == [d, c] == found("AFTER_CREATED_AT", 30, maxResults=1)
    assert found("AFTER_CREATED_AT", 29.9) == [d, c, b]
    assert found("AFTER_CREATED_AT", -9000) == [d, c, b, a]
    assert found("BEFORE_CREATED_AT", -9000) == []
    everything = names(user, jobQueue=queue.name, filters=by("AFTER_CREATED_AT", "0"))
    assert everything == [d, c, b, a]


def test_jobs_are_found_by_share_and_by_status_too(user: User) -> None:
    queue = a_queue(scheduling_policy=a_policy())
    for name, share, status in (
        ("a", "blue", RUNNING),
        ("b", "red", RUNNING),
        ("c", "blue", FAILED),
    ):
        a_job(name=name, share_identifier=share, status=status, queue=queue, owner=user)
    asked = {"jobQueue": queue.name, "filters": by("SHARE_IDENTIFIER", "blue")}
    assert names(user, **asked) == ["c", "a"] == names(user, maxResults=1, **asked)
    assert names(user, jobStatus=RUNNING, **asked) == ["a"]
    assert names(user, jobQueue=queue.name, filters=by("SHARE_IDENTIFIER", "")) == []


@pytest.mark.parametrize("size", [None, 100, 1000])
@pytest.mark.parametrize("name", ["JOB_NAME", "AFTER_CREATED_AT"])
def test_with_a_filter_a_page_has_a_hundred_jobs_at_most(
    size: int | None, name: str, user: User, queue: JobQueue
) -> None:
    for number in range(101):
        a_job(name=f"same{number}", queue=queue, owner=user)
    more: dict[str, Any] = {} if size is None else {"maxResults": size}
    filters = by(name, "same*" if name == "JOB_NAME" else "0")
    first = ask(user, "ListJobs", jobQueue=queue.name, filters=filters, **more)
    assert len(first["jobSummaryList"]) == 100
    more["nextToken"] = first["nextToken"]
    rest = ask(user, "ListJobs", jobQueue=queue.name, filters=filters, **more)
    assert len(rest["jobSummaryList"]) == 1


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "Give one of jobQueue"),
        ({"jobQueue": "q", "arrayJobId": "x"}, "Give one of jobQueue"),
        ({"jobQueue": ""}, "Give one of jobQueue"),
        ({"jobQueue": "none"}, "JobQueue none not found"),
        ({"jobQueue": "a\0b"}, "not found"),
        ({"jobQueue": "arn:aws:batch:us-east-1:999999999999:job-queue/q"}, "not found"),
        ({"jobQueue": "q", "jobStatus": "running"}, "jobStatus"),
        ({"jobQueue": "q", "maxResults": 0}, "1 to 1000"),
        ({"jobQueue": "q", "maxResults": 1001}, "1 to 1000"),
        ({"jobQueue": "q", "maxResults": 1001, "filters": by("JOB_NAME", "a")}, "1 to 1000"),
        ({"jobQueue": "q", "maxResults": -1, "filters": by("JOB_NAME", "a")}, "1 to 1000"),
        ({"jobQueue": "q", "filters": by("job_name", "a")}, "no filter 'job_name'"),
        ({"jobQueue": "q", "filters": by("JOB_NAME")}, "1 to 100 values"),
        ({"jobQueue": "q", "filters": by("JOB_NAME", "a", "b")}, "takes one value"),
        ({"jobQueue": "q", "filters": by("JOB_NAME", "a\0")}, "NUL"),
        ({"jobQueue": "q", "filters": [{"values": ["a"]}]}, "no filter ''"),
        (
            {"jobQueue": "q", "filters": by("JOB_NAME", "a") + by("SHARE_IDENTIFIER", "a")},
            "Only one filter",
        ),
        ({"jobQueue": "q", "filters": by("AFTER_CREATED_AT", "yesterday")}, "milliseconds"),
        ({"jobQueue": "q", "filters": by("BEFORE_CREATED_AT", "9" * 15)}, "milliseconds"),
        ({"jobQueue": "q", "filters": by("BEFORE_CREATED_AT", "-1")}, "milliseconds"),
        ({"arrayJobId": "x", "filters": by("JOB_NAME", "a")}, "do not apply to arrayJobId"),
        ({"jobQueue": "q", "nextToken": "made up"}, "nextToken"),
        ({"jobQueue": "q", "other": 1}, "Unknown member"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(params: Any, told: str, user: User) -> None:
    a_queue(name="q")
    with pytest.raises(Refused, match=told) as refused:
        ask(user, "ListJobs", **params)
    assert (refused.value.code, refused.value.status) == ("ClientException", 400)


def test_a_token_of_one_kind_of_list_is_none_of_another(user: User, queue: JobQueue) -> None:
    for _ in range(2):
        a_job(status=RUNNING, queue=queue, owner=user)
    token = ask(user, "ListJobs", jobQueue=queue.name, maxResults=1)["nextToken"]
    for other in (
        {"arrayJobId": str(UUID(int=0))},
        {"multiNodeJobId": "x"},
        {"jobQueue": queue.name, "filters": by("JOB_NAME", "a")},
    ):
        with pytest.raises(Refused, match="nextToken"):
            ask(user, "ListJobs", nextToken=token, **other)


def test_a_time_beyond_all_times_finds_what_it_says(user: User, queue: JobQueue) -> None:
    job = a_job(queue=queue, owner=user)
    assert names(user, jobQueue=queue.name, filters=by("BEFORE_CREATED_AT", "9" * 14)) == [job.name]


def test_a_deleted_queue_is_not_found(user: User) -> None:
    with pytest.raises(Refused, match="not found"):
        ask(user, "ListJobs", jobQueue=a_queue(status=QueueStatus.DELETED).name)
