"""Comparisons that can never fit are refused when a policy is saved; what was stored before is read as it was."""

import json
from typing import Any

import pytest

from jobs.domain.access_actions import KEYS
from jobs.domain.access_comparisons import wrong_operator
from jobs.domain.access_conditions import OPERATORS
from jobs.domain.access_documents import document, statements_of_text
from jobs.domain.arns import Arns
from jobs.domain.validation import FieldError

ARNS = Arns("us-east-1", "123456789012")


def policy(condition: dict[str, Any]) -> dict[str, Any]:
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": statement}


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (
            {"StringEquals": {"aws:SourceIp": "10.0.0.0/8"}},
            "StringEquals never fits aws:SourceIp. Compare it by IpAddress, NotIpAddress or Null.",
        ),
        ({"NumericEquals": {"batch:Image": "1"}}, "NumericEquals never fits batch:Image."),
        ({"Bool": {"aws:CurrentTime": "true"}}, "Bool never fits aws:CurrentTime."),
        ({"StringLike": {"batch:Privileged": "t*"}}, "Compare it by Bool or Null."),
        ({"IpAddress": {"aws:ResourceTag/a": "::1"}}, "IpAddress never fits aws:ResourceTag/a."),
        (
            {"DateGreaterThan": {"aws:CurrentTime": "20271231"}},
            "20271231: digits alone are seconds since 1970. Write a date as 2026-12-31.",
        ),
    ],
)
def test_a_comparison_that_never_fits_is_not_saved(condition: dict[str, Any], told: str) -> None:
    given = policy(condition)
    with pytest.raises(FieldError) as refused:
        document(given, ARNS)
    assert told in str(refused.value)
    # Nobody's changes are refused because of what was stored by an earlier version.
    assert statements_of_text(json.dumps(given))


@pytest.mark.parametrize(
    "condition",
    [
        {"DateGreaterThan": {"aws:CurrentTime": ["2027-12-31", "1830297600"]}},
        {"NumericLessThan": {"aws:EpochTime": "5"}},
        {"ForAnyValue:StringLikeIfExists": {"batch:Image": "x"}},
        {"Null": {"aws:SourceIp": "true"}},
        {"NotIpAddress": {"aws:sourceip": "10.0.0.0/8"}},
        {"NumericGreaterThan": {"aws:RequestTag/size": "5"}},
    ],
)
def test_what_can_fit_is_saved(condition: dict[str, Any]) -> None:
    assert document(policy(condition), ARNS)


def test_each_key_has_operators_of_its_own() -> None:
    for key in KEYS:
        assert any(not wrong_operator(key, name) for name in OPERATORS if name != "Null"), key
