"""What is dear to read again with each view is kept while it cannot change, or for some seconds."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.domain.metric_ranges import range_of
from jobs.models import Attempt, QueueMetric
from jobs.selectors import metric_steps
from jobs.selectors.costs import daily as costs_daily
from jobs.selectors.costs.scope import CostScope
from jobs.selectors.metrics import queue_series
from tests.builders import NOW, a_queue, an_attempt
from tests.web.metric_rows import a_queue_minute, counted_until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_steps, "queue_steps_kept", metric_steps.KeptSteps())
    monkeypatch.setattr(costs_daily, "kept_rest", type(costs_daily.kept_rest)())


def submitted(minutes: int = 60) -> list[float | None]:
    """What the newest hour holds, looked at so many minutes after NOW."""
    span = range_of("1h", NOW + timedelta(minutes=minutes))
    return queue_series(queue_ids=None, span=span).submitted


def test_steps_that_are_counted_are_read_once_and_others_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metric_steps, "KEPT_FROM_ROWS", 1)
    queue = a_queue()
    for minutes in range(60):
        a_queue_minute(queue, NOW + timedelta(minutes=minutes), submitted=minutes + 1)
    counted_until(NOW + timedelta(minutes=50))
    assert submitted() == list(range(1, 61))
    QueueMetric.objects.update(submitted=1000)
    assert submitted() == [*range(1, 51), *[1000] * 10]
    a_queue_minute(queue, NOW + timedelta(minutes=60), submitted=7)
    assert submitted(61) == [*range(2, 51), *[1000] * 10, 7], "the range has moved on"
    other = range_of("1h", NOW + timedelta(minutes=60))
    found = queue_series(queue_ids=[queue.pk], span=other)
    assert found.submitted == [1000] * 60, "of one queue is another series"


def test_a_small_series_is_read_anew_each_time() -> None:
    queue = a_queue()
    a_queue_minute(queue, NOW, submitted=1)
    counted_until(NOW + timedelta(hours=1))
    assert submitted()[0] == 1
    QueueMetric.objects.update(submitted=2)
    assert submitted()[0] == 2


def test_kept_steps_are_read_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_steps, "KEPT_FROM_ROWS", 1)
    monkeypatch.setattr(metric_steps, "KEPT_SECONDS", 0.0)
    a_queue_minute(a_queue(), NOW, submitted=1)
    counted_until(NOW + timedelta(hours=1))
    assert submitted()[0] == 1
    QueueMetric.objects.update(submitted=2)
    assert submitted()[0] == 2


def test_only_so_many_series_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_steps, "KEPT_FROM_ROWS", 1)
    monkeypatch.setattr(metric_steps, "SERIES_KEPT", 1)
    first, second = a_queue(), a_queue()
    span = range_of("1h", NOW + timedelta(hours=1))
    for queue in (first, second):
        a_queue_minute(queue, NOW, submitted=1)
    counted_until(NOW + timedelta(hours=1))

    def of(number: int) -> list[float | None]:
        queue = (first, second)[number]
        return queue_series(queue_ids=[queue.pk], span=span).submitted

    assert (of(0)[0], of(1)[0]) == (1, 1)
    QueueMetric.objects.update(submitted=2)
    assert of(1)[0] == 1
    assert of(0)[0] == 2


def cost_of_a_run() -> None:
    attempt = an_attempt(started_at=NOW)
    Attempt.objects.filter(pk=attempt.pk).update(
        ended_at=NOW + timedelta(minutes=1), stopped_at=NOW, cost_usd=Decimal(1)
    )


def usd() -> Decimal:
    now = NOW + timedelta(minutes=5)
    days = costs_daily.usd_by_day(scope=CostScope(), first=NOW.date(), now=now)
    return days[NOW.date()].total_usd


@pytest.mark.parametrize(("kept_from", "second"), [(2, 2), (1, 1)])
def test_sums_of_very_many_attempts_are_kept_for_some_seconds(
    monkeypatch: pytest.MonkeyPatch,
    kept_from: int,
    second: int,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(costs_daily, "KEPT_FROM", kept_from)
    cost_of_a_run()
    assert usd() == 1
    cost_of_a_run()
    assert usd() == second
    with django_assert_max_num_queries(1):
        usd()
