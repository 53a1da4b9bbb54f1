"""The pages of rules: who may make which, what is told once, and what is said beside the fields."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import Alarm, AuditEntry, DeliveryState, EventDelivery, EventRule
from jobs.services.access.ciphers import decrypt
from jobs.services.sending.signing import SIGNING
from tests.builders import NOW, a_job, a_queue, a_user, an_event_rule

from .conftest import happened

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
FORM = {
    "name": "failures",
    "description": "To the pager",
    "tell_of": "JOBS",
    "statuses": ["FAILED"],
    "queue": "fast",
    "job_name": "nightly",
    "pattern": "",
    "target_kind": "WEBHOOK",
    "address": "https://example.com/hook",
    "is_enabled": "true",
}
PATTERN = {
    "source": ["aws.batch"],
    "detail-type": ["Batch Job State Change"],
    "detail": {
        "status": ["FAILED"],
        "jobQueue": [{"suffix": ":job-queue/fast"}],
        "jobName": [{"prefix": "nightly"}],
    },
}


@pytest.fixture
def ann(client: Client) -> User:
    """Somebody who is no administrator, logged in."""
    user = a_user(username="ann", email="ann@example.com")
    client.force_login(user)
    return user


@pytest.fixture
def mail_server(settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example.com"


def a_delivery(rule: EventRule, **fields: Any) -> EventDelivery:
    values = {"kind": "JOB", "name": "sim", "status": "FAILED", "at": NOW, "put_down_at": NOW}
    number = EventDelivery.objects.count() + 1
    return EventDelivery.objects.create(
        rule=rule, next_at=NOW, row_id=number, **{"job_id": a_job().pk, **values, **fields}
    )


def test_a_rule_is_made_and_its_secret_is_shown_once(client: Client, boss: User) -> None:
    a_queue(name="fast")
    assert "Make the rule" in client.get("/new/event-rule/?queue=fast").text
    made = client.post("/event-rules/", FORM)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    rule = EventRule.objects.get()
    secret = decrypt(bytes(rule.encrypted), purpose=SIGNING)
    assert secret in made.text
    assert rule.pattern == PATTERN
    assert rule.owner == boss
    page = client.get("/event-rules/failures/").text
    assert secret not in page
    assert "whsec_" not in page
    assert "jobs of the queue fast whose name begins with nightly that become FAILED" in page
    answer = client.get("/event-rules/failures/", headers=JSON)
    assert "whsec_" not in answer.text
    assert "encrypted" not in answer.text
    assert AuditEntry.objects.filter(action="event_rules", target="failures").exists()


def test_the_form_of_a_rule_shows_what_made_it(client: Client, boss: User) -> None:
    a_queue(name="fast")
    client.post("/event-rules/", FORM)
    page = client.get("/event-rules/failures/edit/").text
    assert '<option value="JOBS" selected>' in page
    assert 'value="FAILED" checked' in page
    assert "<option selected>fast</option>" in page
    assert 'value="nightly"' in page
    changed = client.post("/event-rules/failures/", {**FORM, "statuses": [], "job_name": ""})
    assert changed.status_code == 302
    assert "status" not in EventRule.objects.get().pattern["detail"]


def test_the_same_form_twice_makes_one_rule(client: Client, boss: User) -> None:
    form = {**FORM, "request_token": "abc"}
    assert client.post("/event-rules/", form).status_code == 201
    rule = EventRule.objects.get()
    secret = decrypt(bytes(rule.encrypted), purpose=SIGNING)
    # Of a double click, the browser shows the second answer alone.
    again = client.post("/event-rules/", form)
    assert again.status_code == 201
    assert again.headers["Cache-Control"] == "no-store"
    assert secret in again.text
    rule.created_at -= timedelta(minutes=2)
    rule.changed_at = rule.created_at
    rule.save()
    later = client.post("/event-rules/", form, follow=True)
    assert later.redirect_chain == [("/event-rules/failures/", 302)]
    assert "whose secret is not shown again" in later.text
    assert secret not in later.text
    assert EventRule.objects.count() == 1


def test_a_secret_is_not_shown_again_once_the_rule_was_changed(client: Client, boss: User) -> None:
    form = {**FORM, "request_token": "abc"}
    client.post("/event-rules/", form)
    client.post("/event-rules/failures/secret/")
    again = client.post("/event-rules/", form, follow=True)
    assert "whose secret is not shown again" in again.text
    assert "whsec_" not in again.text


def test_a_new_secret_holds_at_once_and_is_shown_once(client: Client, boss: User) -> None:
    rule = an_event_rule(name="failures")
    before = bytes(rule.encrypted)
    assert "Make a new secret for failures?" in client.get("/event-rules/failures/secret/").text
    answer = client.post("/event-rules/failures/secret/", headers=JSON)
    assert answer.status_code == 201
    rule.refresh_from_db()
    assert bytes(rule.encrypted) != before
    assert decrypt(bytes(rule.encrypted), purpose=SIGNING) == answer.json()["secret"]


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"name": "a b"}, "name", "A name starts with a letter"),
        ({"address": "ftp://example.com"}, "address", "Give a URL that begins with https://"),
        ({"address": "https://ann:secret@example.com"}, "address", "no user and password"),
        ({"address": "https://example.com/\r\nX: y"}, "address", "Give a URL"),
        ({"address": "https://[bad"}, "address", "Give a URL"),
        ({"address": "https://example.com/#x"}, "address", "what follows the #"),
        ({"target_kind": "SMS"}, "target_kind", "WEBHOOK or EMAIL"),
        ({"target_kind": "EMAIL"}, "target_kind", "no mail server is set"),
        ({"statuses": ["LOST"]}, "statuses", "A status is one of"),
        ({"tell_of": "WEATHER"}, "tell_of", "This is one of JOBS"),
        ({"tell_of": "PATTERN", "pattern": "{"}, "pattern", "This is no JSON"),
        (
            {"tell_of": "PATTERN", "pattern": '{"detail": {"a": "b"}}'},
            "pattern",
            "detail.a: Give a list",
        ),
        ({"colour": "red"}, "colour", "There is no such field"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: Client, boss: User, fields: dict[str, Any], field: str, told: str
) -> None:
    answer = client.post("/event-rules/", {**FORM, **fields}, headers=JSON)
    assert answer.status_code == 400
    assert told in " ".join(answer.json()["errors"][field])
    page = client.post("/event-rules/", {**FORM, **fields})
    assert page.status_code == 400
    assert told.replace("'", "&#x27;") in page.text
    assert not EventRule.objects.exists()


def test_webhooks_are_administrators(client: Client, ann: User, mail_server: None) -> None:
    assert "Only administrators send webhooks" in client.get("/new/event-rule/").text
    answer = client.post("/event-rules/", FORM, headers=JSON)
    assert "Only administrators send webhooks" in answer.json()["errors"]["target_kind"][0]
    other = {**FORM, "target_kind": "EMAIL", "address": "other@example.com"}
    answer = client.post("/event-rules/", other, headers=JSON)
    assert "which is ann@example.com" in answer.json()["errors"]["address"][0]
    own = {name: value for name, value in other.items() if name != "address"}
    assert client.post("/event-rules/", own).headers["Location"] == "/event-rules/failures/"
    assert EventRule.objects.get().address == "ann@example.com"


def test_ones_own_address_has_to_be_there(client: Client, mail_server: None) -> None:
    client.force_login(a_user())
    answer = client.post("/event-rules/", {**FORM, "target_kind": "EMAIL"}, headers=JSON)
    assert "no e-mail address" in answer.json()["errors"]["address"][0]


def test_others_rules_are_not_there(client: Client, ann: User) -> None:
    rule = an_event_rule(name="theirs")
    delivery = a_delivery(rule, state=DeliveryState.GIVEN_UP)
    assert "theirs" not in client.get("/event-rules/").text
    for path in ("", "edit/", "delete/"):
        assert client.get(f"/event-rules/theirs/{path}").status_code == 404
    for path in ("", "delete/", "test/", "now/", "secret/", f"deliveries/{delivery.pk}/again/"):
        assert client.post(f"/event-rules/theirs/{path}").status_code == 404
    assert EventRule.objects.filter(pk=rule.pk).exists()


def test_an_administrator_sees_all(client: Client, boss: User) -> None:
    an_event_rule(name="hers", owner=a_user(), target_kind="EMAIL", address="x@example.com")
    assert "hers" in client.get("/event-rules/").text
    [found] = client.get("/event-rules/", headers=JSON).json()["results"]
    assert found["address"] == "x@example.com"


def test_a_rule_is_switched_off_and_that_is_taken_back(client: Client, boss: User) -> None:
    an_event_rule(name="failures")
    page = client.post("/event-rules/failures/", {"is_enabled": "false"}, follow=True).text
    assert "The rule failures is switched off." in page
    assert 'name="is_enabled" value="true"' in page
    assert client.post("/event-rules/failures/test/", headers=JSON).status_code == 409
    client.post("/event-rules/failures/", {"is_enabled": "true"})
    assert EventRule.objects.get().is_enabled


def test_a_deletion_is_asked_for_first(client: Client, boss: User) -> None:
    a_delivery(an_event_rule(name="failures"))
    assert "Delete failures?" in client.get("/event-rules/failures/delete/").text
    assert client.post("/event-rules/failures/delete/").headers["Location"] == "/event-rules/"
    assert not EventRule.objects.exists()
    assert not EventDelivery.objects.exists()


def test_deliveries_tell_what_became_of_them(client: Client, boss: User) -> None:
    rule = an_event_rule(name="failures", failures=2, last_error="The receiver answered 500.")
    a_delivery(rule, state=DeliveryState.SENT, done_at=NOW, status_code=204, tries=1, name="fine")
    lost = a_delivery(rule, state=DeliveryState.GIVEN_UP, error="It waited for 24 hours.")
    a_delivery(rule, kind="ALARM", name="hot", status="ALARM", job_id=None)
    a_delivery(rule, kind="TEST", name="", status="", job_id=None)
    page = client.get("/event-rules/failures/").text
    for text in ("answer 204", "It waited for 24 hours.", "Send again", "A test event", "failing"):
        assert text in page
    some = client.get("/event-rules/failures/?state=GIVEN_UP").text
    assert "Send again" in some
    assert "answer 204" not in some
    assert client.get("/event-rules/failures/?state=LOST", headers=JSON).status_code == 400
    again = f"/event-rules/failures/deliveries/{lost.pk}/again/"
    assert client.post(again, headers=JSON).json()["state"] == "WAITING"
    assert client.post(again, headers=JSON).status_code == 409


def test_a_test_event_is_put_down(client: Client, boss: User) -> None:
    an_event_rule(name="failures")
    assert client.post("/event-rules/failures/test/", headers=JSON).status_code == 202
    assert EventDelivery.objects.get().kind == "TEST"


def test_a_pattern_is_tried_before_a_rule_is_made(client: Client, ann: User) -> None:
    happened(a_job(name="nightly-one", owner=ann, queue=a_queue(name="fast")))
    happened(a_job(name="nightly-two", queue=a_queue(name="other")))
    page = client.post("/new/event-rule/try/", FORM)
    assert page.status_code == 200
    assert "1 of the newest" in page.text
    assert "nightly-one" in page.text
    assert "nightly-two" not in page.text
    assert not EventRule.objects.exists()
    asked = {"tell_of": "PATTERN", "pattern": "{"}
    assert "This is no JSON" in client.post("/new/event-rule/try/", asked).text
    answer = client.post(
        "/new/event-rule/try/",
        json.dumps({"pattern": {"detail": {"status": ["FAILED"]}}}),
        content_type="application/json",
        headers=JSON,
    )
    assert [each["name"] for each in answer.json()["matches"]] == ["nightly-one"]
    assert not AuditEntry.objects.exists()


def test_scripts_give_a_pattern(client: Client, boss: User) -> None:
    fields = {
        "name": "all",
        "pattern": {"source": ["aws.batch"]},
        "target_kind": "WEBHOOK",
        "address": "http://10.0.0.1:8080/",
    }
    made = client.post("/event-rules/", json.dumps(fields), content_type="application/json")
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    changed = client.post(
        "/event-rules/all/", json.dumps({"queue": "x"}), content_type="application/json"
    )
    assert "tell_of" in changed.json()["errors"]["queue"][0]


def an_alarm() -> Alarm:
    return Alarm.objects.create(
        name="hot",
        metric="FAILED_JOBS",
        comparison="GREATER_THAN",
        threshold=5,
        created_at=NOW,
        state_since=NOW,
    )


def test_an_alarm_says_which_rules_send_it(client: Client, boss: User) -> None:
    an_alarm()
    page = client.get("/alarms/hot/").text
    assert "None of the rules sends it" in page
    assert "/new/event-rule/?tell_of=ALARMS&amp;alarm=hot" in page
    an_event_rule(name="pager", pattern={"detail": {"state": {"value": ["ALARM"]}}})
    an_event_rule(name="calm", pattern={"detail": {"state": {"value": ["OK"]}}})
    page = client.get("/alarms/hot/").text
    assert "/event-rules/pager/" in page
    assert "/event-rules/calm/" not in page
    form = client.get("/new/event-rule/?tell_of=ALARMS&alarm=hot").text
    assert '<option value="ALARMS" selected>' in form
    assert 'value="hot"' in form


def test_pages_cost_the_same_however_much_was_sent(
    client: Client, boss: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(4):
        rule = an_event_rule(name=f"rule-{number}")
        for _ in range(5):
            a_delivery(rule)
    with django_assert_max_num_queries(5):
        client.get("/event-rules/")
    with django_assert_max_num_queries(7):
        client.get("/event-rules/rule-0/")


HOSTILE = '<script>alert(1)</script>\x1b[31m\u202e"'


def test_what_others_wrote_is_shown_harmlessly(client: Client, boss: User) -> None:
    rule = an_event_rule(
        name="failures",
        description=HOSTILE,
        pattern={"detail": {"statusReason": [HOSTILE]}},
        failures=1,
        last_error=HOSTILE,
        last_sent_at=timezone.now(),
    )
    a_delivery(rule, name="sim", error=HOSTILE)
    for path in ("/event-rules/", "/event-rules/failures/", "/event-rules/failures/edit/"):
        page = client.get(path).text
        assert "<script>alert" not in page
        # A field holds what was typed.
        assert path.endswith("edit/") or "\x1b" not in page
