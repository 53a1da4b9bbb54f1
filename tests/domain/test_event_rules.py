"""What forms ask for in place of a pattern, and where a webhook may be posted to."""

from typing import Any

import pytest

from jobs.domain.event_rules import (
    ALARMS,
    BLOCKED,
    JOBS,
    Simple,
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
