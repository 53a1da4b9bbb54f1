"""Whether an alarm is raised: all of its periods beyond the threshold, one within, or not known."""

from collections.abc import Sequence
from typing import Any

import pytest

from jobs.domain import alarms
from jobs.domain.alarms import ALARM, INSUFFICIENT_DATA, OK, Rule, judge
from jobs.domain.validation import FieldError
from jobs.models import AlarmComparison, AlarmMetric, AlarmState
from tests.builders import NOW


def a_rule(comparison: str = "GREATER_THAN", threshold: float = 5, **fields: Any) -> Rule:
    return Rule(
        "jobs failed", comparison, threshold, **{"period_minutes": 5, "periods": 2, **fields}
    )


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([6, 7], ALARM),
        ([6, 5], OK),
        ([5, 7], OK),
        ([None, 5], OK),
        ([None, 7], INSUFFICIENT_DATA),
        ([None, None], INSUFFICIENT_DATA),
        ([], INSUFFICIENT_DATA),
    ],
)
def test_an_alarm_stands_as_its_newest_periods_say(
    values: Sequence[float | None], state: str
) -> None:
    assert judge(a_rule(), values, NOW).state == state


@pytest.mark.parametrize(
    ("comparison", "beyond", "within"),
    [
        ("GREATER_THAN", 5.1, 5),
        ("GREATER_OR_EQUAL", 5, 4.9),
        ("LESS_THAN", 4.9, 5),
        ("LESS_OR_EQUAL", 5, 5.1),
    ],
)
def test_values_are_compared_as_asked(comparison: str, beyond: float, within: float) -> None:
    rule = a_rule(comparison)
    assert rule.is_beyond(beyond)
    assert not rule.is_beyond(within)


@pytest.mark.parametrize(
    ("rule", "values", "reason"),
    [
        (
            {"threshold": 0.5},
            [1, 2.25],
            "Jobs failed: 1, 2.25 in the 2 times 5 minutes up to 5 January 09:00 UTC: more than 0.5 in each.",
        ),
        (
            {"threshold": 0, "periods": 1, "period_minutes": 1},
            [0],
            "Jobs failed: 0 in the minute up to 5 January 09:00 UTC. It is raised by more than 0.",
        ),
        (
            {"comparison": "LESS_OR_EQUAL"},
            [7, 5],
            "Jobs failed: 7, 5 in the 2 times 5 minutes up to 5 January 09:00 UTC. It is raised by at most 5 in each.",
        ),
        (
            {"threshold": 4, "period_minutes": 60},
            [None, 5],
            "Jobs failed: –, 5 in the 2 times 1 hour up to 5 January 09:00 UTC. Where there is a dash, nothing was "
            "measured.",
        ),
        (
            {"periods": 1},
            [None],
            "Jobs failed: nothing was measured in the 5 minutes up to 5 January 09:00 UTC.",
        ),
    ],
)
def test_the_reason_says_what_was_measured_when_and_what_would_raise_it(
    rule: dict[str, Any], values: list[float | None], reason: str
) -> None:
    assert judge(a_rule(**rule), values, NOW).reason == reason


def test_each_state_says_what_it_means_in_one_place() -> None:
    assert set(alarms.MEANINGS) == {ALARM, OK, INSUFFICIENT_DATA}
    assert alarms.state_in_words("ALARM") == "ALARM (raised)"
    assert alarms.state_in_words("RUNNABLE") == "RUNNABLE"


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1 minute"), (5, "5 minutes"), (60, "1 hour"), (90, "90 minutes"), (1440, "24 hours")],
)
def test_lengths_are_told_in_words(count: int, words: str) -> None:
    assert alarms.minutes(count) == words


def test_rules_are_told_in_words() -> None:
    assert a_rule(periods=1).in_words == "Jobs failed > 5 in 5 minutes"
    assert "each of 3 times of 1 minute" in a_rule(periods=3, period_minutes=1).in_words


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (alarms.metric, "CPU"),
        (alarms.metric, None),
        (alarms.comparison, "="),
        (alarms.threshold, ""),
        (alarms.threshold, "-1"),
        (alarms.threshold, "nan"),
        (alarms.period_minutes, "0"),
        (alarms.period_minutes, "1441"),
        (alarms.periods, "2.5"),
    ],
)
def test_what_is_no_rule_is_refused(check: object, value: object) -> None:
    assert callable(check)
    with pytest.raises(FieldError):
        check(value)


@pytest.mark.parametrize("value", ["1e308", "9" * 13, "0." + "1" * 13, 1e-7])
def test_of_a_threshold_that_is_too_large_or_too_fine_the_bounds_are_told(value: object) -> None:
    with pytest.raises(FieldError, match="at most 12 digits before the point and 12 behind it"):
        alarms.threshold(value)


def test_a_sentence_begins_with_a_capital_letter_but_for_vcpus() -> None:
    assert alarms.sentence("jobs failed") == "Jobs failed"
    assert alarms.sentence("vCPUs in use (%)") == "vCPUs in use (%)"


def test_all_periods_together_are_a_day_at_most() -> None:
    assert alarms.problem_of_length(60, 24) == ""
    assert "these are 25 hours" in alarms.problem_of_length(60, 25)


def test_the_names_are_those_that_are_stored() -> None:
    assert set(alarms.METRICS) == set(AlarmMetric.values)
    assert dict(AlarmComparison.choices) == alarms.SIGNS
    assert {ALARM, OK, INSUFFICIENT_DATA} == set(AlarmState.values)
