"""How full queues and environments are is looked at once a minute, and what is old is removed."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.models import (
    Alarm,
    AlarmChange,
    EnvironmentMetric,
    EnvironmentType,
    JobStatus,
    MetricSpan,
    QueueMetric,
)
from jobs.services.metrics import retention, sampling
from jobs.services.metrics.counting import begin
from jobs.services.metrics.retention import remove_old
from jobs.services.metrics.sampling import take_sample
from tests.builders import (
    NOW,
    a_job,
    a_node,
    a_queue,
    an_array,
    an_attempt,
    an_environment,
    an_instance,
)

from .conftest import at, settled_at

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _begun(db: None) -> None:
    assert begin(settled_at(0, 0))


def test_queues_are_looked_at_with_what_waits_and_what_runs() -> None:
    queue, empty = a_queue(), a_queue()
    for status in (JobStatus.RUNNABLE, JobStatus.STARTING, JobStatus.RUNNING, JobStatus.PENDING):
        a_job(queue=queue, status=status)
    # Its children wait; the array itself does not.
    an_array(3, queue=queue)
    assert take_sample(now=at(0.5))
    for span in MetricSpan:
        row = QueueMetric.objects.get(seconds=span, queue=queue)
        assert (row.samples, row.waiting_sum, row.waiting_max) == (1, 4, 4)
        assert (row.running_sum, row.running_max) == (2, 2)
    assert QueueMetric.objects.get(seconds=MetricSpan.MINUTE, queue=empty).waiting_sum == 0


def test_a_minute_is_looked_at_once_and_an_hour_often() -> None:
    queue = a_queue()
    a_job(queue=queue, status=JobStatus.RUNNABLE)
    assert take_sample(now=at(0.1))
    assert not take_sample(now=at(0.9))
    a_job(queue=queue, status=JobStatus.RUNNABLE)
    assert take_sample(now=at(1))
    assert not take_sample(now=at(0.5)), "a clock that was set back"
    hour = QueueMetric.objects.get(seconds=MetricSpan.HOUR)
    assert (hour.samples, hour.waiting_sum, hour.waiting_max) == (2, 3, 2)
    assert QueueMetric.objects.filter(seconds=MetricSpan.MINUTE).count() == 2


def test_of_two_who_look_at_once_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = a_queue()
    look = sampling._environments

    def other_is_faster(*args: Any) -> list[EnvironmentMetric]:
        monkeypatch.setattr(sampling, "_environments", look)
        assert take_sample(now=NOW)
        return look(*args)

    monkeypatch.setattr(sampling, "_environments", other_is_faster)
    assert not take_sample(now=NOW)
    assert QueueMetric.objects.get(seconds=MetricSpan.DAY, queue=queue).samples == 1


def test_environments_are_looked_at_with_what_is_used_of_what() -> None:
    engine = a_node(milli_vcpus=4000, memory_mib=8192).engine
    capped = an_environment(engine=engine, max_milli_vcpus=3000)
    managed = an_environment(engine=engine, type=EnvironmentType.MANAGED)
    job = a_job(queue=a_queue(capped), status=JobStatus.RUNNING, attempts_made=1)
    an_attempt(job=job, milli_vcpus=1500, memory_mib=100)
    an_instance(environment=managed)
    take_sample(now=NOW)
    rows = EnvironmentMetric.objects.filter(seconds=MetricSpan.MINUTE)
    row = rows.get(environment=capped)
    assert (row.used_milli_vcpus_sum, row.used_milli_vcpus_max) == (1500, 1500)
    assert (row.total_milli_vcpus_sum, row.engine_milli_vcpus_sum) == (3000, 4000)
    assert (row.used_memory_mib_sum, row.total_memory_mib_sum) == (100, 8192)
    assert (row.instances_sum, rows.get(environment=managed).instances_sum) == (0, 1)


@pytest.mark.parametrize("count", [1, 8])
def test_a_look_takes_no_more_queries_however_many_queues(
    count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        a_job(queue=a_queue(), status=JobStatus.RUNNABLE)
    # Whether it is due; 2 of queues; 5 of environments; lock, due, and a look and a write for each length of
    # both; the mark, which is made.
    with django_assert_max_num_queries(30):
        take_sample(now=NOW)


def test_what_is_too_old_is_removed_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = a_queue()
    ages = {
        MetricSpan.MINUTE: (timedelta(days=2), timedelta(days=4), timedelta(days=5)),
        MetricSpan.HOUR: (timedelta(days=399), timedelta(days=401)),
        MetricSpan.DAY: (timedelta(days=4000),),
    }
    for span, old in ages.items():
        for age in old:
            QueueMetric.objects.create(seconds=span, start=NOW - age, queue=queue)
    monkeypatch.setattr(retention, "PORTION", 1)
    assert [remove_old(now=NOW) for _ in range(3)] == [2, 1, 0]
    left = QueueMetric.objects.order_by("seconds").values_list("seconds", flat=True)
    assert list(left) == [MetricSpan.MINUTE, MetricSpan.HOUR, MetricSpan.DAY]


def test_old_lines_of_alarms_are_removed() -> None:
    values = {"metric": "FAILED_JOBS", "comparison": "GREATER_THAN", "threshold": 1}
    alarm = Alarm.objects.create(name="a", created_at=NOW, state_since=NOW, **values)
    for days in (401, 1):
        AlarmChange.objects.create(
            alarm=alarm, from_state="OK", to_state="ALARM", at=NOW - timedelta(days=days)
        )
    assert remove_old(now=NOW) == 1
    assert AlarmChange.objects.get().at == NOW - timedelta(days=1)
