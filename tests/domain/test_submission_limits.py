"""Arrays, dependencies, shares, consumables, tags and queue rules: the limits of AWS Batch."""

from typing import Any
from uuid import UUID

import pytest

from jobs.domain import arrays, consumables, shares, time_limit_actions, variables
from jobs.domain.arrays import DependencyRequest, DependencyType
from jobs.domain.members import Reader
from jobs.domain.validation import FieldError

ID = "0190a0b0-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("given", "size"),
    [(None, None), ("", None), ({}, None), (2, 2), ("10000", 10_000), ({"size": 3}, 3)],
)
def test_an_array_has_2_to_10000_children(given: object, size: int | None) -> None:
    assert arrays.array_size(given) == size


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, []),
        ("", []),
        ([{"job_id": ID}], [(ID, "")]),
        ([{"jobId": ID, "type": "N_TO_N"}], [(ID, "N_TO_N")]),
        ('[{"type": "SEQUENTIAL"}]', [(None, "SEQUENTIAL")]),
        # As AWS's clients send it.
        ([{"jobId": "", "type": "SEQUENTIAL"}], [(None, "SEQUENTIAL")]),
    ],
)
def test_dependencies_are_read(given: object, expected: list[tuple[str | None, str]]) -> None:
    assert arrays.depends_on(given) == [
        DependencyRequest(UUID(job_id) if job_id else None, DependencyType(kind))
        for job_id, kind in expected
    ]


def an_action(**members: Any) -> list[dict[str, Any]]:
    action = {
        "reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "state": "RUNNABLE",
        "maxTimeSeconds": 600,
        "action": "CANCEL",
    }
    return [{**action, **members}]


def weights(*identifiers: str, **members: object) -> list[dict[str, object]]:
    return [{"shareIdentifier": each, **members} for each in identifiers]


@pytest.mark.parametrize(
    ("read", "given", "said"),
    [
        (arrays.array_size, 1, "2 to 10000"),
        (arrays.array_size, 10_001, "2 to 10000"),
        (arrays.array_size, "many", "2 to 10000"),
        (arrays.array_size, {"length": 3}, "length: There is no such member"),
        (arrays.depends_on, [{"job_id": ID}] * 21, "There are at most 20"),
        (arrays.depends_on, [{"job_id": "7"}], "7 is no job's id"),
        (arrays.depends_on, [{"job_id": f"{ID}:10000"}], "is no job's id"),
        (arrays.depends_on, [{"type": "N_TO_N"}], "Give the id of the job"),
        (arrays.depends_on, [{}], "Give the id of the job"),
        (arrays.depends_on, [{"job_id": ID, "type": "SEQUENTIAL"}], "give no job id"),
        (arrays.depends_on, [{"job_id": ID, "type": "PARALLEL"}], "one of SEQUENTIAL, N_TO_N"),
        (arrays.depends_on, ID, "Not valid JSON"),
        (shares.share_identifier, "a-b", "1 to 255 letters and digits"),
        (shares.share_identifier, "x" * 256, "1 to 255 letters and digits"),
        (shares.scheduling_priority, 10_000, "0 to 9999"),
        (shares.scheduling_priority, -1, "0 to 9999"),
        (shares.share_decay_seconds, 604_801, "0 to 604800"),
        (shares.compute_reservation, 100, "0 to 99"),
        (shares.share_distribution, weights("a*", "ab"), r"a\* and ab overlap"),
        (shares.share_distribution, weights("b", "a", "b"), "b and b overlap"),
        (shares.share_distribution, weights("ab*", "a*"), r"a\* and ab\* overlap"),
        (shares.share_distribution, weights("a*", "a"), r"a\* and a overlap"),
        (shares.share_distribution, weights("a", weightFactor=0), "0.0001 to 999.9999"),
        (shares.share_distribution, weights("a", weightFactor=1000), "0.0001 to 999.9999"),
        (shares.share_distribution, [{"weightFactor": 1}], "shareIdentifier: This is required"),
        (shares.share_distribution, weights(*map(str, range(501))), "at most 500"),
        (time_limit_actions.time_limit_actions, an_action(maxTimeSeconds=599), "600 to 86400"),
        (time_limit_actions.time_limit_actions, an_action(maxTimeSeconds=86_401), "600 to 86400"),
        (time_limit_actions.time_limit_actions, an_action(state="RUNNING"), "This is RUNNABLE"),
        (time_limit_actions.time_limit_actions, an_action(action="TERMINATE"), "This is CANCEL"),
        (time_limit_actions.time_limit_actions, an_action(reason=""), "reason: This is required"),
        (time_limit_actions.time_limit_actions, an_action() * 2, "Two rules are named"),
        (consumables.consumables, [{"consumableResource": "a", "quantity": 0}], "quantity: This"),
        (consumables.consumables, [{"quantity": 1}], "consumableResource: This is required"),
        (consumables.consumables, [{"consumableResource": "a", "quantity": 1}] * 2, "named a"),
        (consumables.quantity, -1, "whole number"),
        (consumables.resource_type, "ENDLESS", "REPLENISHABLE or"),
        (variables.tags, {f"k{n}": "" for n in range(51)}, "at most 50 tags"),
        (variables.tags, {"k" * 129: ""}, "1 to 128 characters"),
        (variables.tags, {"": "a"}, "1 to 128 characters"),
        (variables.tags, {"k": "v" * 257}, "at most 256 characters"),
        (variables.tags, {"AWS:x": "a"}, "keys that start with aws: are reserved"),
        (variables.tags, {"a": 1}, "Names and values are texts"),
        (variables.parameters, {"": "a"}, "A parameter has a name"),
    ],
)
def test_each_limit_is_held(read: Reader, given: object, said: str) -> None:
    with pytest.raises(FieldError, match=said):
        read(given)


def test_a_share_without_a_weight_has_that_of_one() -> None:
    given = [{"shareIdentifier": "a*", "weightFactor": 0.125}, {"shareIdentifier": "b"}]
    assert shares.share_distribution(given) == [
        {"shareIdentifier": "a*", "weightFactor": 0.125},
        {"shareIdentifier": "b", "weightFactor": 1.0},
    ]


@pytest.mark.parametrize(
    ("is_fair_share", "share", "priority", "wrong"),
    [
        (True, "a", 0, set()),
        (True, "", 1, {"share_identifier"}),
        (True, "a", None, {"scheduling_priority"}),
        (True, "", None, {"share_identifier", "scheduling_priority"}),
        (False, "", None, set()),
        (False, "", 5, set()),
        (False, "a", 5, {"share_identifier"}),
    ],
)
def test_a_share_is_for_fair_share_queues(
    is_fair_share: bool, share: str, priority: int | None, wrong: set[str]
) -> None:
    errors = shares.check_share(
        queue="q",
        is_fair_share=is_fair_share,
        share_identifier=share,
        scheduling_priority=priority,
    )
    assert errors.keys() == wrong


def test_resources_are_named_by_their_arns_too() -> None:
    arn = "arn:aws:batch:eu-1:123456789012:consumable-resource/licence"
    given = {"consumableResourceList": [{"consumableResource": arn, "quantity": "2"}]}
    assert consumables.consumables(given) == [{"consumableResource": "licence", "quantity": 2}]


def test_members_of_other_names_are_no_resources() -> None:
    with pytest.raises(FieldError, match="licence: There is no such member"):
        consumables.consumables({"licence": 1})


@pytest.mark.parametrize(
    "pairs",
    [
        {},
        {"a": "1", "b": ""},
        {"a": "two\nlines"},
        {"a=b": "c"},
        {" a": "b "},
        {"[a": "b"},
        {"{": "}"},
    ],
)
def test_pairs_survive_the_form(pairs: dict[str, str]) -> None:
    assert variables.parameters(variables.pairs_text(pairs)) == pairs
