"""EventBridge's event patterns: which match what, which are refused, and what they say in words."""

from typing import Any

import pytest

from jobs.domain import event_patterns
from jobs.domain.event_pattern_checks import read_pattern
from jobs.domain.event_patterns import (
    Seen,
    TooLarge,
    compares,
    in_words,
    matches,
    restricted,
)
from jobs.domain.validation import FieldError

EVENT = {
    "source": "aws.batch",
    "detail-type": "Batch Job State Change",
    "resources": ["arn:one", "arn:two"],
    "detail": {
        "status": "FAILED",
        "jobName": "Nightly-Sim",
        "attempts": [{"exitCode": 1}, {"exitCode": 137, "reason": "OOM", "at": {"zone": "a"}}],
        "nested": [[{"port": 80}], [{"name": "x"}]],
        "price": 3.5,
        "startedAt": 1_700_000_000_000,
        "address": "10.0.0.33",
        "addresses": ["fe80::1", "2001:db8::7"],
        "stoppedAt": None,
        "priority": 5,
        "isCancelled": False,
        "empty": [],
    },
}


def of_detail(**fields: Any) -> dict[str, Any]:
    return {"detail": fields}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"source": ["aws.batch"]}, True),
        ({"source": ["aws.ec2", "aws.batch"]}, True),
        ({"source": ["aws"]}, False),
        ({"nowhere": ["x"]}, False),
        ({"resources": ["arn:two"]}, True),
        ({"resources": ["arn:three"]}, False),
        ({"source": ["aws.batch"], "detail": {"status": ["SUCCEEDED"]}}, False),
        (of_detail(status=["FAILED"], priority=[5]), True),
        (of_detail(priority=[5.0]), False),
        (of_detail(price=[3.5]), True),
        (of_detail(price=[{"anything-but": 3.5}]), False),
        (of_detail(price=[{"numeric": ["=", 3.5]}]), True),
        (of_detail(priority=[{"numeric": ["=", 5.0]}]), True),
        (of_detail(startedAt=[{"numeric": [">", 0]}]), False),
        (of_detail(address=[{"cidr": "10.0.0.0/24"}]), True),
        (of_detail(address=[{"cidr": "10.0.0.77/24"}]), True),
        (of_detail(address=[{"cidr": "10.0.1.0/24"}]), False),
        (of_detail(address=[{"cidr": "::/0"}]), False),
        (of_detail(addresses=[{"cidr": "2001:db8::/32"}]), True),
        (of_detail(addresses=[{"cidr": "10.0.0.0/8"}]), False),
        (of_detail(jobName=[{"cidr": "0.0.0.0/0"}]), False),
        (of_detail(priority=[{"cidr": "0.0.0.0/0"}]), False),
        (of_detail(priority=["5"]), False),
        (of_detail(priority=[True]), False),
        (of_detail(isCancelled=[False]), True),
        (of_detail(isCancelled=[0]), False),
        (of_detail(stoppedAt=[None]), True),
        (of_detail(missing=[None]), False),
        (of_detail(attempts={"exitCode": [137]}), True),
        (of_detail(attempts={"exitCode": [1], "reason": ["OOM"]}), False),
        (of_detail(attempts={"exitCode": [137], "reason": ["OOM"]}), True),
        (of_detail(status={"x": ["y"]}), False),
        (of_detail(status={"x": [{"exists": False}]}), True),
        (of_detail(jobName=[{"prefix": "Night"}]), True),
        (of_detail(jobName=[{"prefix": "night"}]), False),
        (of_detail(jobName=[{"prefix": {"equals-ignore-case": "night"}}]), True),
        (of_detail(jobName=[{"suffix": "Sim"}]), True),
        (of_detail(jobName=[{"suffix": {"equals-ignore-case": "SIM"}}]), True),
        (of_detail(jobName=[{"equals-ignore-case": "nightly-sim"}]), True),
        (of_detail(jobName=[{"wildcard": "N*-S*m"}]), True),
        (of_detail(jobName=[{"wildcard": "Nightly-Sim"}]), True),
        (of_detail(jobName=[{"wildcard": "*"}]), True),
        (of_detail(jobName=[{"wildcard": "*ly-Sim*im"}]), False),
        (of_detail(jobName=[{"wildcard": "N\\*"}]), False),
        (of_detail(priority=[{"prefix": "5"}]), False),
        (of_detail(status=[{"anything-but": "SUCCEEDED"}]), True),
        (of_detail(status=[{"anything-but": ["SUCCEEDED", "FAILED"]}]), False),
        (of_detail(missing=[{"anything-but": "x"}]), False),
        (of_detail(jobName=[{"anything-but": {"prefix": "Day"}}]), True),
        (of_detail(jobName=[{"anything-but": {"suffix": ["Sim", "x"]}}]), False),
        (of_detail(jobName=[{"anything-but": {"wildcard": "N*"}}]), False),
        (of_detail(jobName=[{"anything-but": {"equals-ignore-case": ["NIGHTLY-SIM"]}}]), False),
        (of_detail(priority=[{"numeric": ["=", 5]}]), True),
        (of_detail(priority=[{"numeric": [">", 0, "<=", 5]}]), True),
        (of_detail(priority=[{"numeric": ["<", 5]}]), False),
        (of_detail(isCancelled=[{"numeric": ["=", 0]}]), False),
        (of_detail(status=[{"exists": True}]), True),
        (of_detail(status=[{"exists": False}]), False),
        (of_detail(missing=[{"exists": False}]), True),
        (of_detail(empty=[{"exists": False}]), True),
        ({"absent": {"deeper": [{"exists": False}]}}, True),
        (of_detail(empty={"deeper": [{"exists": False}]}), True),
        (of_detail(empty={"deeper": [{"exists": True}]}), False),
        (of_detail(attempts=[{"exists": True}]), False),
        (of_detail(attempts=[{"exists": False}]), True),
        # Of a list of objects, alone: none of them may have it; beside others: the one that has these.
        (of_detail(attempts={"reason": [{"exists": False}]}), False),
        (of_detail(attempts={"host": [{"exists": False}]}), True),
        (of_detail(attempts={"exitCode": [1], "reason": [{"exists": False}]}), True),
        (of_detail(attempts={"exitCode": [137], "reason": [{"exists": False}]}), False),
        (of_detail(attempts={"reason": [{"exists": False}, "Other"]}), False),
        (of_detail(attempts={"reason": [{"exists": False}, "OOM"]}), True),
        (of_detail(attempts={"$or": [{"reason": [{"exists": False}]}, {"exitCode": [7]}]}), False),
        (of_detail(attempts={"$or": [{"reason": [{"exists": False}]}, {"exitCode": [1]}]}), True),
        (of_detail(attempts={"$or": [{"host": [{"exists": False}]}, {"exitCode": [7]}]}), True),
        (of_detail(attempts={"at": {"zone": [{"exists": False}]}}), False),
        (of_detail(attempts={"at": {"rack": [{"exists": False}]}, "exitCode": [1]}), True),
        (of_detail(nested={"port": [80]}), True),
        (of_detail(nested={"port": [{"exists": False}]}), False),
        ({"$or": [{"source": ["x"]}, of_detail(status=["FAILED"])]}, True),
        ({"$or": [{"source": ["x"]}, {"source": ["y"]}]}, False),
        (of_detail(**{"$or": [{"status": ["x"]}, {"priority": [5]}]}), True),
        ({"source": ["x"], "$or": [{"source": ["x"]}, of_detail(status=["FAILED"])]}, False),
    ],
)
def test_a_pattern_matches_as_eventbridge_does(pattern: dict[str, Any], expected: bool) -> None:
    assert matches(read_pattern(pattern), EVENT) is expected


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{", "This is no JSON"),
        ("[]", "A pattern is a JSON object"),
        ({}, "A pattern is a JSON object"),
        (5, "A pattern is a JSON object"),
        ("[" * 100_000, "at most 4,096 characters"),
        ({"source": ["x" * 5000]}, "at most 4,096 characters"),
        ({"source": "aws.batch"}, "source: Give a list"),
        ({"source": []}, "source: Give a list"),
        ({"detail": {}}, "detail: Give a list"),
        ({"detail": {"status": ["FAILED", ["x"]]}}, "detail.status[1]: A list within a list"),
        ({"source": [{"like": "x"}]}, "source[0]: This is a value, or an object with one of"),
        ({"source": [{"prefix": "x", "suffix": "y"}]}, "an object with one of"),
        ({"source": [{"prefix": 5}]}, "prefix has a text"),
        ({"source": [{"prefix": {"suffix": "x"}}]}, "prefix has a text"),
        ({"source": [{"wildcard": "a**b"}]}, "Two asterisks"),
        ({"source": [{"wildcard": "a\\b"}]}, "Behind a backslash"),
        ({"source": [{"exists": "yes"}]}, "exists is true or false"),
        ({"source": [{"numeric": [">", "5"]}]}, "numeric is one or two comparisons"),
        ({"source": [{"numeric": [">", 5, ">", 6]}]}, "numeric is one or two comparisons"),
        ({"source": [{"numeric": [">", 10**12]}]}, "thousand million"),
        ({"source": [{"numeric": ["<", 5, ">", 0]}]}, "the first says above what"),
        ({"source": [{"numeric": ["=", 5, "<", 9]}]}, "the first says above what"),
        ({"source": [{"numeric": [">", 5, "<=", 5]}]}, "No number is above"),
        ({"source": [{"cidr": "10.0.0.0"}]}, "cidr has a block"),
        ({"source": [{"cidr": "10.0.0.0/33"}]}, "cidr has a block"),
        ({"source": [{"cidr": "10.0.0.0/255.0.0.0"}]}, "cidr has a block"),
        ({"source": [{"cidr": "fe80::%eth0/64"}]}, "cidr has a block"),
        ({"source": [{"cidr": 5}]}, "cidr has a block"),
        ({"source": [{"anything-but": ["a", 5]}]}, "texts or numbers, and not both"),
        ({"source": [{"anything-but": [True]}]}, "anything-but has a text or a number"),
        ({"source": [{"anything-but": {"exists": True}}]}, "anything-but has values"),
        ({"source": [{"numeric": [[], 0]}]}, "numeric is one or two comparisons"),
        ({"source": [{"numeric": [{"a": 1}, 0]}]}, "numeric is one or two comparisons"),
        ({"source": ["a\0b"]}, "cannot hold NUL"),
        ({"detail": {"a\0b": ["x"]}}, "detail: A field’s name cannot hold NUL"),
        ('{"detail": {"\\ud800": {"a": ["x"]}}}', "detail: A field’s name cannot hold NUL"),
        ({"\ud800": ["x"]}, "A field’s name cannot hold NUL"),
        ('{"detail": {"a": ["x"], "a": ["y"]}}', '"a" stands twice'),
        ('{"\\ud800": ["x"], "\\ud800": ["y"]}', '"\\ud800" stands twice'),
        ({"$or": [{"source": ["x"]}]}, "$or: Give a list of two or more patterns"),
        ({"detail": {"$or": [{"a": ["x"]}, {"b": "y"}]}}, "detail.$or[1].b: Give a list"),
        (
            {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": ["x"]}}}}}}}}}}},
            "deep",
        ),
    ],
)
def test_what_is_no_pattern_is_refused_with_its_place(pattern: object, told: str) -> None:
    with pytest.raises(FieldError) as refused:
        read_pattern(pattern)
    assert told in str(refused.value)


KNOWN = {"source": None, "detail": {"status": None, "jobName": None}}


@pytest.mark.parametrize(
    ("pattern", "expected", "is_all"),
    [
        ({"source": ["x"], "detail": {"status": ["F"]}}, "same", True),
        ({"account": ["1"], "detail": {"status": ["F"]}}, {"detail": {"status": ["F"]}}, False),
        ({"detail": {"attempts": {"exitCode": [1]}}}, {}, False),
        ({"$or": [{"source": ["x"]}, {"account": ["1"]}]}, {}, False),
        ({"$or": [{"source": ["x"]}, {"detail": {"status": ["F"]}}]}, "same", True),
        (
            {"$or": [{"source": ["x"], "account": ["1"]}, {"detail": {"status": ["F"]}}]},
            {"$or": [{"source": ["x"]}, {"detail": {"status": ["F"]}}]},
            False,
        ),
    ],
)
def test_what_is_known_of_a_row_narrows_what_has_to_be_written(
    pattern: dict[str, Any], expected: object, is_all: bool
) -> None:
    found = pattern if expected == "same" else expected
    assert restricted(pattern, KNOWN) == (found, is_all)


def test_a_pattern_is_said_in_words() -> None:
    pattern = {
        "detail": {
            "status": ["FAILED"],
            "jobName": [{"prefix": "nightly"}, {"anything-but": ["a", "b"]}],
            "$or": [{"x": [{"exists": False}]}, {"y": [{"numeric": [">", 5]}]}],
        },
    }
    assert in_words(pattern) == (
        "status is FAILED and jobName begins with nightly or is not a or b "
        "and (detail.x is not there or detail.y is > 5)"
    ).replace("detail.", "")


def test_a_long_text_is_compared_with_many_asterisks_in_no_time() -> None:
    pattern = read_pattern({"source": [{"wildcard": "a*" * 500 + "b"}]})
    assert not matches(pattern, {"source": "a" * 100_000})


@pytest.mark.parametrize(
    "what",
    [
        [{"suffix": f"{number:03}"} for number in range(200)],
        [{"anything-but": {"prefix": ["variable", *map(str, range(200))]}}],
    ],
)
def test_an_event_that_takes_too_long_to_compare_matches_nothing(what: list[Any]) -> None:
    pattern = {"environment": {"name": what}}
    few, many = ({"environment": [{"name": f"variable {n}"} for n in range(c)]} for c in (50, 6000))
    compares(pattern, few)
    assert not matches(pattern, many)
    with pytest.raises(TooLarge):
        compares(pattern, many)
    # What another field rules out is not compared.
    assert not compares({"status": ["FAILED"], **pattern}, {"status": "RUNNING", **many})


def test_what_was_found_out_of_a_list_holds_for_the_next_event_with_as_much_effort() -> None:
    names = [{"name": f"variable {number}"} for number in range(60)]
    pattern = {"environment": {"name": [{"suffix": "59"}]}, "status": [{"prefix": "FAIL"}]}
    seen = Seen()
    for status in ("FAILED", "RUNNING", "FAILED"):
        event = {"environment": names, "status": status}
        assert compares(pattern, event, seen) is compares(pattern, event)
    tried = [{"environment": {"name": [{"suffix": str(number)}]}} for number in range(400)]
    for each in (Seen(), None):
        # What it takes is counted as if each had been looked at.
        with pytest.raises(TooLarge):
            compares({"$or": [{**one, "status": ["x"]} for one in tried * 2]}, event, each)


def test_a_list_that_took_too_long_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [{"name": f"variable {number}"} for number in range(6000)]
    wanted = {"name": [{"suffix": f"{number:03}"} for number in range(200)]}
    seen = Seen()
    with pytest.raises(TooLarge):
        compares({"environment": wanted}, {"environment": many}, seen)
    monkeypatch.setattr(event_patterns, "_text_matches", None)
    with pytest.raises(TooLarge):
        compares({"environment": wanted}, {"environment": many}, seen)
