"""Series say what the rows say, step by step, and None where nothing is known."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.models import (
    ComputeEnvironment,
    EnvironmentMetric,
    FollowMark,
    JobQueue,
    MetricSpan,
    QueueMetric,
)
from jobs.selectors import metrics
from jobs.selectors.metrics import (
    custom,
    environment_series,
    queue_series,
    range_of,
    totals,
    whole_until,
)
from tests.builders import NOW, a_node, a_queue, an_environment

from .conftest import at

pytestmark = pytest.mark.django_db


def of_queue(queue: JobQueue, minutes: float, **fields: Any) -> QueueMetric:
    """A row of a minute, looked at once unless told otherwise."""
    values = {"seconds": MetricSpan.MINUTE, "start": at(minutes), "samples": 1}
    return QueueMetric.objects.create(queue=queue, **{**values, **fields})


def of_environment(
    environment: ComputeEnvironment, minutes: float, **fields: Any
) -> EnvironmentMetric:
    values = {"seconds": MetricSpan.MINUTE, "start": at(minutes), "samples": 1}
    return EnvironmentMetric.objects.create(environment=environment, **{**values, **fields})


def whole(until: datetime) -> None:
    FollowMark.objects.create(name="metrics", until=until)


def test_counts_are_known_from_the_first_row_on_up_to_what_is_counted() -> None:
    queue = a_queue()
    of_queue(queue, -5, submitted=2, failed=1)
    of_queue(queue, -4)
    whole(at(-2))
    found = queue_series(queue_ids=None, span=range_of("1h", NOW))
    assert found.submitted[-7:] == [None, None, 2, 0, 0, None, None]
    assert found.failed[-5] == 1
    assert found.whole_until == whole_until() == at(-2)
    assert found.times[-5] == int(at(-5).timestamp())


def test_what_was_looked_at_is_a_mean_and_the_most() -> None:
    first, second = a_queue(), a_queue()
    of_queue(first, -2, waiting_sum=4, waiting_max=4, running_sum=2)
    of_queue(second, -2, waiting_sum=6, waiting_max=6)
    of_queue(first, -1, waiting_sum=0)
    of_queue(second, -3, samples=0, submitted=1)
    found = queue_series(queue_ids=None, span=range_of("1h", NOW))
    assert found.waiting_mean[-3:] == [None, 10, 0]
    assert found.waiting_max[-3:] == [None, 10, 0]
    assert found.running_mean[-3:] == [None, 2, 0]
    only = queue_series(queue_ids=[first.pk], span=range_of("1h", NOW))
    assert only.waiting_mean[-3:] == [None, 4, 0]


def test_rows_of_several_minutes_make_a_step() -> None:
    queue = a_queue()
    for minutes, waiting in ((-10, 2), (-9, 4), (-8, 9)):
        of_queue(
            queue, minutes, submitted=1, waiting_sum=waiting, waiting_max=waiting, waits={"20": 1}
        )
    found = queue_series(queue_ids=None, span=range_of("24h", NOW))
    assert (found.submitted[-2], found.waiting_mean[-2], found.waiting_max[-2]) == (3, 5, 9)
    assert found.wait_p50[-2] == found.wait_p95[-2] is not None


def test_rows_of_an_hour_are_means_of_their_looks() -> None:
    queue = a_queue()
    of_queue(queue, -60, seconds=MetricSpan.HOUR, samples=60, waiting_sum=120, waiting_max=7)
    found = queue_series(queue_ids=None, span=range_of("7d", NOW))
    assert (found.waiting_mean[-1], found.waiting_max[-1]) == (2, 7)


def test_percentiles_are_of_all_queues_together() -> None:
    one, other = a_queue(), a_queue()
    # Buckets of 1/16 s times two to the power of a quarter of their numbers: 2 s and 64 s.
    of_queue(one, -1, waits={"20": 9}, runs={"20": 1})
    of_queue(other, -1, waits={"40": 1})
    found = queue_series(queue_ids=None, span=range_of("1h", NOW))
    assert found.wait_p50[-1] == found.wait_p90[-1] == pytest.approx(2, rel=0.1)
    assert found.wait_p95[-1] == pytest.approx(64, rel=0.1)
    assert found.run_p50[-1] == pytest.approx(2, rel=0.1)
    assert found.wait_p50[-2] is None
    whole_range = totals(queue_ids=None, span=range_of("1h", NOW))
    assert whole_range.wait_p95 == found.wait_p95[-1]


def test_failures_are_told_by_kind_most_first() -> None:
    queue = a_queue()
    of_queue(queue, -2, failed=3, failures={"exit:1": 1, "image": 2})
    of_queue(queue, -1, failed=2, failures={"exit:1": 2})
    of_queue(queue, -90, failed=2, failures={"time_limit": 9})
    found = queue_series(queue_ids=None, span=range_of("1h", NOW))
    assert found.failures == [("Exit code 1", 3), ("Image could not be pulled", 2)]
    assert found.failures_by_kind == {"exit:1": 3, "image": 2}
    summed = totals(queue_ids=[queue.pk], span=range_of("1h", NOW))
    assert (summed.failed, summed.failures_by_kind) == (5, {"exit:1": 3, "image": 2})


def test_queues_in_which_most_waits_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "QUEUES_SHOWN", 2)
    for name, waiting in (("a", 1), ("b", 5), ("c", 3), ("d", 0)):
        of_queue(a_queue(name=name), -1, waiting_sum=waiting, waiting_max=waiting)
    found = queue_series(queue_ids=None, span=range_of("1h", NOW))
    assert [(name, values[-1]) for name, values in found.by_queue] == [
        ("b", 5),
        ("c", 3),
        ("Other queues", 1),
    ]
    assert found.by_queue[0][1][-2] is None


def test_environments_on_the_same_machines_have_these_once() -> None:
    engine = a_node().engine
    shared = {"total_milli_vcpus_sum": 4000, "engine_milli_vcpus_sum": 4000}
    for used in (1000, 500):
        of_environment(an_environment(engine=engine), -1, used_milli_vcpus_sum=used, **shared)
    alone = an_environment()
    of_environment(alone, -1, used_milli_vcpus_sum=100, instances_sum=3, **shared)
    found = environment_series(environment_ids=None, span=range_of("1h", NOW))
    assert (found.used_vcpus[-1], found.total_vcpus[-1], found.instances[-1]) == (1.6, 8, 3)
    assert found.total_vcpus[-2] is None
    only = environment_series(environment_ids=[alone.pk], span=range_of("1h", NOW))
    assert (only.used_vcpus[-1], only.total_vcpus[-1]) == (0.1, 4)


def test_a_part_of_the_past_is_looked_at_closely() -> None:
    queue = a_queue()
    of_queue(queue, -100, submitted=7)
    span = custom(at(-110), at(-90), NOW)
    found = queue_series(queue_ids=None, span=span)
    assert (span.step_seconds, found.submitted[10]) == (60, 7)


@pytest.mark.parametrize("count", [1, 6])
def test_series_take_as_many_queries_however_much_there_is(
    count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    whole(NOW)
    for _ in range(count):
        queue, environment = a_queue(), an_environment()
        for minutes in (-1, -2):
            of_queue(queue, minutes, waiting_sum=1)
            of_environment(environment, minutes)
    span = range_of("1h", NOW)
    with django_assert_num_queries(4):
        queue_series(queue_ids=None, span=span)
    with django_assert_num_queries(2):
        environment_series(environment_ids=None, span=span)
    with django_assert_num_queries(2):
        totals(queue_ids=None, span=span)


def test_nothing_at_all_is_all_unknown() -> None:
    found = queue_series(queue_ids=[], span=range_of("1y", NOW + timedelta(days=1)))
    assert set(found.submitted) == set(found.wait_p90) == {None}
    assert (found.failures, found.by_queue, found.whole_until) == ([], [], None)
