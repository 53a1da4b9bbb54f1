"""Events as e-mail, through a real mail server: what is due together is one mail, and no more than one a minute."""

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone

from jobs.domain.event_rules import MAILS_EVERY
from jobs.models import DeliveryState, EventDelivery, EventRule
from jobs.services.sending import mails, rights
from jobs.services.sending.documents import Document
from tests.builders import a_job, a_user, an_event_rule

from .conftest import Follow, happened, send

pytestmark = pytest.mark.django_db
FAILED = {"detail": {"status": ["FAILED"]}}


class Box:
    """Keeps what arrives; `refuses` is what it answers instead."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuses = ""

    async def handle_DATA(  # noqa: N802
        self, _server: object, _session: object, envelope: Any
    ) -> str:
        if self.refuses:
            return self.refuses
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def box(settings: Any) -> Iterator[Box]:
    found = Box()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(found, hostname="127.0.0.1", port=port)
    server.start()
    try:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = port
        yield found
    finally:
        server.stop()


def a_mail_rule(**fields: Any) -> EventRule:
    values = {"target_kind": "EMAIL", "address": "ops@example.com", "encrypted": b""}
    return an_event_rule(name="failures", pattern=FAILED, **{**values, **fields})


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body()
    assert body is not None
    return str(body.get_content())


def test_what_is_due_together_is_one_mail(follow: Follow, box: Box) -> None:
    a_mail_rule()
    for number in range(3):
        happened(a_job(name=f"sim-{number}"), reason="\x1b[31mno memory\r\nBcc: all@example.com")
    follow()
    send()
    [mail] = box.mails
    assert mail["To"] == "ops@example.com"
    assert mail["Subject"] == "[Batchweb] failures: 3 FAILED"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Bcc"] is None
    text = text_of(mail)
    assert [f"sim-{number}" in text for number in range(3)] == [True] * 3
    assert "\x1b" not in text
    assert "\nBcc:" not in text
    assert set(EventDelivery.objects.values_list("state", flat=True)) == {DeliveryState.SENT}


def test_there_is_at_most_one_mail_a_minute(follow: Follow, box: Box) -> None:
    rule = a_mail_rule()
    happened(a_job(name="one"))
    follow()
    send()
    for name in ("two", "three"):
        happened(a_job(name=name))
    follow()
    send()
    assert len(box.mails) == 1
    rule.refresh_from_db()
    assert rule.last_sent_at is not None
    assert rule.next_at == rule.last_sent_at + MAILS_EVERY
    EventRule.objects.update(next_at=timezone.now())
    send()
    [_, later] = box.mails
    assert later["Subject"] == "[Batchweb] failures: 2 FAILED"


def test_a_mail_server_that_refuses_is_asked_again_later(follow: Follow, box: Box) -> None:
    box.refuses = "451 try later secret-of-the-server"
    rule = a_mail_rule()
    happened(a_job())
    follow()
    send()
    rule.refresh_from_db()
    assert rule.last_error == "The mail server answered 451."
    assert rule.failures == 1
    box.refuses = ""
    EventRule.objects.update(next_at=timezone.now())
    send()
    assert len(box.mails) == 1


def test_a_mail_server_that_is_away_is_said_in_words(follow: Follow, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    a_mail_rule()
    happened(a_job())
    follow()
    send()
    assert EventDelivery.objects.get().error == "The mail server could not be reached."


@pytest.mark.parametrize(
    ("now_at", "is_staff", "arrives"),
    [("ann@example.com", False, True), ("new@example.com", False, False), ("", True, True)],
)
def test_who_is_no_administrator_sends_to_his_own_address_only(
    follow: Follow, box: Box, now_at: str, is_staff: bool, arrives: bool
) -> None:
    owner = a_user(email=now_at, is_staff=is_staff)
    a_mail_rule(owner=owner, address="Ann@example.com")
    happened(a_job(owner=owner))
    follow()
    send()
    assert bool(box.mails) is arrives
    error = EventDelivery.objects.get().error
    assert error == ("" if arrives else rights.ADDRESS_NOT_HIS)


def test_of_many_events_the_first_are_told_and_the_others_counted() -> None:
    def document(number: int) -> Document:
        status = "FAILED" if number % 2 else "SUCCEEDED"
        return Document(
            f"id-{number}",
            f'{{"time":"t","source":"aws.batch","detail-type":"Batch Job State Change",'
            f'"detail":{{"jobName":"job-{number}","status":"{status}","jobId":"x"}}}}',
        )

    documents = [(number, document(number)) for number in range(250)]
    mail = mails.digest(rule_name="all", to="ops@example.com", documents=documents)
    assert mail.subject == "[Batchweb] all: 125 SUCCEEDED, 125 FAILED"
    assert "job-99 " in mail.text
    assert "job-100 " not in mail.text
    assert "And 150 more: 75 SUCCEEDED, 75 FAILED." in mail.text
    again = mails.digest(rule_name="all", to="ops@example.com", documents=documents)
    assert again.message_id == mail.message_id
