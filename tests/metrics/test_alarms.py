"""Alarms are looked at each whole minute; only a change of state is written, with what was measured."""

import json
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from jobs import changes
from jobs.domain.alarms import Verdict, judge
from jobs.domain.errors import InvalidInput, NotFound
from jobs.models import (
    Alarm,
    AlarmChange,
    AlarmMetric,
    AlarmState,
    EnvironmentMetric,
    FollowMark,
    MetricSpan,
    QueueMetric,
)
from jobs.selectors.alarms import newest_values
from jobs.services.metrics import alarms as looking
from jobs.services.metrics.alarms import look_at_alarms
from jobs.services.setup.alarms import create_alarm, delete_alarm, update_alarm
from tests.builders import NOW, a_queue, an_environment

from .conftest import at

pytestmark = pytest.mark.django_db
FIELDS = {
    "name": "failing",
    "metric": "FAILED_JOBS",
    "comparison": "GREATER_THAN",
    "threshold": "1",
    "period_minutes": "1",
}


def whole(minutes: float) -> None:
    FollowMark.objects.update_or_create(name="metrics", defaults={"until": at(minutes)})


def failed(minutes: float, count: int, **fields: Any) -> None:
    queue = fields.pop("queue", None) or a_queue()
    QueueMetric.objects.create(
        seconds=MetricSpan.MINUTE, start=at(minutes), queue=queue, failed=count, **fields
    )


def made(**fields: object) -> Alarm:
    return create_alarm(fields={**FIELDS, **fields}, now=NOW)


def state_of(alarm: Alarm) -> str:
    return Alarm.objects.get(pk=alarm.pk).state


def test_an_alarm_is_raised_and_goes_out_and_its_history_tells() -> None:
    queue = a_queue()
    failed(-5, 0, queue=queue)
    whole(0)
    alarm = made()
    assert alarm.state == AlarmState.OK
    failed(0, 2, queue=queue)
    assert look_at_alarms(now=at(1)) == 0, "that minute is not whole"
    whole(1)
    assert look_at_alarms(now=at(1)) == 1
    alarm.refresh_from_db()
    assert (alarm.state, alarm.state_since) == (AlarmState.ALARM, at(1))
    assert "UTC: more than 1." in alarm.state_reason
    whole(2)
    assert look_at_alarms(now=at(2)) == 1
    states = AlarmChange.objects.order_by("id").values_list("from_state", "to_state", "at")
    assert list(states) == [
        ("INSUFFICIENT_DATA", "OK", NOW),
        ("OK", "ALARM", at(1)),
        ("ALARM", "OK", at(2)),
    ]


def test_each_minute_is_looked_at_once(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    failed(-5, 9)
    whole(0)
    made()
    look_at_alarms(now=NOW)
    with django_assert_num_queries(2):
        assert look_at_alarms(now=at(0.5)) == 0
    whole(1)
    assert look_at_alarms(now=at(1)) == 0, "nothing changed"
    assert FollowMark.objects.get(name="alarms").until == at(1)


@pytest.mark.parametrize(
    ("metric", "threshold", "state"),
    [
        (AlarmMetric.WAITING_JOBS, 3.9, AlarmState.ALARM),
        (AlarmMetric.WAITING_JOBS, 4, AlarmState.OK),
        (AlarmMetric.RUNNING_JOBS, 1.9, AlarmState.ALARM),
        (AlarmMetric.SUCCEEDED_JOBS, 6.5, AlarmState.ALARM),
        (AlarmMetric.WAIT_P90_SECONDS, 1, AlarmState.ALARM),
        (AlarmMetric.RUN_P90_SECONDS, 1, AlarmState.INSUFFICIENT_DATA),
        (AlarmMetric.VCPU_PERCENT, 24, AlarmState.ALARM),
        (AlarmMetric.VCPU_PERCENT, 25, AlarmState.OK),
        (AlarmMetric.MEMORY_PERCENT, 0, AlarmState.INSUFFICIENT_DATA),
    ],
)
def test_each_metric_is_measured(metric: str, threshold: float, state: str) -> None:
    looks = {"samples": 2, "waiting_sum": 8, "running_sum": 4}
    failed(-1, 0, succeeded=7, waits={"20": 1}, **looks)
    EnvironmentMetric.objects.create(
        seconds=MetricSpan.MINUTE,
        start=at(-1),
        environment=an_environment(),
        samples=1,
        used_milli_vcpus_sum=1000,
        total_milli_vcpus_sum=4000,
    )
    whole(0)
    assert made(metric=metric, threshold=threshold).state == state


def test_an_alarm_of_a_queue_does_not_mind_the_others() -> None:
    quiet, busy = a_queue(), a_queue()
    failed(-1, 9, queue=busy)
    failed(-1, 0, queue=quiet)
    whole(0)
    assert made(name="a", queue=quiet.name).state == AlarmState.OK
    assert made(name="b", queue=busy.name).state == AlarmState.ALARM
    assert made(name="c").state == AlarmState.ALARM


def test_an_alarm_that_is_switched_off_is_not_looked_at() -> None:
    failed(-1, 9)
    whole(0)
    alarm = made()
    off = update_alarm(alarm=alarm, fields={"is_enabled": "false"}, now=at(1))
    assert (off.state, off.is_enabled) == (AlarmState.INSUFFICIENT_DATA, False)
    assert "switched off" in off.state_reason
    whole(1)
    assert look_at_alarms(now=at(1)) == 0
    on = update_alarm(alarm=off, fields={"is_enabled": True, "period_minutes": 10}, now=at(1))
    assert on.state == AlarmState.ALARM


def test_one_that_is_switched_on_where_nothing_is_measured_does_not_say_that_it_is_off() -> None:
    whole(0)
    alarm = made(metric="RUN_P90_SECONDS")
    assert "nothing was measured" in alarm.state_reason
    off = update_alarm(alarm=alarm, fields={"is_enabled": "false"}, now=at(1))
    assert "switched off" in off.state_reason
    on = update_alarm(alarm=off, fields={"is_enabled": "true"}, now=at(2))
    assert "nothing was measured" in on.state_reason
    assert (on.state_since, on.changes.count()) == (NOW, 0), "its state is the same throughout"


def test_one_that_was_made_before_anything_was_counted_says_what_the_first_look_found() -> None:
    alarm = made(metric="RUN_P90_SECONDS")
    assert "Not looked at yet" in alarm.state_reason
    whole(0)
    assert look_at_alarms(now=NOW) == 0
    alarm.refresh_from_db()
    assert "nothing was measured" in alarm.state_reason


def test_an_alarm_that_stays_raised_by_a_new_rule_tells_that_one() -> None:
    failed(-1, 9)
    whole(0)
    alarm = made()
    assert "UTC: more than 1." in alarm.state_reason
    changed = update_alarm(alarm=alarm, fields={"threshold": "5"}, now=at(1))
    assert "UTC: more than 5." in changed.state_reason
    assert (changed.state_since, changed.changes.count()) == (NOW, 1)


def test_a_verdict_on_a_rule_that_was_changed_meanwhile_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed(-1, 9)
    alarm = made()
    whole(0)

    def changed_meanwhile(*args: Any) -> Verdict:
        Alarm.objects.update(threshold=100)
        return judge(*args)

    monkeypatch.setattr(looking, "judge", changed_meanwhile)
    assert look_at_alarms(now=NOW) == 0
    assert state_of(alarm) == AlarmState.INSUFFICIENT_DATA


def test_a_verdict_is_dropped_when_another_look_knew_of_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alarm = made()
    failed(-1, 9)
    whole(0)

    def overtaken(*args: Any) -> Verdict:
        monkeypatch.setattr(looking, "judge", judge)
        whole(1)
        assert look_at_alarms(now=at(1)) == 1
        return judge(*args)

    monkeypatch.setattr(looking, "judge", overtaken)
    assert look_at_alarms(now=NOW) == 0
    assert (state_of(alarm), alarm.changes.count()) == (AlarmState.OK, 1)
    assert FollowMark.objects.get(name="alarms").until == at(1), "a mark never goes back"


def test_one_that_fails_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    failed(-1, 9)
    broken, other = made(name="broken"), made(name="other")
    whole(0)

    def fail_for_one(alarm: Alarm, **given: Any) -> Any:
        if alarm == broken:
            raise ArithmeticError
        return newest_values(alarm, **given)

    monkeypatch.setattr(looking, "newest_values", fail_for_one)
    with pytest.raises(ArithmeticError):
        look_at_alarms(now=NOW)
    assert (state_of(broken), state_of(other)) == ("INSUFFICIENT_DATA", "ALARM")


def test_pages_hear_of_a_change(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    failed(-1, 9)
    made()
    whole(0)
    told: list[str] = []
    monkeypatch.setattr(changes, "_send", lambda _, message: told.extend(json.loads(message)))
    with django_capture_on_commit_callbacks(execute=True):
        look_at_alarms(now=NOW)
    assert told == [changes.ALARMS]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "a b"}, {"name"}),
        ({"metric": "CPU"}, {"metric"}),
        ({"comparison": "=", "threshold": "x"}, {"comparison", "threshold"}),
        ({"queue": "none"}, {"queue"}),
        ({"environment": "some"}, {"environment"}),
        ({"metric": "VCPU_PERCENT", "queue": "some"}, {"queue"}),
        ({"metric": "VCPU_PERCENT", "environment": "none\0"}, {"environment"}),
        ({"period_minutes": 1440, "periods": 2}, {"periods"}),
        ({"is_enabled": "perhaps"}, {"is_enabled"}),
        ({"color": "red"}, {"color"}),
    ],
)
def test_what_is_no_alarm_is_refused_by_field(fields: dict[str, object], wrong: set[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        made(**fields)
    assert set(refused.value.errors) == wrong
    assert not Alarm.objects.exists()


def test_a_name_is_taken_once() -> None:
    alarm = made()
    with pytest.raises(InvalidInput, match="already"):
        made()
    assert update_alarm(alarm=alarm, fields={"name": "failing"}, now=NOW).name == "failing"


def test_there_are_not_more_than_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.domain.alarms.MAX_ALARMS", 1)
    made()
    with pytest.raises(InvalidInput, match="Delete one"):
        made(name="other")


def test_a_metric_of_other_things_is_of_all_of_them() -> None:
    queue, environment = a_queue(), an_environment()
    alarm = made(queue=queue.name)
    changed = update_alarm(alarm=alarm, fields={"metric": "VCPU_PERCENT"}, now=NOW)
    assert (changed.queue, changed.environment) == (None, None)
    named = update_alarm(alarm=changed, fields={"environment": environment.name}, now=NOW)
    assert named.environment == environment


def test_what_was_deleted_meanwhile_is_not_changed() -> None:
    alarm = made()
    delete_alarm(alarm=alarm)
    with pytest.raises(NotFound):
        update_alarm(alarm=alarm, fields={"threshold": 3}, now=NOW)
    delete_alarm(alarm=alarm)
