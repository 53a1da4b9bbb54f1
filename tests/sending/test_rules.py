"""Which rules may be made and changed, also after their owner or the mail server has changed."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobs.domain import event_rules
from jobs.domain.errors import InvalidInput
from jobs.models import EventRule
from jobs.services.sending.rules import update_rule
from tests.builders import a_user, an_event_rule

from .conftest import WEBHOOK, made

pytestmark = pytest.mark.django_db
EMAIL = {"target_kind": "EMAIL", "address": "ann@example.com"}


def an_address_of_before() -> EventRule:
    return an_event_rule(owner=a_user(email="new@example.com"), **EMAIL)


def a_webhook_of_who_was_an_administrator() -> EventRule:
    return an_event_rule(owner=a_user(email="ann@example.com"), **WEBHOOK)


def mail_without_a_server() -> EventRule:
    return an_event_rule(owner=a_user(email="ann@example.com"), **EMAIL)


@pytest.mark.parametrize(
    ("build", "mail_server"),
    [
        (an_address_of_before, "mail.example.com"),
        (a_webhook_of_who_was_an_administrator, ""),
        (mail_without_a_server, ""),
    ],
)
@pytest.mark.parametrize("by_administrator", [True, False])
def test_a_rule_can_be_switched_off_whatever_has_changed(
    settings: Any, build: Any, mail_server: str, by_administrator: bool
) -> None:
    settings.EMAIL_HOST = mail_server
    rule = build()
    by = a_user(is_staff=True) if by_administrator else rule.owner
    off = update_rule(rule=rule, by=by, fields={"is_enabled": False}, now=timezone.now())
    assert not off.is_enabled
    assert off.address == rule.address


def test_a_pattern_that_is_taken_no_more_stays_until_it_is_changed() -> None:
    rule = an_event_rule(pattern={"detail": {"status": ["FAILED"], "x": ["y", ["z"]]}})
    now = timezone.now()
    off = update_rule(rule=rule, by=rule.owner, fields={"is_enabled": False}, now=now)
    assert (off.is_enabled, off.pattern) == (False, rule.pattern)
    with pytest.raises(InvalidInput):
        update_rule(rule=rule, by=rule.owner, fields={"pattern": {"x": [["z"]]}}, now=now)


def test_a_rule_goes_to_the_address_that_its_owner_has_now_when_its_form_is_saved(
    client: Client,
) -> None:
    rule = an_address_of_before()
    client.force_login(rule.owner)
    page = client.get(f"/event-rules/{rule.name}/edit/").text
    assert 'name="address" value="new@example.com"' in page
    client.post(f"/event-rules/{rule.name}/", {"address": "new@example.com"})
    rule.refresh_from_db()
    assert rule.address == "new@example.com"


def test_a_form_that_was_open_meanwhile_switches_nothing_on_again(client: Client) -> None:
    rule = an_event_rule()
    client.force_login(rule.owner)
    url = f"/event-rules/{rule.name}/"
    assert 'name="is_enabled"' in client.get("/new/event-rule/").text
    # It has no box for that: the rule's page has a button.
    assert 'name="is_enabled"' not in client.get(f"{url}edit/").text
    client.post(url, {"is_enabled": "false"})
    form = {"name": rule.name, "description": "To the pager", "tell_of": "JOBS", **WEBHOOK}
    assert client.post(url, form).status_code == 302
    rule.refresh_from_db()
    assert rule.description == "To the pager"
    assert not rule.is_enabled


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"address": "other@example.com"}, "Only administrators send to other addresses"),
        ({"target_kind": "WEBHOOK", "address": "https://example.com"}, event_rules.KIND_STAYS),
    ],
)
def test_another_address_is_judged_when_a_rule_is_changed(
    fields: dict[str, object], told: str
) -> None:
    rule = an_event_rule(owner=a_user(email="ann@example.com"), **EMAIL)
    with pytest.raises(InvalidInput) as refused:
        update_rule(rule=rule, by=rule.owner, fields=fields, now=timezone.now())
    assert told in str(refused.value.errors)


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\x01"])
def test_an_address_holds_no_characters_that_end_a_line(settings: Any, character: str) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    address = f'"{character}Bcc:all{character}"@example.com'
    with pytest.raises(InvalidInput) as refused:
        made(a_user(is_staff=True), target_kind="EMAIL", address=address)
    assert refused.value.errors == {"address": [event_rules.NO_ADDRESS_OF_MAIL]}


def test_people_leave_room_for_the_rules_of_administrators(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    monkeypatch.setattr(event_rules, "MAX_OF_USER", 2)
    monkeypatch.setattr(event_rules, "MAX_OF_USERS", 3)
    monkeypatch.setattr(event_rules, "MAX_RULES", 5)
    ann, ben = (a_user(email=f"{name}@example.com") for name in ("ann", "ben"))
    boss = a_user(is_staff=True)
    for owner in (ann, ann, ben):
        made(owner, target_kind="EMAIL")
    for owner, told in (
        (ann, event_rules.TOO_MANY_OF_USER),
        (ben, event_rules.TOO_MANY_OF_USERS),
    ):
        with pytest.raises(InvalidInput) as refused:
            made(owner, target_kind="EMAIL")
        assert refused.value.errors == {"": [told]}
    for _ in range(2):
        made(boss, **WEBHOOK)
    with pytest.raises(InvalidInput) as refused:
        made(boss, **WEBHOOK)
    assert refused.value.errors == {"": [event_rules.TOO_MANY]}
