"""Making, changing and deleting rules that send events; `following` finds what they send, `sending` sends it.

An administrator's rule tells of all jobs, another user's of his own; all of them of alarms, which everybody sees. Only
administrators make webhooks, because the server posts to whatever address they name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from jobs import changes
from jobs.domain import event_rules, validation
from jobs.domain.errors import Conflict, NotFound
from jobs.domain.event_pattern_checks import read_pattern
from jobs.domain.event_rules import PATTERN, Simple, pattern_of, simple_of
from jobs.domain.flags import flag
from jobs.domain.validation import Checker, FieldError, is_empty
from jobs.models import DeliveryState, EventDelivery, EventRule, TargetKind
from jobs.services.access.ciphers import Unreadable
from jobs.services.setup.names import free_name
from jobs.services.writing.races import second_look, still_there

from .mails import has_mail_server
from .outbox import hand_over_sending, put_down_test
from .rights import why_not
from .signing import encrypted, new_secret, secret_of

SIMPLE_FIELDS = ("tell_of", "statuses", "queue", "job_name", "alarm", "alarm_states")
FIELDS = frozenset(
    {
        *("name", "description", "is_enabled", "target_kind", "address", "pattern"),
        *SIMPLE_FIELDS,
    }
)


@dataclass(frozen=True, slots=True)
class RuleFields:
    """A rule that passed every check, as it will be written."""

    name: str
    description: str
    is_enabled: bool
    pattern: dict[str, Any]
    target_kind: str
    address: str


@dataclass(slots=True)
class MadeRule:
    """A new rule, and what its webhooks are signed with: it is told once, and empty for e-mail. `pk` is the rule's."""

    rule: EventRule
    secret: str = field(repr=False)
    pk: int = field(init=False)

    def __post_init__(self) -> None:
        self.pk = self.rule.pk


def check_rule(
    *, fields: Mapping[str, object], by: User, rule: EventRule | None = None
) -> RuleFields:
    """The clean rule, or InvalidInput with every field that is wrong. Writes nothing.

    What it tells of is a `pattern` (an object, or its JSON text), or `tell_of`: JOBS (`statuses`, `queue`, `job_name`:
    what their names begin with), BLOCKED (`queue`, `job_name`), ALARMS (`alarm`, `alarm_states`) or PATTERN, with a
    `pattern`. `target_kind` is WEBHOOK or EMAIL, `address` a URL or an e-mail address: left out, one's own. With `rule`
    these are changes of that: what is left out stays, and so does its owner. An address or pattern that stays is
    not judged again: a rule can be switched off, whatever became of its owner, of the mail server or of what is taken.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    owner = by if rule is None else rule.owner
    asked = {"is_enabled": True} if rule is None else values_of(rule)
    asked = {**asked, **fields}
    kind = checker.check("target_kind", event_rules.target_kind, asked.get("target_kind"), "")
    _check_kind(checker, kind, by, owner, rule)
    clean = RuleFields(
        name=checker.check(
            "name",
            lambda value: free_name(value, EventRule.objects.all(), rule, kind="a rule"),
            asked.get("name"),
            "",
        ),
        description=checker.check(
            "description", validation.description, asked.get("description"), ""
        ),
        is_enabled=checker.check("is_enabled", flag, asked.get("is_enabled"), True),
        pattern=_pattern(checker, fields, rule),
        target_kind=kind,
        address=_address(checker, kind, asked.get("address"), owner, rule),
    )
    if rule is None:
        _check_room(checker, by)
    checker.done()
    return clean


def create_rule(*, owner: User, fields: Mapping[str, object], now: datetime) -> MadeRule:
    """Writes a new rule: it tells of what happens from now on. Raises InvalidInput; then nothing changed."""
    clean = check_rule(fields=fields, by=owner)
    secret = new_secret() if clean.target_kind == TargetKind.WEBHOOK else ""
    row = EventRule(owner=owner, created_at=now, changed_at=now, since=now)
    row.encrypted = encrypted(secret) if secret else b""
    _put(row, clean)
    with second_look(lambda: check_rule(fields=fields, by=owner)), transaction.atomic():
        row.save(force_insert=True)
        changes.publish([changes.SENDING])
    return MadeRule(row, secret)


def update_rule(
    *, rule: EventRule, by: User, fields: Mapping[str, object], now: datetime
) -> EventRule:
    """Changes a rule. Switched on again, it tells of what happens from then on; what waits goes on waiting.

    Raises InvalidInput, or NotFound if it was deleted meanwhile.
    """

    def check() -> RuleFields:
        return check_rule(fields=fields, by=by, rule=rule)

    clean = check()
    with second_look(check), transaction.atomic():
        row = _locked(rule)
        if clean.is_enabled and not row.is_enabled:
            row.since = now
        is_tried_anew = clean.is_enabled and bool(row.off_reason)
        if clean.is_enabled:
            row.off_reason = ""
        if clean.address != row.address or is_tried_anew:
            # What was said of the old one, or before, says nothing of it.
            row.failures, row.last_error = 0, ""
            row.next_at = row.next_at and now
            refused = EventDelivery.objects.filter(rule=row, state=DeliveryState.WAITING)
            refused.filter(next_at__gt=now).update(next_at=now)
        _put(row, clean)
        row.changed_at = now
        row.save()
        changes.publish([changes.SENDING])
        hand_over_sending()
    return row


def new_secret_of(*, rule: EventRule, now: datetime) -> MadeRule:
    """Gives a rule a new secret: what is sent from now on is signed with it.

    Raises Conflict for a rule of e-mail, and for one whose owner may not send any more.
    """
    with transaction.atomic():
        row = _locked(rule)
        if row.target_kind != TargetKind.WEBHOOK:
            raise Conflict("E-mail is not signed: this rule has no secret.")
        if reason := why_not(row):
            raise Conflict(reason)
        secret = new_secret()
        row.encrypted, row.changed_at = encrypted(secret), now
        row.save(update_fields=["encrypted", "changed_at"])
    return MadeRule(row, secret)


def secret_again(rule: EventRule) -> str:
    """The secret of a rule that has just been made; empty of e-mail, and where it cannot be read."""
    try:
        return secret_of(bytes(rule.encrypted)) if rule.encrypted else ""
    except Unreadable:
        return ""


def delete_rule(*, rule: EventRule) -> None:
    """Deletes a rule with all that waits, if it is still there."""
    with transaction.atomic():
        # Who puts something down for it waits, and then finds no rule.
        locked = EventRule.objects.select_for_update().filter(pk=rule.pk).first()
        if locked is not None:
            locked.delete()
            changes.publish([changes.SENDING])


def send_test(*, rule: EventRule, now: datetime) -> None:
    """Sends an event that is made for it. Raises Conflict where the rule is switched off, or may not send any more."""
    if not rule.is_enabled:
        raise Conflict(f"The rule {rule.name} is switched off. Switch it on first.")
    if reason := why_not(rule):
        raise Conflict(reason)
    put_down_test(rule, now=now)


def send_again(*, rule: EventRule, delivery_id: int, now: datetime) -> EventDelivery:
    """Has what was given up sent after all, for another day.

    Raises NotFound, or Conflict for what waits or was sent.
    """
    with transaction.atomic():
        row = _locked(rule)
        found = EventDelivery.objects.filter(rule=row, pk=delivery_id).first()
        if found is None:
            raise NotFound("There is no such delivery any more.")
        if found.state != DeliveryState.GIVEN_UP:
            raise Conflict("Only what was given up can be sent again.")
        found.state, found.done_at = DeliveryState.WAITING, None
        found.tries, found.put_down_at, found.next_at = 0, now, now
        found.save(update_fields=["state", "done_at", "tries", "put_down_at", "next_at"])
        if row.next_at is None or row.claim is None:
            # Somebody wants it now, whatever the receiver did before.
            row.next_at = now
            row.save(update_fields=["next_at"])
        changes.publish([changes.SENDING])
        hand_over_sending()
    return found


def values_of(rule: EventRule) -> dict[str, object]:
    """The fields that would make this rule."""
    return {
        "name": rule.name,
        "description": rule.description,
        "is_enabled": rule.is_enabled,
        "pattern": rule.pattern,
        "target_kind": rule.target_kind,
        "address": rule.address,
    }


def simple_values_of(rule: EventRule) -> dict[str, object]:
    """What the form's fields show of a rule's pattern."""
    return simple_values(simple_of(rule.pattern) or Simple(PATTERN))


def simple_values(simple: Simple) -> dict[str, object]:
    """The fields that would give these."""
    return {name: getattr(simple, name) for name in SIMPLE_FIELDS}


def pattern_asked(fields: Mapping[str, object]) -> dict[str, Any]:
    """The pattern that such fields ask for. Raises InvalidInput."""
    checker = Checker()
    found = _pattern(checker, fields, None)
    checker.done()
    return found


def _pattern(
    checker: Checker, fields: Mapping[str, object], rule: EventRule | None
) -> dict[str, Any]:
    """By the pattern that is given, or by what it stands for; what neither says stays as it is."""
    given = fields.get("tell_of")
    if is_empty(given):
        value = fields.get("pattern")
        for name in SIMPLE_FIELDS[1:]:
            if not is_empty(fields.get(name)):
                checker.add(name, "This goes with tell_of, which is not given.")
        if rule is not None and ("pattern" not in fields or value == rule.pattern):
            # What stays is not judged again, as an address is not.
            return dict(rule.pattern)
        return checker.check("pattern", read_pattern, value, {})
    tell_of = checker.check("tell_of", event_rules.tell_of, given, "")
    if not tell_of:
        return {}
    if tell_of == PATTERN:
        return checker.check("pattern", read_pattern, fields.get("pattern"), {})
    simple = Simple(
        tell_of=tell_of,
        statuses=checker.check("statuses", event_rules.statuses, fields.get("statuses"), ()),
        queue=checker.check("queue", _name_or_nothing, fields.get("queue"), ""),
        job_name=checker.check("job_name", _name_or_nothing, fields.get("job_name"), ""),
        alarm=checker.check("alarm", _name_or_nothing, fields.get("alarm"), ""),
        alarm_states=checker.check(
            "alarm_states", event_rules.alarm_states, fields.get("alarm_states"), ()
        ),
    )
    return pattern_of(simple)


def _name_or_nothing(value: object) -> str:
    return "" if is_empty(value) else validation.name(value)


def _check_kind(checker: Checker, kind: str, by: User, owner: User, rule: EventRule | None) -> None:
    if rule is not None:
        if kind and kind != rule.target_kind:
            checker.add("target_kind", event_rules.KIND_STAYS)
    elif kind == TargetKind.WEBHOOK and not (by.is_staff and owner.is_staff):
        checker.add("target_kind", event_rules.ONLY_ADMINISTRATORS)
    elif kind == TargetKind.EMAIL and not has_mail_server():
        checker.add("target_kind", event_rules.NO_MAIL_SERVER)


def _address(
    checker: Checker, kind: str, value: object, owner: User, rule: EventRule | None
) -> str:
    if rule is not None and value == rule.address and kind == rule.target_kind:
        return rule.address
    if kind == TargetKind.WEBHOOK:
        return checker.check("address", event_rules.webhook_url, value, "")
    if kind == TargetKind.EMAIL:
        return checker.check("address", lambda given: _mail_address(given, owner), value, "")
    return ""


def _mail_address(value: object, owner: User) -> str:
    address = validation.read_text(value)
    if not address and not owner.email:
        raise FieldError(event_rules.NO_OWN_ADDRESS)
    address = address or owner.email
    try:
        validate_email(address)
    except ValidationError:
        raise FieldError(event_rules.NO_ADDRESS_OF_MAIL) from None
    if not address.isprintable():
        # Within quotes Django takes characters that end a header's line.
        raise FieldError(event_rules.NO_ADDRESS_OF_MAIL)
    if not owner.is_staff and address.casefold() != owner.email.casefold():
        raise FieldError(
            f"Only administrators send to other addresses than their own, which is {owner.email}."
            if owner.email
            else event_rules.NO_OWN_ADDRESS
        )
    return address


def _check_room(checker: Checker, owner: User) -> None:
    rows = EventRule.objects.all()
    if rows.count() >= event_rules.MAX_RULES:
        checker.add("", event_rules.TOO_MANY)
    elif owner.is_staff:
        return
    elif rows.filter(owner=owner).count() >= event_rules.MAX_OF_USER:
        checker.add("", event_rules.TOO_MANY_OF_USER)
    elif rows.filter(owner__is_staff=False).count() >= event_rules.MAX_OF_USERS:
        checker.add("", event_rules.TOO_MANY_OF_USERS)


def _put(row: EventRule, clean: RuleFields) -> None:
    for name in clean.__slots__:
        setattr(row, name, getattr(clean, name))


def _locked(rule: EventRule) -> EventRule:
    return still_there(
        EventRule.objects.select_for_update(no_key=True, of=("self",)).select_related("owner"),
        rule,
        called=f"The rule {rule.name}",
    )
