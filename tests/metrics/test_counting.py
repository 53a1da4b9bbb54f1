"""Each line of the history is counted once, whoever dies and however many count."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.domain import reasons
from jobs.domain.histograms import percentile
from jobs.models import FollowMark, JobStatus, MetricSpan, QueueMetric, Transition
from jobs.selectors.events.history import settled_ids
from jobs.services.metrics import counting
from jobs.services.metrics.counting import begin, count_portion, note_whole
from tests.builders import NOW, a_job, a_queue, an_array, an_attempt

from .conftest import Count, a_run, at, line, settled_at

pytestmark = pytest.mark.django_db
COUNTS = ("submitted", "started", "succeeded", "failed")


def written(seconds: int = MetricSpan.DAY) -> list[tuple[Any, ...]]:
    """All rows of a length."""
    columns = ("start", "queue_id", *COUNTS, "failures", "waits", "runs")
    rows = QueueMetric.objects.filter(seconds=seconds).order_by("start", "queue")
    return list(rows.values_list(*columns))


def test_what_happened_is_counted_in_its_minute_hour_and_day(count: Count) -> None:
    queue = a_queue()
    a_run(waited=2, ran=70, queue=queue)
    count()
    by_minute = QueueMetric.objects.filter(seconds=MetricSpan.MINUTE).order_by("start")
    assert [(row.start, *(getattr(row, name) for name in COUNTS)) for row in by_minute] == [
        (at(0), 1, 0, 0, 0),
        (at(2), 0, 1, 0, 0),
        (at(72), 0, 0, 1, 0),
    ]
    hours = QueueMetric.objects.filter(seconds=MetricSpan.HOUR).order_by("start")
    assert [(row.submitted, row.succeeded) for row in hours] == [(1, 0), (0, 1)]
    day = QueueMetric.objects.get(seconds=MetricSpan.DAY)
    assert day.start == datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC)
    assert (day.submitted, day.started, day.succeeded) == (1, 1, 1)
    assert percentile(day.waits, 50) == pytest.approx(120, rel=0.1)
    assert percentile(day.runs, 50) == pytest.approx(4200, rel=0.1)


def test_each_queue_has_rows_of_its_own(count: Count) -> None:
    for queue in (a_queue(), a_queue()):
        a_run(waited=1, ran=1, queue=queue)
        a_run(waited=1, ran=1, queue=queue)
    count()
    days = QueueMetric.objects.filter(seconds=MetricSpan.DAY)
    assert list(days.values_list("submitted", "succeeded")) == [(2, 2), (2, 2)]


def test_counting_again_changes_nothing(count: Count) -> None:
    a_run(waited=1, ran=1)
    count()
    before = written()
    assert count() == 1
    assert written() == before


@pytest.mark.parametrize("size", [1, 3, 7])
def test_portions_of_any_size_come_to_the_same(
    monkeypatch: pytest.MonkeyPatch, count: Count, size: int
) -> None:
    queue = a_queue()
    for minutes in (1, 2, 3, 5):
        a_run(waited=minutes, ran=minutes * 10, queue=queue)
    a_run(waited=1, ran=1, queue=queue, status="FAILED", exit_code=3)
    count()
    whole = [written(span) for span in MetricSpan]
    QueueMetric.objects.all().delete()
    FollowMark.objects.all().delete()
    monkeypatch.setattr(counting, "PORTION", size)
    assert count() > 1
    assert [written(span) for span in MetricSpan] == whole


def test_an_array_is_counted_by_its_children(count: Count) -> None:
    an_array(3, queue=a_queue())
    count()
    assert QueueMetric.objects.get(seconds=MetricSpan.DAY).submitted == 3


def test_a_job_that_is_tried_again_waits_again(count: Count) -> None:
    job = a_run(waited=1, ran=10, status="RUNNABLE")
    line(job, JobStatus.STARTING, JobStatus.RUNNING, 41, attempt_number=2)
    count()
    day = QueueMetric.objects.get(seconds=MetricSpan.DAY)
    assert (day.started, day.succeeded, day.failed, day.runs) == (2, 0, 0, {})
    assert percentile(day.waits, 1) == pytest.approx(60, rel=0.1)
    # From the end of its first try, and not from its submission.
    assert percentile(day.waits, 100) == pytest.approx(1800, rel=0.1)


def test_failures_are_counted_by_the_try_that_decided(count: Count) -> None:
    queue = a_queue()
    for exit_code, oom in ((1, False), (1, False), (137, True)):
        reason = reasons.ESSENTIAL_EXITED
        job = a_run(
            waited=1, ran=1, queue=queue, status="FAILED", exit_code=exit_code, reason=reason
        )
        values = {"ended_at": at(2), "exit_code": exit_code, "status_reason": reason}
        an_attempt(job=job, oom_killed=oom, **values)
    lost = a_run(waited=1, ran=1, queue=queue, status="FAILED", reason=reasons.host_lost("i-1"))
    an_attempt(job=lost, ended_at=at(2), interrupted_at=at(1), status_reason="Host EC2")
    never = a_job(queue=queue, status="FAILED", stop_kind="CANCEL", stop_reason="no")
    line(never, JobStatus.SUBMITTED, JobStatus.FAILED, 1, reason="no")
    count()
    day = QueueMetric.objects.get(seconds=MetricSpan.DAY)
    assert day.failures == {
        "exit:1": 2,
        "out_of_memory": 1,
        "spot_interruption": 1,
        "cancelled": 1,
    }
    assert day.failed == 5


def test_who_dies_before_the_mark_moved_has_counted_nothing(
    monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    a_run(waited=1, ran=1)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    begin(settled_ids())
    with monkeypatch.context() as patch:
        patch.setattr(FollowMark, "save", die)
        with pytest.raises(KeyboardInterrupt):
            count()
    assert not QueueMetric.objects.exists()
    count()
    assert QueueMetric.objects.get(seconds=MetricSpan.DAY).submitted == 1


def test_of_two_who_count_the_same_lines_one_does(
    monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    a_run(waited=1, ran=1)
    begin(settled_ids())
    tally = counting._tally

    def other_is_faster(*args: Any) -> list[QueueMetric]:
        monkeypatch.setattr(counting, "_tally", tally)
        assert not count_portion(last=settled_ids().ids.transitions)
        return tally(*args)

    monkeypatch.setattr(counting, "_tally", other_is_faster)
    assert count_portion(last=settled_ids().ids.transitions), "it is to look again"
    assert QueueMetric.objects.get(seconds=MetricSpan.DAY).submitted == 1


def test_lines_that_others_may_still_come_before_are_left(count: Count) -> None:
    job = a_job()
    count()
    newest = line(job, JobStatus.SUBMITTED, JobStatus.RUNNABLE, 1).pk
    after = line(job, JobStatus.RUNNABLE, JobStatus.STARTING, 2).pk
    assert not count_portion(last=newest)
    assert FollowMark.objects.get(name="metrics").transition_id == newest < after


def test_a_long_history_is_counted_from_now_on(monkeypatch: pytest.MonkeyPatch) -> None:
    a_run(waited=1, ran=1)
    newest = Transition.objects.order_by("-id").values_list("id", flat=True)[0]
    monkeypatch.setattr(counting, "COUNTED_FROM_THE_BEGINNING", 3)
    assert begin(settled_at(newest, newest))
    assert FollowMark.objects.get(name="metrics").transition_id == newest


def test_counting_does_not_begin_before_it_is_known_where() -> None:
    assert not begin(settled_at(0, 5))
    assert not FollowMark.objects.exists()
    assert begin(settled_at(0, 0)), "nothing ever happened"


def test_what_happened_is_whole_up_to_the_first_line_that_is_not_counted(count: Count) -> None:
    job = a_job()
    count()
    assert note_whole(now=at(10)) == at(9)
    assert note_whole(now=at(10)) is None, "nothing new"
    line(job, JobStatus.SUBMITTED, JobStatus.RUNNABLE, 12.5)
    assert note_whole(now=at(20)) == at(12)
    assert note_whole(now=at(5)) is None, "it never goes back"
    count()
    assert note_whole(now=at(20)) == at(19)


@pytest.mark.parametrize("jobs", [1, 12])
def test_a_portion_takes_as_many_queries_however_many_lines(
    jobs: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    queue = a_queue()
    for _ in range(jobs):
        job = a_run(waited=1, ran=1, queue=queue, status="FAILED", reason="x")
        an_attempt(job=job, ended_at=at(2))
    found = settled_ids()
    begin(found)
    # Mark, lines, what is beside them (2); the lock, of each length a look and a write, and the mark.
    with django_assert_num_queries(4 + 1 + 2 * 3 + 1 + 2):
        count_portion(last=found.ids.transitions)
