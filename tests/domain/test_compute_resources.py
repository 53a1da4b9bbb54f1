"""Compute resources: what their lists may hold."""

from typing import Any

import pytest

from jobs.domain.environments.compute_resources import new_resources
from jobs.domain.validation import FieldError


def resources(**changes: Any) -> dict[str, Any]:
    return {
        "type": "EC2",
        "maxvCpus": 4,
        "instanceTypes": ["m5.large"],
        "subnets": ["subnet-1"],
        "securityGroupIds": ["sg-1"],
        "instanceRole": "role",
        **changes,
    }


def test_a_type_that_is_named_twice_counts_once_and_in_its_first_place() -> None:
    clean = new_resources(resources(instanceTypes=["m5.large", "c5.large", "m5.large"]))
    assert clean["instanceTypes"] == ["m5.large", "c5.large"]


@pytest.mark.parametrize("member", ["subnets", "securityGroupIds"])
@pytest.mark.parametrize("empty", [None, ""])
def test_what_is_empty_names_no_network(member: str, empty: object) -> None:
    with pytest.raises(FieldError) as refusal:
        new_resources(resources(**{member: ["one", empty]}))
    assert [path for path, _ in refusal.value.problems] == [f"{member}[1]"]


@pytest.mark.parametrize("empty", [None, ""])
def test_what_is_empty_is_no_instance_type(empty: object) -> None:
    with pytest.raises(FieldError) as refusal:
        new_resources(resources(instanceTypes=[empty]))
    assert [path for path, _ in refusal.value.problems] == ["instanceTypes[0]"]


@pytest.mark.parametrize(
    ("member", "most"), [("instanceTypes", 1000), ("subnets", 200), ("securityGroupIds", 200)]
)
def test_lists_are_limited(member: str, most: int) -> None:
    names = [f"m{number}" for number in range(most + 1)]
    assert new_resources(resources(**{member: names[:most]}))[member] == names[:most]
    with pytest.raises(FieldError) as refusal:
        new_resources(resources(**{member: names}))
    assert refusal.value.problems == ((member, f"There are at most {most} here."),)
