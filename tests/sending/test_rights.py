"""Whose events a rule sends is looked at when they are sent, too."""

from collections.abc import Callable

import pytest

from jobs.models import EventDelivery, EventRule, Job
from tests.builders import a_job, a_user

from .conftest import Follow, a_rule_to, happened, send
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
        (_no_administrator, "may not see this job any more"),
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
