"""Pages of rules for whoever looks after one: what fails is told and tried, nothing is lost or surprising."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.models import DeliveryState, EventDelivery, EventRule
from tests.builders import NOW, a_queue, a_user, an_event_rule

from .conftest import a_rule_to, send, states
from .receiver import Receiver
from .test_rule_pages import FORM, JSON, a_delivery

pytestmark = pytest.mark.django_db


def test_what_waits_for_a_receiver_that_failed_is_tried_now(client: Client, boss: User) -> None:
    later = timezone.now() + timedelta(minutes=20)
    rule = an_event_rule(name="failures", failures=5, last_error="Nothing listens.", next_at=later)
    failed = a_delivery(rule, tries=5, error="Nothing listens.")
    refused = a_delivery(rule, tries=1, error="The receiver answered 400.")
    EventDelivery.objects.filter(pk=refused.pk).update(next_at=later)
    assert "Try now" in client.get("/event-rules/failures/").text
    assert client.post("/event-rules/failures/now/", headers=JSON).status_code == 202
    rule.refresh_from_db()
    assert rule.next_at is not None
    assert rule.next_at < later
    assert EventDelivery.objects.get(pk=refused.pk).next_at == rule.next_at
    assert EventDelivery.objects.get(pk=failed.pk).next_at == NOW


def test_nothing_is_tried_now_where_nothing_waits_or_the_rule_is_off(
    client: Client, boss: User
) -> None:
    rule = an_event_rule(name="failures")
    answer = client.post("/event-rules/failures/now/", headers=JSON)
    assert answer.status_code == 409
    assert "Nothing of the rule failures waits." in answer.text
    a_delivery(rule, tries=1)
    EventRule.objects.update(is_enabled=False)
    assert client.post("/event-rules/failures/now/", headers=JSON).status_code == 409


def test_the_next_try_of_a_delivery_is_that_of_its_rule_where_the_receiver_fails(
    client: Client, boss: User
) -> None:
    later = timezone.now() + timedelta(minutes=20, seconds=30)
    rule = an_event_rule(name="failures", failures=5, last_error="Nothing listens.", next_at=later)
    a_delivery(rule, tries=5, error="Nothing listens.")
    a_delivery(rule, kind="TEST", name="", status="", job_id=None)
    page = client.get("/event-rules/failures/").text
    assert page.count(">in 20 min<") == 3
    assert "until the receiver answers; next try" in page
    found = client.get("/event-rules/failures/", headers=JSON).json()["deliveries"]
    assert {each["next_at"] for each in found} == {found[0]["next_at"]}
    assert found[0]["next_at"].startswith(later.isoformat()[:19])


def test_a_rule_whose_receiver_refuses_an_event_does_not_look_well(
    client: Client, boss: User
) -> None:
    rule = an_event_rule(name="failures", last_sent_at=NOW)
    refused = a_delivery(rule, tries=1, error="The receiver answered 400 Bad Request.")
    a_delivery(rule)
    later = timezone.now() + timedelta(minutes=20)
    EventDelivery.objects.filter(pk=refused.pk).update(next_at=later)
    for path in ("/event-rules/", "/event-rules/failures/"):
        page = client.get(path).text
        assert "refused</span>" in page
        assert "sends</span>" not in page
        assert "The receiver answered 400 Bad Request." in page
    EventDelivery.objects.filter(pk=refused.pk).update(state=DeliveryState.SENT)
    assert "sends</span>" in client.get("/event-rules/").text


def test_enter_in_the_form_makes_the_rule(client: Client, boss: User) -> None:
    an_event_rule(name="failures")
    for path in ("/new/event-rule/", "/event-rules/failures/edit/"):
        page = client.get(path).text
        form = page[page.index('name="description"') :]
        first = form[form.index('type="submit"') :]
        assert first.startswith('type="submit">')
        assert "Try it" in first
    assert client.get("/new/event-rule/try/").headers["Location"] == "/new/event-rule/"


def test_nothing_beside_a_new_secret_leads_away_from_it(client: Client, boss: User) -> None:
    a_queue(name="fast")
    for made in (
        client.post("/event-rules/", FORM),
        client.post("/event-rules/failures/secret/"),
    ):
        assert "once you leave this page, it cannot be shown again" in made.text
        assert "I have copied it" in made.text
        for action in ("test/", "edit/", "delete/", "secret/", "now/"):
            assert f"/event-rules/failures/{action}" not in made.text
        assert 'name="state"' not in made.text
    assert "/event-rules/failures/test/" in client.get("/event-rules/failures/").text


def test_who_has_no_way_to_send_is_told_so_instead_of_a_form(client: Client, settings: Any) -> None:
    client.force_login(a_user(email=""))
    page = client.get("/new/event-rule/").text
    assert "You can make no rule yet." in page
    assert "no mail server is set" in page
    assert "Make the rule" not in page
    settings.EMAIL_HOST = "mail.example.com"
    assert "Your account has no e-mail address." in client.get("/new/event-rule/").text


def test_e_mail_cannot_be_chosen_without_a_mail_server(
    client: Client, boss: User, settings: Any
) -> None:
    assert '<option value="EMAIL" disabled>' in client.get("/new/event-rule/").text
    settings.EMAIL_HOST = "mail.example.com"
    assert '<option value="EMAIL">' in client.get("/new/event-rule/").text


def test_the_form_says_what_failed_jobs_are_sent(client: Client, boss: User) -> None:
    page = client.get("/new/event-rule/").text
    assert "FAILED are also jobs that somebody cancels or terminates." in page
    assert "An array and each of its children become it one by one, and each is an event." in page


def test_the_alarm_of_a_rule_is_chosen_from_a_list(client: Client, boss: User) -> None:
    for name in ("hot", "cold"):
        fields = {"name": name, "metric": "FAILED_JOBS", "comparison": "GREATER_THAN"}
        client.post("/alarms/", {**fields, "threshold": "5"})
    page = client.get("/new/event-rule/").text
    assert 'name="alarm" type="text"' in page
    assert 'list="alarm-names"' in page
    listed = page.partition('<datalist id="alarm-names">')[2].partition("</datalist>")[0]
    assert listed == '<option value="cold"></option><option value="hot"></option>'
    for words in ("ALARM (raised)", "OK (not raised)", "INSUFFICIENT_DATA (cannot be told)"):
        assert words in page


def test_the_page_of_a_rule_says_what_it_tells_of_in_the_forms_words(
    client: Client, boss: User
) -> None:
    fields = {"tell_of": "ALARMS", "alarm_states": ["ALARM"], "alarm": "hot"}
    target = {"target_kind": "WEBHOOK", "address": "https://example.com/hook"}
    client.post("/event-rules/", {"name": "warm", **fields, **target})
    for path in ("/event-rules/warm/", "/event-rules/"):
        assert "the alarm hot when it becomes ALARM (raised)" in client.get(path).text
    assert "<dt>Of</dt><dd>everybody’s alarms</dd>" in client.get("/event-rules/warm/").text


@pytest.mark.parametrize("status", [400, 503])
def test_a_receiver_that_is_well_again_gets_all_when_it_is_tried_now(
    client: Client, boss: User, receiver: Receiver, status: int
) -> None:
    rule = a_rule_to(receiver, name="failures")
    client.post("/event-rules/failures/test/")
    receiver.answers = [status, 200]
    send()
    # It is left alone, however often workers look.
    send()
    assert (len(receiver.came), states()) == (1, ["WAITING"])
    page = client.get("/event-rules/failures/").text
    assert "sends</span>" not in page
    assert "next try" in page
    client.post("/event-rules/failures/now/")
    send()
    assert (len(receiver.came), states()) == (2, ["SENT"])
    rule.refresh_from_db()
    assert rule.failures == 0
    assert "sends</span>" in client.get("/event-rules/failures/").text
