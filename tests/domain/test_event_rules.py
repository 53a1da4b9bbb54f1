"""What forms ask for in place of a pattern, and where a webhook may be posted to."""

from typing import Any

import pytest

from jobs.domain.event_rules import (
    ALARMS,
    BLOCKED,
    JOBS,
    Simple,
    in_words,
    pattern_of,
    simple_of,
    webhook_url,
)
from jobs.domain.validation import FieldError


@pytest.mark.parametrize(
    "simple",
    [
        Simple(JOBS),
        Simple(JOBS, statuses=("FAILED", "SUCCEEDED"), queue="fast", job_name="nightly"),
        Simple(BLOCKED, queue="fast"),
        Simple(ALARMS, alarm="hot", alarm_states=("OK", "ALARM")),
    ],
)
def test_what_a_form_asked_for_is_found_in_its_pattern(simple: Simple) -> None:
    assert simple_of(pattern_of(simple)) == simple


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.batch"]},
        pattern_of(Simple(JOBS, statuses=("Failed",))),
        pattern_of(Simple(ALARMS, alarm_states=("ALARM", "RED"))),
        {**pattern_of(Simple(JOBS)), "account": ["1"]},
    ],
)
def test_what_no_form_can_show_stays_a_pattern(pattern: dict[str, Any]) -> None:
    assert simple_of(pattern) is None


@pytest.mark.parametrize(
    ("simple", "words"),
    [
        (Simple(JOBS), "jobs that change their state"),
        (Simple(JOBS, statuses=("FAILED",)), "jobs that become FAILED"),
        (
            Simple(JOBS, statuses=("RUNNING", "FAILED"), queue="fast", job_name="nightly"),
            "jobs of the queue fast whose name begins with nightly that become RUNNING or FAILED",
        ),
        (Simple(BLOCKED), "queues that are blocked"),
        (
            Simple(BLOCKED, queue="fast", job_name="n"),
            "the queue fast when it is blocked by a job whose name begins with n",
        ),
        (Simple(ALARMS), "alarms that change their state"),
        (Simple(ALARMS, alarm="hot"), "the alarm hot when it changes its state"),
        (
            Simple(ALARMS, alarm="hot", alarm_states=("ALARM",)),
            "the alarm hot when it becomes ALARM (raised)",
        ),
        (
            Simple(ALARMS, alarm_states=("OK", "INSUFFICIENT_DATA")),
            "alarms that become OK (not raised) or INSUFFICIENT_DATA (cannot be told)",
        ),
    ],
)
def test_what_the_form_can_say_is_said_in_its_words(simple: Simple, words: str) -> None:
    assert in_words(pattern_of(simple)) == words


def test_a_pattern_of_ones_own_is_said_as_it_stands() -> None:
    assert in_words({"source": ["aws.batch"]}) == "source is aws.batch"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://10.0.0.1:8080/hook?team=a",
        "https://example.com./",
        "http://[::1]:9000/",
        "http://localhost",
        "http://my_service/",
        "https://xn--exmple-cua.com/%C3%BC",
    ],
)
def test_a_webhook_goes_to_a_url(url: str) -> None:
    assert webhook_url(f" {url} ") == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://example.com", "begins with https://"),
        ("https://", "begins with https://"),
        ("https://a..b/", "begins with https://"),
        ("https://.../", "begins with https://"),
        (f"https://{'a' * 64}.com/", "begins with https://"),
        ("https://example.com:0/", "begins with https://"),
        ("https://exämple.com/", "Write the URL in ASCII"),
        ("https://example.com/ü", "Write the URL in ASCII"),
        ("https://example.com/\x7f", "begins with https://"),
        ("https://example.com/\u2028x", "begins with https://"),
    ],
)
def test_what_is_no_url_is_refused_with_what_would_be(url: str, told: str) -> None:
    with pytest.raises(FieldError) as refused:
        webhook_url(url)
    assert told in str(refused.value)
