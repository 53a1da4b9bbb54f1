"""CancelJob, TerminateJob and their plural forms."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.domain import arns as kinds
from jobs.domain.ids import new_job_id, text_of
from jobs.domain.states import CANCELLABLE, LIVE, PLACED, TERMINAL
from jobs.models import Job, JobStatus, StopKind
from jobs.selectors.realm import arns
from tests.api.asking import Refused, ask
from tests.builders import a_job, a_user, an_array, an_attempt

pytestmark = pytest.mark.django_db
SINGLE = ["CancelJob", "TerminateJob"]
PLURAL = ["CancelJobs", "TerminateJobs"]


@pytest.fixture
def user() -> User:
    return a_user()


def _job(status: str, user: User, **fields: Any) -> Job:
    made = 1 if status in PLACED else 0
    job = a_job(status=status, owner=user, attempts_made=made, **fields)
    if made:
        an_attempt(job=job)
    return job


@pytest.mark.parametrize("operation", SINGLE)
@pytest.mark.parametrize("status", sorted(CANCELLABLE))
def test_a_job_that_is_not_placed_fails_with_the_reason(
    operation: str, status: str, user: User
) -> None:
    job = _job(status, user)
    assert ask(user, operation, jobId=str(job.id), reason="No need") == {}
    job.refresh_from_db()
    assert (job.status, job.status_reason) == (JobStatus.FAILED, "No need")


@pytest.mark.parametrize("status", sorted(PLACED))
def test_a_placed_job_is_only_terminated_and_twice_is_once(status: str, user: User) -> None:
    job = _job(status, user)
    for _ in range(2):
        assert ask(user, "CancelJob", jobId=str(job.id), reason="a") == {}
        job.refresh_from_db()
        assert (job.status, job.stop_requested_at) == (status, None)
    for reason in ("first", "second"):
        assert ask(user, "TerminateJob", jobId=str(job.id), reason=reason) == {}
    job.refresh_from_db()
    assert (job.stop_kind, job.stop_reason) == (StopKind.TERMINATE, "first")


@pytest.mark.parametrize("operation", SINGLE)
@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_job_that_has_ended_stays_as_it_is(operation: str, status: str, user: User) -> None:
    job = _job(status, user, status_reason="as it was")
    assert ask(user, operation, jobId=str(job.id), reason="late") == {}
    job.refresh_from_db()
    assert (job.status, job.status_reason, job.stop_kind) == (status, "as it was", "")


@pytest.mark.parametrize("operation", SINGLE)
def test_unknown_jobs_and_those_of_others_are_nobody_s_to_end(operation: str, user: User) -> None:
    theirs = a_job(status=JobStatus.RUNNABLE)
    for job_id in (theirs.id, new_job_id()):
        assert ask(user, operation, jobId=str(job_id), reason="x") == {}
    theirs.refresh_from_db()
    assert theirs.status == JobStatus.RUNNABLE
    ask(a_user(is_staff=True), operation, jobId=str(theirs.id), reason="x")
    theirs.refresh_from_db()
    assert theirs.status == JobStatus.FAILED


@pytest.mark.parametrize("operation", SINGLE)
def test_an_arn_names_a_job_as_well(operation: str, user: User) -> None:
    job = _job(JobStatus.PENDING, user)
    ask(user, operation, jobId=arns().of(kinds.JOB, job.id), reason="x")
    job.refresh_from_db()
    assert job.status == JobStatus.FAILED


@pytest.mark.parametrize("operation", SINGLE)
def test_a_child_ends_alone_and_an_array_as_a_whole(operation: str, user: User) -> None:
    array = an_array(3, owner=user)
    ask(user, operation, jobId=f"{array.id}:1", reason="this one")
    statuses = array.children.order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["RUNNABLE", "FAILED", "RUNNABLE"]
    ask(user, operation, jobId=str(array.id), reason="all")
    array.refresh_from_db()
    assert (array.stop_reason, array.stop_kind) == ("all", operation.removesuffix("Job").upper())


@pytest.mark.parametrize("operation", SINGLE)
@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"jobId": "x", "reason": "r"}, "no job's id"),
        ({"jobId": "", "reason": "r"}, "no job's id"),
        ({"jobId": "{id}#0", "reason": "r"}, "one node"),
        ({"jobId": "{id}:0:0", "reason": "r"}, "no job's id"),
        ({"jobId": "{id}:10000", "reason": "r"}, "no job's id"),
        ({"jobId": "{id}\0", "reason": "r"}, "no job's id"),
        ({"jobId": "{id}"}, "reason: This is required"),
        ({"reason": "r"}, "jobId: This is required"),
        ({"jobId": "{id}", "reason": "r" * 1025}, "reason: A reason has at most 1024"),
        ({"jobId": "{id}", "reason": "a\0b"}, "reason: "),
        ({"jobId": ["{id}"], "reason": "r"}, "jobId: This is a string"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong_and_ends_nothing(
    operation: str, params: Any, told: str, user: User
) -> None:
    job = _job(JobStatus.RUNNABLE, user)
    if isinstance(params.get("jobId"), str):
        params = {**params, "jobId": params["jobId"].format(id=job.id)}
    with pytest.raises(Refused, match=told) as refused:
        ask(user, operation, **params)
    assert (refused.value.code, refused.value.status) == ("ClientException", 400)
    job.refresh_from_db()
    assert job.status == JobStatus.RUNNABLE


@pytest.mark.parametrize("operation", PLURAL)
def test_many_are_ended_at_once_and_each_is_told_of(operation: str, user: User) -> None:
    waiting = [_job(JobStatus.RUNNABLE, user) for _ in range(3)]
    theirs = a_job(status=JobStatus.RUNNABLE)
    array = an_array(2, owner=user)
    asked = [
        *[str(job.id) for job in waiting],
        str(waiting[0].id),
        text_of(array.id),
        str(theirs.id),
        str(new_job_id()),
        "no id",
        f"{waiting[1].id}#0",
    ]
    answer = ask(user, operation, jobs=asked, reason="All of it")
    wrong = ["no id", f"{waiting[1].id}#0"]
    assert answer["successful"] == list(dict.fromkeys(asked))[:-2]
    assert [each["job"] for each in answer["errors"]] == wrong
    assert {each["code"] for each in answer["errors"]} == {"ValidationException"}
    assert all(each["message"] for each in answer["errors"])
    for job in waiting:
        job.refresh_from_db()
        assert (job.status, job.status_reason) == (JobStatus.FAILED, "All of it")
    theirs.refresh_from_db()
    array.refresh_from_db()
    assert theirs.status == JobStatus.RUNNABLE
    assert array.stop_reason == "All of it"


@pytest.mark.parametrize("operation", PLURAL)
@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"jobs": [], "reason": "r"}, "1 to 50 ids, not 0"),
        ({"jobs": ["x"] * 51, "reason": "r"}, "1 to 50 ids, not 51"),
        ({"jobs": "x", "reason": "r"}, "jobs: This is a list"),
        ({"jobs": [1], "reason": "r"}, r"jobs\[0\]"),
        ({"jobs": ["{id}"]}, "reason: This is required"),
        ({"jobs": ["{id}"], "reason": "r" * 1025}, "at most 1024"),
    ],
)
def test_a_bad_request_for_many_is_refused_as_a_whole(
    operation: str, params: Any, told: str, user: User
) -> None:
    job = _job(JobStatus.RUNNABLE, user)
    if params["jobs"] == ["{id}"]:
        params = {**params, "jobs": [str(job.id)]}
    with pytest.raises(Refused, match=told):
        ask(user, operation, **params)
    job.refresh_from_db()
    assert job.status == JobStatus.RUNNABLE


def test_as_many_queries_for_fifty_as_for_five(
    user: User, django_assert_max_num_queries: Any
) -> None:
    jobs = [_job(JobStatus.RUNNABLE, user) for _ in range(50)]
    with django_assert_max_num_queries(20):
        ask(user, "TerminateJobs", jobs=[str(job.id) for job in jobs], reason="x")
    assert not Job.objects.filter(status__in=LIVE).exists()
