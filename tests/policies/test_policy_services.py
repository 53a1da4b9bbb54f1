"""Scheduling policies are written whole or not at all, and stay while a queue needs them."""

from typing import Any

import pytest

from jobs.domain.errors import Conflict, InvalidInput, NotFound
from jobs.models import SchedulingPolicy
from jobs.services.setup.policies import create_policy, delete_policy, update_policy
from tests.builders import NOW, a_policy, a_queue

pytestmark = pytest.mark.django_db
QUOTA = {"idleResourceAssignmentStrategy": "FIFO"}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "taken"}, "name"),
        ({"share_decay_seconds": 604_801}, "share_decay_seconds"),
        ({"compute_reservation": -1}, "compute_reservation"),
        ({"share_distribution": "{"}, "share_distribution"),
        ({"share_distribution": [{"weightFactor": 1}]}, "share_distribution"),
        ({"share_distribution": [{"shareIdentifier": "a", "weightFactor": 0}]}, "share_distribution"),
        ({"share_distribution": [{"shareIdentifier": "a*"}, {"shareIdentifier": "ab"}]}, "share_distribution"),
        ({"quota": 1}, "quota"),
        ({"quota_share_policy": "{"}, "quota_share_policy"),
        ({"quota_share_policy": {"idleResourceAssignmentStrategy": "LIFO"}}, "quota_share_policy"),
        ({"quota_share_policy": QUOTA, "compute_reservation": 1}, "quota_share_policy"),
        ({"tags": {"aws:x": ""}}, "tags"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_field_and_writes_nothing(fields: dict[str, Any], field: str) -> None:
    a_policy(name="taken")
    with pytest.raises(InvalidInput) as caught:
        create_policy(fields={"name": "new", **fields}, now=NOW)
    assert list(caught.value.errors) == [field]
    assert SchedulingPolicy.objects.count() == 1


def test_what_an_update_leaves_out_stays() -> None:
    policy = a_policy(shares={"a": 2.0}, compute_reservation=10)
    update_policy(policy=policy, fields={"share_decay_seconds": "60"})
    policy.refresh_from_db()
    assert (policy.share_decay_seconds, policy.compute_reservation) == (60, 10)
    assert policy.share_distribution == [{"shareIdentifier": "a", "weightFactor": 2.0}]
    with pytest.raises(InvalidInput, match="A policy keeps its name"):
        update_policy(policy=policy, fields={"name": "other"})


def test_a_deleted_policy_cannot_be_changed_and_is_deleted_once() -> None:
    policy = a_policy()
    delete_policy(policy=policy)
    delete_policy(policy=policy)
    with pytest.raises(NotFound):
        update_policy(policy=policy, fields={})


def test_a_policy_that_a_queue_uses_stays() -> None:
    policy = a_policy()
    a_queue(name="research", scheduling_policy=policy)
    with pytest.raises(Conflict, match="The queue research uses the policy"):
        delete_policy(policy=policy)
    assert SchedulingPolicy.objects.exists()
