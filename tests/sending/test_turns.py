"""Each rule is sent for in a thread of its own: what one does, or fails to do, holds up no other."""

import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime

import pytest
from django.utils import timezone

from jobs.models import EventDelivery, EventRule
from jobs.services.sending import due, sending, webhooks
from jobs.services.sending.outcomes import Outcome
from tests.builders import a_job, an_event_rule

from .conftest import FAILED, Follow, Tell, a_rule_to, happened, later, send, states
from .receiver import Receiver

pytestmark = pytest.mark.django_db


def end_threads() -> None:
    for each in threading.enumerate():
        if each.name.startswith("sending-"):
            each.join(10)


def test_a_slow_receiver_holds_up_no_other_rule(follow: Follow, receiver: Receiver) -> None:
    with Receiver().running() as slow:
        slow.held.clear()
        a_rule_to(slow, name="slow")
        a_rule_to(receiver, name="quick")
        happened(a_job(name="one"))
        follow()
        arrived = threading.Event()

        def let_go_when_the_other_came() -> None:
            while not receiver.came:
                arrived.wait(0.01)
            slow.held.set()

        threading.Thread(target=let_go_when_the_other_came, daemon=True).start()
        send()
        assert receiver.names == slow.names == ["one"]
    assert states() == ["SENT", "SENT"]


def test_each_rule_is_claimed_when_its_turn_begins(
    tell: Tell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        a_rule_to(receiver)
    waits: list[int] = []
    prepare = sending._prepared

    def prepared(turn: sending._Turn, now: datetime) -> Iterator[sending._Part]:
        waits.append(EventRule.objects.filter(claim=None, next_at__lte=now).count())
        return prepare(turn, now)

    monkeypatch.setattr(sending, "_prepared", prepared)
    tell("one")
    # While the first is written, the others are still anybody's.
    assert waits == [2, 1, 0]
    assert states() == ["SENT"] * 3


def test_a_receiver_that_never_answers_is_cut_off(
    follow: Follow, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_SECONDS", 0.2)
    receiver.held.clear()
    a_rule_to(receiver)
    happened(a_job())
    follow()
    send()
    assert "did not answer within" in EventDelivery.objects.get().error


def test_who_dies_while_he_sends_leaves_it_to_others_when_his_claim_has_run_out(
    follow: Follow, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = a_rule_to(receiver)
    happened(a_job(name="one"))
    happened(a_job(name="two"))
    follow()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # It has arrived, and nobody has written that.
        patch.setattr(due, "record", die)
        with pytest.raises(KeyboardInterrupt):
            sending.send_due()
    end_threads()
    assert states() == ["WAITING", "WAITING"]
    before = len(receiver.came)
    send()
    assert len(receiver.came) == before
    later(rule, minutes=2)
    send()
    assert receiver.names[before:] == ["one", "two"]
    assert states() == ["SENT", "SENT"]
    ids = [each.headers["webhook-id"] for each in receiver.came]
    assert len(set(ids)) == 2


def test_who_comes_too_late_changes_nothing(follow: Follow, receiver: Receiver) -> None:
    rule = a_rule_to(receiver)
    happened(a_job())
    follow()
    now = timezone.now()
    mine = due.claim(now=now, without=())
    assert mine is not None
    assert due.claim(now=now, without=()) is None
    others = due.claim(now=now + due.CLAIMED_FOR, without=())
    assert others is not None
    due.let_go(mine, mine.claim, sent=True, problem=None, now=now)
    rule.refresh_from_db()
    assert rule.claim == others.claim


def test_one_rule_that_cannot_be_read_leaves_the_others_alone(
    follow: Follow, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = a_rule_to(receiver, encrypted=b"not ours")
    a_rule_to(receiver)
    happened(a_job(name="one"))
    follow()
    send()
    assert receiver.names == ["one"]
    bad.refresh_from_db()
    assert "signing secret cannot be read" in bad.last_error


def test_what_breaks_in_a_thread_is_told_and_not_tried_again_at_once(
    follow: Follow, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(**_: object) -> None:
        raise RuntimeError("a slip")

    rule = a_rule_to(receiver)
    happened(a_job())
    follow()
    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "signed_headers", breaks)
        send()
    rule.refresh_from_db()
    assert rule.last_error == sending.BROKEN
    assert rule.failures == 1
    later(rule, minutes=1)
    send()
    assert states() == ["SENT"]


def test_what_cannot_be_noted_of_one_rule_is_noted_of_the_others(
    follow: Follow, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = a_rule_to(receiver), a_rule_to(receiver)
    for name in ("one", "two"):
        happened(a_job(name=name))
    follow()
    record = due.record

    def breaks(outcome: Outcome, rows: Sequence[EventDelivery], *, now: datetime) -> None:
        if rows[0].rule_id == bad.pk:
            raise RuntimeError("a slip")
        record(outcome, rows, now=now)

    with monkeypatch.context() as patch:
        patch.setattr(due, "record", breaks)
        with pytest.raises(RuntimeError, match="a slip"):
            send()
    assert set(good.deliveries.values_list("state", flat=True)) == {"SENT"}
    bad.refresh_from_db()
    assert bad.last_error == sending.BROKEN
    later(bad, minutes=1)
    send()
    assert set(states()) == {"SENT"}


def test_a_thread_that_never_ends_holds_up_nobody(
    follow: Follow, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    stuck = an_event_rule(pattern=FAILED, address="http://stuck.example/")
    happened(a_job(name="one"))
    follow()

    def look_up(*_: object, **__: object) -> None:
        ended.wait(30)
        raise socket.gaierror

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        patch.setattr(sending, "SECONDS_OF_TURN", 0.0)
        assert not sending.send_due()
        stuck.refresh_from_db()
        assert (stuck.failures, stuck.last_error) == (1, sending.STUCK)
        assert stuck.next_at is not None
        assert stuck.claim is None
        ended.set()
        end_threads()
    assert states() == ["WAITING"]
