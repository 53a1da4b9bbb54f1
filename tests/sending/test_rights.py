"""Whose events a rule sends is looked at when they are sent, too."""

from collections.abc import Callable

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from jobs.domain.errors import Conflict
from jobs.models import EventDelivery, EventRule, Job
from jobs.services.sending import due
from jobs.services.sending.documents import NOT_HIS
from jobs.services.sending.rights import NO_ADMINISTRATOR
from jobs.services.sending.rules import new_secret_of, send_test
from tests.builders import a_job, a_user, an_event_rule

from .conftest import FAILED, Follow, a_rule_to, happened, send, states
from .receiver import Receiver

pytestmark = pytest.mark.django_db
Change = Callable[[EventRule, Job], None]


def _no_administrator(rule: EventRule, _: Job) -> None:
    rule.owner.is_staff = False
    rule.owner.save()


def _switched_off(rule: EventRule, _: Job) -> None:
    rule.owner.is_active = False
    rule.owner.save()


def _deleted(_: EventRule, job: Job) -> None:
    job.delete()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_no_administrator, "Only administrators send webhooks"),
        (_switched_off, "owner is switched off"),
        (_deleted, "The job was deleted"),
    ],
)
def test_rights_are_those_of_the_moment_when_it_is_sent(
    follow: Follow, receiver: Receiver, change: Change, told: str
) -> None:
    rule = a_rule_to(receiver)
    job = a_job(owner=a_user())
    happened(job)
    follow()
    change(rule, job)
    send()
    assert receiver.came == []
    delivery = EventDelivery.objects.get()
    assert delivery.state == "GIVEN_UP"
    assert told in delivery.error


@pytest.mark.parametrize("change", [_no_administrator, _switched_off])
def test_a_rule_whose_owner_may_not_send_any_more_says_so_and_gives_all_up(
    follow: Follow, receiver: Receiver, change: Change
) -> None:
    rule = a_rule_to(receiver)
    for _ in range(due.WEBHOOKS_AT_ONCE + 1):
        happened(a_job())
    follow()
    change(rule, a_job())
    send()
    assert set(states()) == {"GIVEN_UP"}
    rule.refresh_from_db()
    assert rule.last_error == EventDelivery.objects.order_by("id")[0].error
    assert rule.failures == 1
    assert rule.next_at is None


def test_jobs_that_the_owner_may_not_see_any_more_are_not_told_of(
    follow: Follow, mailoutbox: list[EmailMessage]
) -> None:
    owner = a_user(email="ann@example.com", is_staff=True)
    rule = an_event_rule(
        owner=owner, target_kind="EMAIL", address=owner.email, pattern=FAILED, encrypted=b""
    )
    happened(a_job(owner=a_user()))
    follow()
    _no_administrator(rule, a_job())
    send()
    assert mailoutbox == []
    assert EventDelivery.objects.get().error == NOT_HIS


def test_who_is_no_administrator_any_more_sends_no_tests_and_gets_no_secrets(
    receiver: Receiver,
) -> None:
    rule = a_rule_to(receiver)
    _no_administrator(rule, a_job())
    for ask in (send_test, new_secret_of):
        with pytest.raises(Conflict) as refused:
            ask(rule=rule, now=timezone.now())
        assert str(refused.value) == NO_ADMINISTRATOR
    assert not EventDelivery.objects.exists()
