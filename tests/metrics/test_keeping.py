"""The task that keeps the metrics: looks, counts, and looks at alarms, whatever is left of it."""

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs import changes, queueing, tasks
from jobs.models import Alarm, FollowMark, MetricSpan, QueueMetric
from jobs.services.metrics import counting, keeping
from jobs.services.metrics.keeping import hand_over_metrics, keep_metrics
from tests.builders import NOW, a_queue

from .conftest import a_run, at, settled_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(changes, "publish", told.extend)
    return told


def test_a_call_counts_looks_and_judges(published: list[str]) -> None:
    a_run(waited=1, ran=1, status="FAILED")
    values = {"metric": "FAILED_JOBS", "comparison": "GREATER_OR_EQUAL", "threshold": 1}
    alarm = Alarm.objects.create(
        name="a", created_at=NOW, state_since=NOW, period_minutes=5, **values
    )
    assert not keep_metrics(now=at(3.5))
    alarm.refresh_from_db()
    assert alarm.state == "ALARM"
    day = QueueMetric.objects.get(seconds=MetricSpan.DAY)
    assert (day.failed, day.samples) == (1, 1)
    assert published.count(changes.METRICS) == published.count(changes.ALARMS) == 1


def test_pages_hear_of_a_whole_minute_once(published: list[str]) -> None:
    a_queue()
    for minutes in (1, 1.2, 1.4, 2.1):
        keep_metrics(now=at(minutes))
    assert published.count(changes.METRICS) == 2


def test_a_long_history_takes_several_calls_and_alarms_wait_for_it(
    monkeypatch: pytest.MonkeyPatch, published: list[str]
) -> None:
    a_run(waited=1, ran=1)
    monkeypatch.setattr(counting, "PORTION", 2)
    monkeypatch.setattr(keeping, "SECONDS_AT_ONCE", -1)
    calls = 1
    while keep_metrics(now=at(9)):
        assert changes.METRICS not in published
        calls += 1
    assert calls == 3
    assert QueueMetric.objects.get(seconds=MetricSpan.DAY).succeeded == 1
    assert FollowMark.objects.get(name="metrics").until == at(8)


def test_nothing_is_written_before_it_is_known_where_to_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_queue()
    monkeypatch.setattr(keeping, "settled", lambda: settled_at(0, 9))
    assert not keep_metrics(now=NOW)
    assert not QueueMetric.objects.exists()


def test_nothing_new_costs_a_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    a_run(waited=1, ran=1)
    keep_metrics(now=at(5))
    keep_metrics(now=at(5.1))
    # The newest lines (3 on SQLite), the marks of counting and of looks, what is unread under the lock of the mark,
    # and the two of alarms.
    with django_assert_max_num_queries(12):
        keep_metrics(now=at(5.1))


def test_who_is_writing_is_waited_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([settled_at(1, 5), settled_at(5, 5), settled_at(9, 9)])
    monkeypatch.setattr(counting, "settled_ids", lambda: next(looks))
    monkeypatch.setattr(counting, "PAUSE_SECONDS", 0)
    assert counting.settled().ids.transitions == 5


def test_it_is_handed_over_once_and_goes_on_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[object] = []
    monkeypatch.setattr(queueing, "enqueue_after_commit", lambda task, ids: handed.append(task))
    monkeypatch.setattr(queueing, "is_idle", lambda _: not handed)
    hand_over_metrics()
    hand_over_metrics()
    assert handed == [queueing.METRICS]
    handed.clear()
    monkeypatch.setattr(keeping, "keep_metrics", lambda **_: True)
    tasks.keep_metrics(0)
    assert handed == [queueing.METRICS]
