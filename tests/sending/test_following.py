"""What rules send is found behind the history: each event once, whoever dies, and as cheaply as can be."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs import queueing
from jobs.models import (
    Alarm,
    AlarmChange,
    EventDelivery,
    EventRule,
    FollowMark,
    Job,
    JobStatus,
    Transition,
)
from jobs.models.event_rule import EVENTS_MARK
from jobs.selectors.events.history import NOTHING_READ, EventRow, Settled, settled_ids
from jobs.selectors.events.lines import lines_after, rows_of
from jobs.services.metrics.alarms import look_at
from jobs.services.sending import following, matching, outbox
from jobs.services.sending.documents import write_events
from jobs.services.sending.following import follow_events, hand_over_events, is_behind
from jobs.services.sending.matching import known_of
from tests.builders import NOW, a_job, a_queue, a_user, an_array, an_event_rule

from .conftest import Follow, blocked, happened, put_down

pytestmark = pytest.mark.django_db
FAILED = {"detail-type": ["Batch Job State Change"], "detail": {"status": ["FAILED"]}}


def test_what_matches_is_put_down_once(follow: Follow) -> None:
    an_event_rule(name="failures", pattern=FAILED)
    an_event_rule(name="off", is_enabled=False)
    happened(a_job(name="good"), JobStatus.SUCCEEDED)
    happened(a_job(name="bad"))
    follow()
    follow()
    assert put_down() == [("failures", "bad", "FAILED")]
    assert not is_behind()
    rule = EventRule.objects.get(name="failures")
    assert rule.next_at is not None


def test_what_happened_before_a_rule_was_made_is_not_sent(follow: Follow) -> None:
    happened(a_job(name="early"))
    rule = an_event_rule(pattern=FAILED, since=timezone.now())
    happened(a_job(name="late"))
    follow()
    assert put_down() == [(rule.name, "late", "FAILED")]


@pytest.mark.parametrize("others", [0, 1])
def test_what_happens_behind_a_new_rule_is_not_passed_over_by_who_reads_just_then(
    follow: Follow, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    for _ in range(others):
        an_event_rule(pattern={"source": ["nothing"]})
    read = outbox.rules_at_work

    def early() -> list[EventRule]:
        found = read()
        monkeypatch.setattr(following, "rules_at_work", read)
        an_event_rule(name="late", pattern=FAILED, since=timezone.now())
        happened(a_job(name="after"))
        return found

    happened(a_job(name="before"))
    monkeypatch.setattr(following, "rules_at_work", early)
    follow()
    follow()
    assert put_down() == [("late", "after", "FAILED")]


def test_following_begins_with_what_happens_next() -> None:
    an_event_rule(pattern=FAILED)
    happened(a_job())
    assert not follow_events(now=timezone.now())
    assert not EventDelivery.objects.exists()


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({"jobName": [{"prefix": "night"}]}, ["nightly"]),
        ({"jobQueue": [{"suffix": ":job-queue/fast"}]}, ["hourly"]),
        ({"statusReason": [{"wildcard": "*memory*"}]}, ["hourly"]),
        ({"container": {"image": ["nothing"]}}, []),
    ],
)
def test_patterns_reach_into_the_whole_event(
    follow: Follow, detail: dict[str, Any], expected: list[str]
) -> None:
    an_event_rule(pattern={"detail": detail})
    nightly, hourly = a_job(name="nightly"), a_job(name="hourly", queue=a_queue(name="fast"))
    follow()
    EventDelivery.objects.all().delete()
    happened(nightly)
    happened(hourly, reason="Out of memory")
    follow()
    assert [name for _, name, _ in put_down()] == expected


def test_what_is_known_of_a_row_is_what_its_event_says(follow: Follow) -> None:
    job = a_job(name="one")
    happened(job)
    blocked(job)
    lines = lines_after(NOTHING_READ, settled=settled_ids().ids, limit=10).lines
    assert {line.kind for line in lines} >= {"JOB", "BLOCK"}
    for line in lines:
        [event] = map(json.loads, write_events(rows_of(line.kind, [line.row_id])))
        known = known_of(line)
        assert {**known, "detail": None} == {**{key: event[key] for key in known}, "detail": None}
        assert known["detail"] == {key: event["detail"][key] for key in known["detail"]}


def test_a_rule_tells_of_its_owners_jobs_and_an_administrators_of_all(follow: Follow) -> None:
    ann = a_user(username="ann")
    an_event_rule(name="hers", owner=ann, pattern=FAILED)
    an_event_rule(name="all", owner=a_user(is_staff=True), pattern=FAILED)
    an_event_rule(name="gone", owner=a_user(is_staff=True, is_active=False), pattern=FAILED)
    happened(a_job(name="a", owner=ann))
    happened(a_job(name="b"))
    follow()
    assert sorted(put_down()) == [
        ("all", "a", "FAILED"),
        ("all", "b", "FAILED"),
        ("hers", "a", "FAILED"),
    ]


def test_blocked_queues_are_told_of(follow: Follow) -> None:
    rule = an_event_rule(pattern={"detail-type": ["Batch Job Queue Blocked"]})
    blocked(a_job(name="head"))
    follow()
    assert put_down() == [(rule.name, "head", "RUNNABLE")]


def test_without_a_match_no_event_is_written(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []

    def nothing(*asked: object) -> list[EventRow]:
        read.append(asked)
        return []

    # What breaks is only logged.
    monkeypatch.setattr(matching, "rows_of", nothing)
    an_event_rule(pattern={"detail": {"status": ["FAILED"], "jobId": [{"exists": True}]}})
    an_event_rule(pattern={"source": ["aws.cloudwatch"]})
    happened(a_job(), JobStatus.SUCCEEDED)
    follow()
    assert not read
    assert not EventDelivery.objects.exists()
    happened(a_job())
    follow()
    assert len(read) == 1


def queries_of(follow: Follow) -> int:
    with CaptureQueriesContext(connection) as asked:
        follow()
    return len(asked)


def test_without_rules_the_mark_moves_for_a_few_queries(follow: Follow) -> None:
    for _ in range(30):
        happened(a_job())
    assert queries_of(follow) <= 14
    mark = FollowMark.objects.get(name=EVENTS_MARK)
    assert mark.transition_id == Transition.objects.order_by("-id")[0].pk


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that are handed over, by a process that begins now."""
    found: list[str] = []
    monkeypatch.setattr(queueing, "is_idle", lambda _task: True)
    monkeypatch.setattr(queueing, "enqueue_after_commit", lambda task, _ids: found.append(task))
    monkeypatch.setattr(following, "_idle", following._Idle())
    return found


def test_without_rules_a_look_is_one_query_and_hands_over_a_task_once_in_a_while(
    follow: Follow,
    handed_over: list[str],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    happened(a_job())
    hand_over_events()
    assert handed_over == [queueing.FOLLOW_EVENTS]
    an_event_rule(is_enabled=False, next_at=NOW)
    with django_assert_num_queries(1):
        hand_over_events()
    assert handed_over == [queueing.FOLLOW_EVENTS]
    monkeypatch.setattr(following, "WITHOUT_RULES", 0.0)
    monkeypatch.setattr(following, "_idle", following._Idle())
    hand_over_events()
    hand_over_events()
    assert handed_over == [queueing.FOLLOW_EVENTS] * 3


def test_with_a_rule_what_is_new_and_what_is_due_is_handed_over(
    follow: Follow, handed_over: list[str]
) -> None:
    an_event_rule(next_at=timezone.now() + timedelta(hours=1))
    hand_over_events()
    assert not handed_over
    an_event_rule(next_at=NOW)
    hand_over_events()
    assert handed_over == [queueing.SEND_EVENTS]
    happened(a_job())
    hand_over_events()
    hand_over_events()
    assert handed_over[1:] == [queueing.FOLLOW_EVENTS, queueing.SEND_EVENTS] * 2


@pytest.mark.parametrize(("looks", "expected"), [(3, ["one"]), (100, [])])
def test_who_follows_looks_again_for_what_others_write_just_now(
    follow: Follow, monkeypatch: pytest.MonkeyPatch, looks: int, expected: list[str]
) -> None:
    monkeypatch.setattr(following, "SECONDS_BETWEEN", 0.0)
    an_event_rule(pattern=FAILED)
    before = settled_ids().ids
    happened(a_job(name="one"))
    asked = 0

    def settled() -> Settled:
        nonlocal asked
        asked += 1
        found = settled_ids()
        return found if asked > looks else Settled(before, found.newest)

    monkeypatch.setattr(following, "settled_ids", settled)
    assert not follow_events(now=timezone.now())
    assert [name for _, name, _ in put_down()] == expected
    assert asked <= 2 + following.LOOKS


def test_what_a_rule_costs_does_not_grow_with_what_matches(follow: Follow) -> None:
    an_event_rule(pattern=FAILED)
    owner = a_user()

    def cost(count: int) -> int:
        for child in Job.objects.filter(array_index__lt=count):
            happened(child)
        return queries_of(follow)

    an_array(60, owner=owner)
    follow()
    few = cost(2)
    assert cost(60) <= few


def test_no_more_than_a_bounded_number_waits_for_a_dead_receiver(
    follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_WAITING", 3)
    rule = an_event_rule(pattern=FAILED)
    for _ in range(5):
        happened(a_job())
    follow()
    assert EventDelivery.objects.count() == 3
    rule.refresh_from_db()
    assert rule.passed_over == 2


def an_alarm() -> Alarm:
    return Alarm.objects.create(
        name="failing",
        metric="FAILED_JOBS",
        comparison="GREATER_THAN",
        threshold=5,
        created_at=NOW,
        state_since=NOW,
        state="ALARM",
        is_enabled=False,
    )


def test_an_alarms_change_is_put_down_with_it_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, boss: User
) -> None:
    alarm = an_alarm()
    raised = {"detail-type": ["CloudWatch Alarm State Change"]}
    an_event_rule(name="all-of-alarms", pattern=raised)
    an_event_rule(
        name="this",
        owner=a_user(),
        pattern={"detail": {"alarmName": ["failing"], "previousState": {"value": ["ALARM"]}}},
    )
    an_event_rule(name="others", pattern={"detail": {"alarmName": ["waiting"]}})

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "hand_over_sending", die)
        with pytest.raises(KeyboardInterrupt):
            look_at(alarm, now=timezone.now())
    assert not AlarmChange.objects.exists()
    assert look_at(alarm, now=timezone.now())
    assert sorted(put_down()) == [
        ("all-of-alarms", "failing", "INSUFFICIENT_DATA"),
        ("this", "failing", "INSUFFICIENT_DATA"),
    ]
