"""Consumable resources through the API, and the jobs that need them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.domain import arns as kinds
from jobs.domain.ids import text_of
from jobs.models import ConsumableChange, ConsumableResource, Job, JobStatus
from jobs.selectors.realm import arns
from tests.api.asking import Refused, ask, ask_all
from tests.builders import NOW, a_consumable, a_hold, a_job, a_user, an_array

pytestmark = pytest.mark.django_db
AT = int(NOW.timestamp() * 1000)


def arn_of(name: str) -> str:
    return arns().of(kinds.CONSUMABLE_RESOURCE, name)


@pytest.fixture
def boss() -> User:
    return a_user(is_staff=True)


def test_a_resource_is_made_described_and_deleted(boss: User) -> None:
    made = ask(
        boss,
        "CreateConsumableResource",
        consumableResourceName="licence",
        totalQuantity=7,
        tags={"a": "b"},
        now=NOW,
    )
    named = {"consumableResourceName": "licence", "consumableResourceArn": arn_of("licence")}
    assert made == named
    for text in ("licence", arn_of("licence")):
        assert ask(a_user(), "DescribeConsumableResource", consumableResource=text) == {
            **named,
            "totalQuantity": 7,
            "inUseQuantity": 0,
            "availableQuantity": 7,
            "resourceType": "REPLENISHABLE",
            "createdAt": AT,
            "tags": {"a": "b"},
        }
    assert ask(boss, "DeleteConsumableResource", consumableResource="licence") == {}
    with pytest.raises(Refused, match="ConsumableResource licence not found"):
        ask(boss, "DescribeConsumableResource", consumableResource="licence")


def test_without_a_quantity_there_is_nothing_of_it(boss: User) -> None:
    ask(
        boss,
        "CreateConsumableResource",
        consumableResourceName="credits",
        resourceType="NON_REPLENISHABLE",
    )
    found = ask(boss, "DescribeConsumableResource", consumableResource="credits")
    assert (found["totalQuantity"], found["resourceType"]) == (0, "NON_REPLENISHABLE")


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "consumableResourceName: This is required"),
        ({"consumableResourceName": "a b"}, "consumableResourceName: A name"),
        ({"consumableResourceName": "taken"}, "consumableResourceName: .*already"),
        ({"consumableResourceName": "r", "totalQuantity": -1}, "totalQuantity: "),
        ({"consumableResourceName": "r", "totalQuantity": 2**62}, "totalQuantity: "),
        ({"consumableResourceName": "r", "totalQuantity": 1.5}, "totalQuantity: "),
        ({"consumableResourceName": "r", "resourceType": "OTHER"}, "resourceType: The type is"),
        ({"consumableResourceName": "r", "tags": {"k": "v" * 257}}, "tags"),
    ],
)
def test_a_bad_resource_is_refused_and_none_is_made(params: Any, told: str, boss: User) -> None:
    a_consumable(name="taken")
    with pytest.raises(Refused, match=told) as refused:
        ask(boss, "CreateConsumableResource", **params)
    assert refused.value.code == "ClientException"
    assert ConsumableResource.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "total"),
    [
        ({"operation": "SET", "quantity": 3}, 3),
        ({"quantity": 3}, 3),
        ({"operation": "ADD", "quantity": 3}, 13),
        ({"operation": "REMOVE", "quantity": 3}, 7),
        ({"operation": "REMOVE", "quantity": 10}, 0),
    ],
)
def test_a_total_is_set_raised_and_lowered(change: Any, total: int, boss: User) -> None:
    resource = a_consumable(total_quantity=10)
    answer = ask(
        boss, "UpdateConsumableResource", consumableResource=arn_of(resource.name), **change
    )
    assert answer == {
        "consumableResourceName": resource.name,
        "consumableResourceArn": arn_of(resource.name),
        "totalQuantity": total,
    }
    resource.refresh_from_db()
    assert resource.total_quantity == total


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "quantity: Give a quantity"),
        ({"operation": "ADD"}, "quantity: Give a quantity"),
        ({"operation": "DOUBLE", "quantity": 1}, "operation: The operation is"),
        ({"operation": "REMOVE", "quantity": 11}, "quantity: There are 10 only"),
        ({"operation": "ADD", "quantity": 10**15}, "quantity: The total is at most"),
        ({"quantity": -1}, "quantity: "),
        ({"quantity": 1, "clientToken": ""}, "clientToken"),
        ({"quantity": 1, "clientToken": "t" * 65}, "clientToken"),
    ],
)
def test_a_bad_change_is_refused_and_changes_nothing(change: Any, told: str, boss: User) -> None:
    resource = a_consumable(total_quantity=10)
    with pytest.raises(Refused, match=told):
        ask(boss, "UpdateConsumableResource", consumableResource=resource.name, **change)
    resource.refresh_from_db()
    assert resource.total_quantity == 10
    assert not ConsumableChange.objects.exists()


def test_the_same_change_with_the_same_token_is_made_once_in_eight_hours(boss: User) -> None:
    resource, other = a_consumable(total_quantity=10), a_consumable(total_quantity=10)

    def add(quantity: int, token: str, *, hours: float = 0, name: str = resource.name) -> int:
        answer = ask(
            boss,
            "UpdateConsumableResource",
            consumableResource=name,
            operation="ADD",
            quantity=quantity,
            clientToken=token,
            now=NOW + timedelta(hours=hours),
        )
        total: int = answer["totalQuantity"]
        return total

    assert add(1, "a") == 11
    assert add(1, "a", hours=7.9) == 11
    assert add(1, "b") == 12
    assert add(2, "a") == 14
    assert add(1, "a", name=other.name) == 11
    assert add(1, "a", hours=8) == 15
    assert add(1, "a", hours=9) == 15


def test_a_refused_change_uses_up_no_token(boss: User) -> None:
    resource = a_consumable(total_quantity=1)
    change: dict[str, Any] = {"operation": "REMOVE", "quantity": 2, "clientToken": "t"}
    with pytest.raises(Refused):
        ask(boss, "UpdateConsumableResource", consumableResource=resource.name, **change)
    ConsumableResource.objects.update(total_quantity=5)
    answer = ask(boss, "UpdateConsumableResource", consumableResource=resource.name, **change)
    assert answer["totalQuantity"] == 3


def test_a_resource_that_jobs_hold_or_need_is_not_deleted(boss: User) -> None:
    held, needed = a_consumable(), a_consumable()
    a_hold(resource=held)
    needs = [{"consumableResource": needed.name, "quantity": 1}]
    a_job(status=JobStatus.RUNNABLE, has_consumables=True, consumables=needs)
    for resource in (held, needed):
        with pytest.raises(Refused, match=resource.name):
            ask(boss, "DeleteConsumableResource", consumableResource=resource.name)
    assert ConsumableResource.objects.count() == 2


def test_a_resource_that_was_changed_with_a_token_is_deleted(boss: User) -> None:
    name = a_consumable().name
    ask(boss, "UpdateConsumableResource", consumableResource=name, quantity=1, clientToken="t")
    ask(boss, "DeleteConsumableResource", consumableResource=name)
    assert not ConsumableChange.objects.exists()


def test_resources_are_listed_by_name_and_page_by_page(boss: User) -> None:
    for name in ("beta", "Alpha", "alpha2", "al_x"):
        a_consumable(name=name)

    def listed(*patterns: str, **more: Any) -> list[str]:
        if patterns:
            filters = [{"name": "CONSUMABLE_RESOURCE_NAME", "values": list(patterns)}]
            more = {**more, "filters": filters}
        found = ask_all(a_user(), "ListConsumableResources", "consumableResources", **more)
        return [each["consumableResourceName"] for each in found]

    assert listed() == ["Alpha", "al_x", "alpha2", "beta"] == listed(maxResults=1)
    assert listed("ALPHA") == ["Alpha"]
    assert listed("alpha*", "none") == ["Alpha", "alpha2"] == listed("alpha*", maxResults=1)
    assert listed("al_*") == ["al_x"]
    assert listed("*") == listed()
    assert listed("%") == []


@pytest.mark.parametrize(
    "params",
    [
        {"maxResults": 101},
        {"maxResults": 0},
        {"nextToken": "x"},
        {"filters": [{"name": "NAME", "values": ["a"]}]},
        {"filters": [{"name": "CONSUMABLE_RESOURCE_NAME"}]},
        {"filters": [{"name": "CONSUMABLE_RESOURCE_NAME", "values": ["a\0"]}]},
        {"filters": [{"name": "CONSUMABLE_RESOURCE_NAME", "values": ["a"]}] * 2},
        {"filters": "x"},
    ],
)
def test_a_bad_list_is_refused(params: Any, boss: User) -> None:
    with pytest.raises(Refused) as refused:
        ask(boss, "ListConsumableResources", **params)
    assert refused.value.code == "ClientException"


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateConsumableResource", {"consumableResourceName": "r"}),
        ("UpdateConsumableResource", {"consumableResource": "here", "quantity": 1}),
        ("DeleteConsumableResource", {"consumableResource": "here"}),
    ],
)
def test_only_administrators_change_resources(operation: str, params: Any) -> None:
    resource = a_consumable(name="here", total_quantity=10)
    with pytest.raises(Refused) as refused:
        ask(a_user(), operation, **params)
    assert (refused.value.code, refused.value.status) == ("AccessDeniedException", 403)
    resource.refresh_from_db()
    assert (resource.total_quantity, ConsumableResource.objects.count()) == (10, 1)


def _needing(resource: str, quantity: int = 1, **fields: Any) -> Job:
    needs = [{"consumableResource": resource, "quantity": quantity}]
    return a_job(has_consumables=True, consumables=needs, **fields)


def test_the_jobs_that_need_a_resource_are_listed_newest_first() -> None:
    user, resource = a_user(), a_consumable(name="licence")
    first = _needing("licence", 3, owner=user, name="Align1", status=JobStatus.RUNNABLE)
    _needing("licence2", owner=user)
    _needing("quantity", owner=user)
    _needing("licence")
    a_job(owner=user)
    last = _needing("licence", owner=user, name="sort", status=JobStatus.FAILED, started_at=NOW)
    definition = f"{first.definition.name}:{first.definition.revision}"

    def listed(**more: Any) -> list[str]:
        name = resource.name
        answer = ask(user, "ListJobsByConsumableResource", consumableResource=name, **more)
        return [each["jobName"] for each in answer["jobs"]]

    whole = ask(user, "ListJobsByConsumableResource", consumableResource=arn_of("licence"))
    assert [each["jobName"] for each in whole["jobs"]] == ["sort", "Align1"]
    assert whole["jobs"][1] == {
        "jobArn": arns().of(kinds.JOB, first.id),
        "jobQueueArn": arns().of(kinds.JOB_QUEUE, first.queue.name),
        "jobName": "Align1",
        "jobDefinitionArn": arns().of(kinds.JOB_DEFINITION, definition),
        "jobStatus": "RUNNABLE",
        "quantity": 3,
        "createdAt": AT,
        "consumableResourceProperties": {
            "consumableResourceList": [{"consumableResource": "licence", "quantity": 3}]
        },
    }
    assert whole["jobs"][0]["startedAt"] == AT
    assert listed(filters=[{"name": "JOB_STATUS", "values": ["FAILED", "RUNNING"]}]) == ["sort"]
    for pattern in ("ALIGN1", "al*", "*1"):
        named = listed(filters=[{"name": "JOB_NAME", "values": [pattern]}])
        assert named == ([] if pattern == "*1" else ["Align1"])
    both = [{"name": "JOB_NAME", "values": ["*"]}, {"name": "JOB_STATUS", "values": ["FAILED"]}]
    assert listed(filters=both) == ["sort"]
    page = ask(user, "ListJobsByConsumableResource", consumableResource="licence", maxResults=1)
    assert [each["jobArn"] for each in page["jobs"]] == [arns().of(kinds.JOB, last.id)]
    assert listed(nextToken=page["nextToken"]) == ["Align1"]


def test_an_array_that_needs_a_resource_is_one_job() -> None:
    user = a_user()
    needs = [{"consumableResource": a_consumable(name="r").name, "quantity": 1}]
    array = an_array(3, owner=user, has_consumables=True, consumables=needs)
    (found,) = ask(user, "ListJobsByConsumableResource", consumableResource="r")["jobs"]
    assert found["jobArn"] == arns().of(kinds.JOB, text_of(array.id))


@pytest.mark.parametrize(
    "params",
    [
        {"consumableResource": "none"},
        {"consumableResource": "r\0"},
        {},
        {"consumableResource": "r", "maxResults": 101},
        {"consumableResource": "r", "nextToken": "x"},
        {"consumableResource": "r", "filters": [{"name": "JOB_STATUS", "values": ["DONE"]}]},
        {"consumableResource": "r", "filters": [{"name": "SHARE", "values": ["x"]}]},
    ],
)
def test_a_bad_list_of_jobs_is_refused(params: Any) -> None:
    a_consumable(name="r")
    with pytest.raises(Refused) as refused:
        ask(a_user(), "ListJobsByConsumableResource", **params)
    assert refused.value.code == "ClientException"
