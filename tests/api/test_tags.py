"""Tags of every kind of resource, through the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models

from jobs.domain import arns as kinds
from jobs.domain.ids import text_of
from jobs.models import JobStatus, QueueStatus, QuotaShare, ServiceEnvironment
from jobs.selectors.realm import arns
from tests.api.asking import Refused, ask
from tests.builders import (
    NOW,
    a_consumable,
    a_definition,
    a_job,
    a_policy,
    a_queue,
    a_user,
    an_array,
    an_environment,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return a_user(is_staff=True)


def _of(kind: str, row: Any) -> tuple[models.Model, str]:
    return row, arns().of(kind, row.name)


def _job(owner: User) -> tuple[models.Model, str]:
    job = a_job(owner=owner)
    return job, arns().of(kinds.JOB, text_of(job.id))


def _definition(user: User) -> tuple[models.Model, str]:
    row = a_definition(revision=3, created_by=user)
    return row, arns().of(kinds.JOB_DEFINITION, f"{row.name}:3")


def _quota_share(_: User) -> tuple[models.Model, str]:
    row = QuotaShare.objects.create(name="half", queue=a_queue(), created_at=NOW)
    return row, arns().quota_share(row.queue.name, "half")


KINDS: dict[str, Callable[[User], tuple[models.Model, str]]] = {
    "compute environment": lambda _: _of(kinds.COMPUTE_ENVIRONMENT, an_environment()),
    "job queue": lambda _: _of(kinds.JOB_QUEUE, a_queue()),
    "scheduling policy": lambda _: _of(kinds.SCHEDULING_POLICY, a_policy()),
    "consumable resource": lambda _: _of(kinds.CONSUMABLE_RESOURCE, a_consumable()),
    "service environment": lambda _: _of(
        kinds.SERVICE_ENVIRONMENT, ServiceEnvironment.objects.create(name="se", created_at=NOW)
    ),
    "job definition": _definition,
    "quota share": _quota_share,
    "job": _job,
}


@pytest.mark.parametrize("kind", KINDS)
def test_tags_of_every_kind_are_set_listed_and_taken_off(kind: str, boss: User) -> None:
    row, arn = KINDS[kind](boss)
    assert ask(boss, "ListTagsForResource", resourceArn=arn) == {"tags": {}}
    assert ask(boss, "TagResource", resourceArn=arn, tags={"team": "blue", "a b/c": ""}) == {}
    ask(boss, "TagResource", resourceArn=arn, tags={"team": "red"})
    assert ask(boss, "ListTagsForResource", resourceArn=arn)["tags"] == {"team": "red", "a b/c": ""}
    assert ask(boss, "UntagResource", resourceArn=arn, tagKeys=["a b/c", "not there"]) == {}
    row.refresh_from_db()
    assert row.tags == {"team": "red"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_no_administrator_tags_his_jobs_and_definitions_alone(kind: str) -> None:
    user = a_user()
    row, arn = KINDS[kind](user)
    if kind in {"job", "job definition"}:
        ask(user, "TagResource", resourceArn=arn, tags={"a": "b"})
        ask(user, "UntagResource", resourceArn=arn, tagKeys=["c"])
    else:
        for operation, more in (
            ("TagResource", {"tags": {"a": "b"}}),
            ("UntagResource", {"tagKeys": ["a"]}),
        ):
            with pytest.raises(Refused, match="Only administrators") as refused:
                ask(user, operation, resourceArn=arn, **more)
            assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)
    tags = ask(user, "ListTagsForResource", resourceArn=arn)["tags"]
    row.refresh_from_db()
    assert tags == (row.tags or {})  # type: ignore[attr-defined]


def test_tags_of_a_definition_are_changed_by_whose_it_is() -> None:
    _, arn = _definition(a_user())
    other = a_user()
    for operation, more in (
        ("TagResource", {"tags": {"a": "b"}}),
        ("UntagResource", {"tagKeys": ["a"]}),
    ):
        with pytest.raises(Refused, match="belongs to somebody else") as refused:
            ask(other, operation, resourceArn=arn, **more)
        assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)
    assert ask(other, "ListTagsForResource", resourceArn=arn) == {"tags": {}}


def test_a_job_has_the_tags_of_its_submission_until_they_are_changed(boss: User) -> None:
    job = a_job(tags={"from": "submission"})
    arn = arns().of(kinds.JOB, job.id)
    assert ask(boss, "ListTagsForResource", resourceArn=arn)["tags"] == {"from": "submission"}
    ask(boss, "UntagResource", resourceArn=arn, tagKeys=["from"])
    assert ask(boss, "ListTagsForResource", resourceArn=arn)["tags"] == {}
    ask(boss, "TagResource", resourceArn=arn, tags={"new": "1"})
    assert ask(boss, "ListTagsForResource", resourceArn=arn)["tags"] == {"new": "1"}
    job.spec.refresh_from_db()
    assert job.spec.tags == {"from": "submission"}


def test_a_job_that_has_ended_can_be_tagged(boss: User) -> None:
    job = a_job(status=JobStatus.SUCCEEDED)
    ask(boss, "TagResource", resourceArn=arns().of(kinds.JOB, job.id), tags={"a": "b"})
    job.refresh_from_db()
    assert job.tags == {"a": "b"}


@pytest.mark.parametrize("operation", ["ListTagsForResource", "TagResource", "UntagResource"])
def test_children_and_nodes_are_refused(operation: str, boss: User) -> None:
    parent = an_array(2)
    more: dict[str, dict[str, Any]] = {
        "TagResource": {"tags": {"a": "b"}},
        "UntagResource": {"tagKeys": ["a"]},
    }
    child = parent.children.order_by("id")[0]
    for name in (f"{parent.id}:0", f"{parent.id}#0", str(child.id)):
        with pytest.raises(Refused, match="no tags of their own"):
            ask(boss, operation, resourceArn=arns().of(kinds.JOB, name), **more.get(operation, {}))


@pytest.mark.parametrize(
    "arn",
    [
        "high",
        "",
        "arn:aws:batch",
        "arn:aws:batch:us-east-1:123456789012:job-queue/none",
        "arn:aws:batch:us-east-1:123456789012:job-queue/",
        "arn:aws:batch:us-east-1:123456789012:job/none",
        "arn:aws:batch:us-east-1:123456789012:job-definition/none",
        "arn:aws:batch:us-east-1:123456789012:job-definition/none:99999999999999999999",
        "arn:aws:batch:us-east-1:123456789012:service-job/none",
        "arn:aws:batch:us-east-1:123456789012:job-queue/none/quota-share/none",
        "arn:aws:batch:us-east-1:123456789012:nothing/none",
        "arn:aws:batch:us-east-1:123456789012:job-queue/a\0b",
        "arn:aws:s3:::bucket",
        "arn:aws:batch:us-east-1:123456789012:job-queue/" + "x" * 3000,
    ],
)
def test_an_arn_of_nothing_is_refused(arn: str, boss: User) -> None:
    with pytest.raises(Refused) as refused:
        ask(boss, "ListTagsForResource", resourceArn=arn)
    assert refused.value.status in {400, 404}


def test_other_accounts_regions_and_other_people_s_jobs_are_as_if_they_did_not_exist() -> None:
    user = a_user()
    theirs = arns().of(kinds.JOB, a_job().id)
    mine = arns().of(kinds.JOB, a_job(owner=user).id)
    for arn in (theirs, mine.replace("123456789012", "999999999999"), mine.replace("east", "west")):
        with pytest.raises(Refused, match="There is no resource"):
            ask(user, "TagResource", resourceArn=arn, tags={"a": "b"})


def test_a_deleted_queue_has_no_tags_any_more(boss: User) -> None:
    queue = a_queue(status=QueueStatus.DELETED, tags={"a": "b"})
    with pytest.raises(Refused, match="There is no resource"):
        ask(boss, "ListTagsForResource", resourceArn=arns().of(kinds.JOB_QUEUE, queue.name))


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"k" * 129: ""}, "128"),
        ({"": "v"}, "At least 1"),
        ({"k": "v" * 257}, "256"),
        ({"aws:k": "v"}, "reserved"),
        ({f"k{n}": "" for n in range(51)}, "At most 50"),
        ({"k": 1}, "a string"),
        ("k=v", "an object"),
        ({"k": "\0"}, "NUL"),
    ],
)
def test_bad_tags_are_refused_and_change_nothing(tags: Any, told: str, boss: User) -> None:
    queue = a_queue(tags={"before": "1"})
    with pytest.raises(Refused, match=told) as refused:
        ask(boss, "TagResource", resourceArn=arns().of(kinds.JOB_QUEUE, queue.name), tags=tags)
    assert refused.value.code == "ClientException"
    queue.refresh_from_db()
    assert queue.tags == {"before": "1"}


def test_more_than_fifty_tags_in_all_are_refused(boss: User) -> None:
    queue = a_queue(tags={f"k{n}": "" for n in range(50)})
    arn = arns().of(kinds.JOB_QUEUE, queue.name)
    ask(boss, "TagResource", resourceArn=arn, tags={"k1": "changed"})
    with pytest.raises(Refused, match="tags: There are at most 50"):
        ask(boss, "TagResource", resourceArn=arn, tags={"one more": ""})
    queue.refresh_from_db()
    assert len(queue.tags) == 50


def test_no_tag_key_given_is_refused(boss: User) -> None:
    with pytest.raises(Refused, match="tagKeys"):
        ask(boss, "UntagResource", resourceArn=arns().of(kinds.JOB_QUEUE, a_queue().name))
