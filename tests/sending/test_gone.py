"""A receiver that answers 410 Gone wants nothing any more: its rule is switched off, and everybody is told why."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.domain.event_rules import GONE
from jobs.models import AuditDoor, AuditEntry, EventDelivery, EventRule
from jobs.services.sending import due
from jobs.services.sending.rules import update_rule

from .conftest import Tell, a_rule_to, send, states
from .receiver import Receiver
from .test_rule_pages import JSON

pytestmark = pytest.mark.django_db


@pytest.fixture
def gone(tell: Tell, receiver: Receiver) -> EventRule:
    """A rule with two events, of which the receiver took the first and answered the second with 410."""
    receiver.answers = [200, 410]
    rule = a_rule_to(receiver, name="failures")
    tell("one", "two", "three")
    rule.refresh_from_db()
    return rule


def switch(rule: EventRule, *, on: bool) -> EventRule:
    fields = {"is_enabled": on}
    return update_rule(rule=rule, by=rule.owner, fields=fields, now=timezone.now())


def test_a_receiver_that_is_gone_is_sent_nothing_more(
    tell: Tell, receiver: Receiver, gone: EventRule
) -> None:
    assert receiver.names == ["one", "two"]
    assert (gone.is_enabled, gone.off_reason, gone.claim) == (False, GONE, None)
    tell("meanwhile")
    assert len(receiver.came) == 2
    assert states() == ["SENT", "WAITING", "WAITING"]
    assert EventDelivery.objects.order_by("id")[1].status_code == 410


def test_the_audit_trail_tells_that_the_server_switched_the_rule_off(gone: EventRule) -> None:
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.door, entry.status) == ("event_rule_gone", AuditDoor.SERVER, 410)
    assert entry.username == gone.owner.username
    assert entry.target.startswith("failures: switched off")


def test_the_pages_say_why_the_rule_is_off(client: Client, boss: User, gone: EventRule) -> None:
    for path in ("/event-rules/", "/event-rules/failures/"):
        page = client.get(path).text
        assert "switched off</span>" in page
        assert GONE in page
    page = client.get("/event-rules/failures/").text
    assert "Switch on" in page
    assert "until the rule is switched on" in page
    found = client.get("/event-rules/failures/", headers=JSON).json()
    assert (found["is_enabled"], found["off_reason"]) == (False, GONE)
    assert "the server by itself" in client.get("/access/audit/").text


def test_switched_on_it_sends_what_waits_at_once_and_looks_well(
    client: Client, boss: User, receiver: Receiver, gone: EventRule
) -> None:
    receiver.answers = [200]
    switch(gone, on=True)
    send()
    assert receiver.names == ["one", "two", "two", "three"]
    gone.refresh_from_db()
    assert (gone.off_reason, gone.failures, gone.last_error) == ("", 0, "")
    assert "sends</span>" in client.get("/event-rules/failures/").text


def test_who_is_still_gone_is_switched_off_again(receiver: Receiver, gone: EventRule) -> None:
    switch(gone, on=True)
    send()
    gone.refresh_from_db()
    assert not gone.is_enabled
    assert len(receiver.came) == 3
    assert AuditEntry.objects.count() == 2


def test_who_switches_a_rule_off_himself_knows_why(gone: EventRule) -> None:
    switch(gone, on=True)
    assert switch(gone, on=False).off_reason == ""


def test_a_rule_that_goes_elsewhere_by_then_stays_on(receiver: Receiver) -> None:
    rule = a_rule_to(receiver)
    address = f"{receiver.url}&mended=1"
    update_rule(rule=rule, by=rule.owner, fields={"address": address}, now=timezone.now())
    now, problem = timezone.now(), "The receiver answered 410 Gone."
    assert not due.let_go(rule, None, sent=False, problem=problem, now=now, is_gone=True)
    rule.refresh_from_db()
    assert rule.is_enabled
