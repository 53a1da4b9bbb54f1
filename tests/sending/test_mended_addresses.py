"""What waits goes to the address that somebody has mended, without waiting for the next try."""

import pytest
from django.utils import timezone

from jobs.services.sending.rules import update_rule

from .conftest import Tell, a_rule_to, send, states
from .receiver import Receiver

pytestmark = pytest.mark.django_db


def test_what_was_refused_goes_to_another_address_at_once(tell: Tell, receiver: Receiver) -> None:
    receiver.answers = [404]
    rule = a_rule_to(receiver)
    tell("one")
    receiver.answers = [200]
    address = f"{receiver.url}&mended=1"
    update_rule(rule=rule, by=rule.owner, fields={"address": address}, now=timezone.now())
    send()
    assert receiver.names == ["one", "one"]
    assert states() == ["SENT"]
