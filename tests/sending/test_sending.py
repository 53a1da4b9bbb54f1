"""What rules send arrives: signed, in its order, again after failures, and by nobody's leave but its owner's."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.domain.event_rules import GIVEN_UP_AFTER, MAILS_EVERY, delay_after
from jobs.models import DeliveryState, EventDelivery, EventRule
from jobs.services.sending import due, retention, webhooks
from jobs.services.sending.outcomes import Outcome
from jobs.services.sending.rules import delete_rule, send_again, send_test, update_rule
from tests.builders import a_job, a_user, an_event_rule

from .conftest import (
    FAILED,
    WEBHOOK,
    Follow,
    Tell,
    a_rule_to,
    happened,
    later,
    made,
    send,
    states,
)
from .receiver import Receiver

pytestmark = pytest.mark.django_db
SECRET = f"whsec_{'A' * 32}"


def send_again_and_again(rule: EventRule) -> None:
    """Until the next try is far away."""
    for _ in range(3):
        send()
        later(rule, minutes=31)
    send()


def test_an_event_arrives_signed_and_once(follow: Follow, receiver: Receiver) -> None:
    rule = a_rule_to(receiver, name="failures")
    job = a_job(name="nightly")
    happened(job, reason="Out of memory: zü spät")
    follow()
    send()
    [came] = receiver.came
    assert came.path == "/hook?team=a"
    assert came.event["detail"]["jobId"] == str(job.pk)
    assert came.event["detail"]["statusReason"] == "Out of memory: zü spät"
    assert came.headers["webhook-id"] == came.event["id"]
    assert came.headers["batchweb-rule"] == "failures"
    assert came.headers["content-type"] == "application/json"
    assert came.is_signed_with(SECRET)
    assert not came.is_signed_with(f"whsec_{'B' * 32}")
    delivery = EventDelivery.objects.get()
    assert (delivery.state, delivery.tries, delivery.status_code) == ("SENT", 1, 200)
    rule.refresh_from_db()
    assert rule.next_at is None
    assert rule.last_sent_at is not None


def test_events_go_in_their_order(tell: Tell, receiver: Receiver) -> None:
    a_rule_to(receiver)
    names = [f"job-{number}" for number in range(7)]
    tell(*names)
    assert receiver.names == names


@pytest.mark.parametrize("answer", [500, 503, 429, 401, -1])
def test_a_receiver_that_is_not_well_is_left_alone_and_gets_all_in_order_later(
    tell: Tell, receiver: Receiver, answer: int
) -> None:
    receiver.answers = [answer]
    rule = a_rule_to(receiver)
    tell("one", "two")
    assert receiver.names == ["one"]
    rule.refresh_from_db()
    assert rule.failures == 1
    assert rule.last_error == EventDelivery.objects.order_by("id")[0].error != ""
    assert rule.next_at is not None
    assert rule.next_at > timezone.now() + delay_after(1) / 2
    send()
    assert len(receiver.came) == 1
    receiver.answers = [200]
    later(rule, minutes=1)
    send()
    assert receiver.names == ["one", "one", "two"]
    assert len({each.headers["webhook-id"] for each in receiver.came}) == 2
    rule.refresh_from_db()
    assert (rule.failures, rule.last_error) == (0, "")
    assert states() == ["SENT", "SENT"]


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("3", 15),
        ("9" * 30, 1800),
        ("-5", 15),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 15),
    ],
)
def test_a_receiver_that_asks_for_time_gets_it_up_to_half_an_hour(
    follow: Follow, receiver: Receiver, asked: str, seconds: int
) -> None:
    receiver.answers, receiver.headers = [503], {"Retry-After": asked}
    rule = a_rule_to(receiver)
    happened(a_job())
    follow()
    before = timezone.now()
    send()
    after = timezone.now()
    rule.refresh_from_db()
    assert rule.next_at is not None
    wait = timedelta(seconds=seconds)
    assert before + wait <= rule.next_at <= after + wait


def test_an_event_that_the_receiver_does_not_want_holds_up_no_other(
    tell: Tell, receiver: Receiver
) -> None:
    receiver.answers = [422, 200]
    rule = a_rule_to(receiver)
    tell("odd", "even")
    assert receiver.names == ["odd", "even"]
    assert states() == ["WAITING", "SENT"]
    later(rule, minutes=1)
    send()
    assert states() == ["SENT", "SENT"]


def test_what_is_new_does_not_wait_for_the_next_try_of_what_was_refused(
    follow: Follow, tell: Tell, receiver: Receiver
) -> None:
    receiver.answers = [422]
    rule = a_rule_to(receiver)
    happened(a_job(name="odd"))
    follow()
    send_again_and_again(rule)
    receiver.answers = [200]
    receiver.came.clear()
    tell("new")
    assert receiver.names == ["new"]
    assert states() == ["WAITING", "SENT"]


def test_what_is_new_waits_for_a_receiver_that_is_not_well(tell: Tell, receiver: Receiver) -> None:
    receiver.answers = [503]
    a_rule_to(receiver)
    tell("one")
    tell("two")
    assert receiver.names == ["one"]


def test_a_receiver_that_wants_nothing_is_not_asked_about_everything(
    tell: Tell, receiver: Receiver
) -> None:
    receiver.answers = [404]
    rule = a_rule_to(receiver)
    tell(*"abcdefghi")
    assert len(receiver.came) == webhooks.REFUSED_AT_MOST
    rule.refresh_from_db()
    assert rule.last_error == "The receiver answered 404 Not Found."


@pytest.mark.parametrize(
    ("address", "told", "posts"),
    [
        ("", "Redirects are not followed", 1),
        (
            "http://127.0.0.1:9/secret-path",
            "The receiver refused the connection: nothing listens",
            0,
        ),
    ],
)
def test_who_does_not_take_an_event_is_said_in_words(
    tell: Tell, receiver: Receiver, address: str, told: str, posts: int
) -> None:
    receiver.answers, receiver.headers = [307], {"Location": receiver.url}
    an_event_rule(pattern=FAILED, address=address or receiver.url)
    tell("one")
    assert len(receiver.came) == posts
    assert told in EventDelivery.objects.get().error
    assert "secret-path" not in EventDelivery.objects.get().error


def test_the_waits_between_tries_grow_up_to_half_an_hour() -> None:
    seconds = [delay_after(failures).total_seconds() for failures in range(1, 12)]
    assert seconds == [15, 30, 60, 120, 240, 480, 960, 1800, 1800, 1800, 1800]
    assert delay_after(10**6).total_seconds() == 1800


def test_after_a_day_all_that_waits_is_given_up_and_can_be_sent_again(
    tell: Tell, receiver: Receiver
) -> None:
    receiver.answers = [500]
    rule = a_rule_to(receiver)
    tell("one", "two", "three")
    later(rule, hours=25)
    send()
    assert states() == [DeliveryState.GIVEN_UP] * 3
    given_up = EventDelivery.objects.order_by("id")[0]
    assert given_up.error == (
        "It waited for 24 hours. The receiver answered 500 Internal Server Error."
    )
    assert len(receiver.came) == 1
    receiver.answers = [200]
    send_again(rule=rule, delivery_id=given_up.pk, now=timezone.now())
    send()
    assert receiver.names == ["one", "one"]
    assert states() == ["SENT", "GIVEN_UP", "GIVEN_UP"]


def test_what_one_receiver_never_wants_is_given_up_after_a_day(
    follow: Follow, receiver: Receiver
) -> None:
    receiver.answers = [422]
    rule = a_rule_to(receiver)
    happened(a_job())
    follow()
    now = timezone.now()
    for _ in range(2):
        [delivery] = due.due_deliveries(rule, now=now + GIVEN_UP_AFTER)
        error = Outcome((delivery.pk,), 422, "No.", is_of_event=True)
        due.record(error, [delivery], now=now)
        assert states() == ["WAITING"]
    [delivery] = due.due_deliveries(rule, now=now + GIVEN_UP_AFTER)
    due.record(error, [delivery], now=now + GIVEN_UP_AFTER)
    assert states() == ["GIVEN_UP"]


def test_a_rule_that_is_switched_off_sends_nothing_until_it_is_on(
    follow: Follow, tell: Tell, receiver: Receiver
) -> None:
    rule = a_rule_to(receiver)
    happened(a_job(name="before"))
    follow()
    update_rule(rule=rule, by=rule.owner, fields={"is_enabled": False}, now=timezone.now())
    tell("meanwhile")
    assert receiver.came == []
    update_rule(rule=rule, by=rule.owner, fields={"is_enabled": True}, now=timezone.now())
    tell("after")
    assert receiver.names == ["before", "after"]


def test_a_test_event_is_sent_at_once(receiver: Receiver) -> None:
    new = made(a_user(is_staff=True), target_kind="WEBHOOK", address=receiver.url)
    send_test(rule=new.rule, now=timezone.now())
    send()
    [came] = receiver.came
    assert came.event["detail-type"] == "Batchweb Test Event"
    assert came.is_signed_with(new.secret)


def test_a_test_event_is_sent_at_once_whatever_waits_and_however_the_receiver_did(
    follow: Follow, receiver: Receiver
) -> None:
    receiver.answers = [500]
    rule = a_rule_to(receiver)
    for name in ("one", "two"):
        happened(a_job(name=name))
    follow()
    send_again_and_again(rule)
    receiver.answers = [200]
    receiver.came.clear()
    send_test(rule=rule, now=timezone.now())
    send()
    kinds = [each.event["detail-type"] for each in receiver.came]
    assert kinds == ["Batchweb Test Event", "Batch Job State Change", "Batch Job State Change"]


def test_a_test_mail_keeps_to_one_a_minute() -> None:
    now = timezone.now()
    rule = an_event_rule(target_kind="EMAIL", address="ops@example.com", last_sent_at=now)
    send_test(rule=rule, now=now)
    rule.refresh_from_db()
    assert rule.next_at == now + MAILS_EVERY


def test_what_is_done_is_removed_after_a_week_and_beyond_a_number(
    follow: Follow, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = a_rule_to(receiver)
    for _ in range(4):
        happened(a_job())
    follow()
    monkeypatch.setattr(retention, "KEPT_OF_RULE", 3)
    send()
    assert EventDelivery.objects.count() == 3
    later(rule, days=8)
    follow()
    assert not EventDelivery.objects.exists()


def test_what_was_sent_again_keeps_nothing_else_from_being_removed(
    tell: Tell, receiver: Receiver
) -> None:
    receiver.answers = [500]
    rule = a_rule_to(receiver)
    tell("one", "two", "three")
    later(rule, days=8)
    send()
    first = EventDelivery.objects.order_by("id")[0]
    send_again(rule=rule, delivery_id=first.pk, now=timezone.now())
    retention.remove_old(now=timezone.now())
    assert EventDelivery.objects.get() == first


def test_who_sends_waits_before_a_rule_is_deleted(follow: Follow, receiver: Receiver) -> None:
    rule = a_rule_to(receiver)
    happened(a_job())
    follow()
    with CaptureQueriesContext(connection) as asked:
        delete_rule(rule=rule)
    tables = [
        table
        for query in asked.captured_queries
        for table in (EventRule._meta.db_table, EventDelivery._meta.db_table)
        if table in query["sql"]
    ]
    # Who puts something down takes the rule's lock first, and so does this: none comes between.
    assert tables[0] == EventRule._meta.db_table
    assert not EventDelivery.objects.exists()


def test_no_secret_is_in_what_is_logged_of_a_rule() -> None:
    new = made(a_user(is_staff=True), **WEBHOOK)
    assert new.secret.startswith("whsec_")
    assert new.secret not in repr(new)
    assert new.secret.encode() not in bytes(new.rule.encrypted)
