"""Events as e-mail, through a real mail server: what is due together is one mail, and no more than one a minute."""

import socket
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs.domain.event_rules import MAILS_EVERY
from jobs.models import Alarm, AlarmChange, DeliveryState, EventDelivery, EventRule, Job, Transition
from jobs.selectors.events.history import EventRow
from jobs.services.sending import documents, mails, rights
from jobs.services.sending.documents import Document, write_events
from tests.builders import NOW, a_job, a_user, an_event_rule

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


def test_of_many_events_only_those_that_are_told_are_written(
    follow: Follow, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails, "TOLD", 2)
    monkeypatch.setattr(documents, "DOCUMENTS", 1)
    sizes: list[int] = []

    def write(rows: Sequence[EventRow]) -> list[str]:
        sizes.append(len(rows))
        return write_events(rows)

    monkeypatch.setattr(documents, "write_events", write)
    ann = a_user(email="ann@example.com")
    a_mail_rule(owner=ann, address=ann.email)
    jobs = [a_job(name=f"job-{number}", owner=ann) for number in range(6)]
    for job in jobs:
        happened(job)
    follow()
    gone, sold = jobs[4], jobs[5]
    Transition.objects.filter(job=gone).delete()
    Job.objects.filter(pk=sold.pk).update(owner=a_user())
    send()
    [mail] = box.mails
    assert mail["Subject"] == "[Batchweb] failures: 4 FAILED"
    text = text_of(mail)
    assert "job-0 " in text
    assert "job-1 " in text
    assert "And 2 more: 2 FAILED." in text
    assert sizes == [1, 1]
    errors = EventDelivery.objects.order_by("id").values_list("error", flat=True)
    assert list(errors)[4:] == [documents.JOB_GONE, documents.NOT_HIS]


def an_alarm_that_changes(*, times: int) -> list[AlarmChange]:
    alarm = Alarm.objects.create(
        name="hot",
        metric="FAILED_JOBS",
        comparison="GREATER_THAN",
        threshold=5,
        created_at=NOW,
        state_since=NOW,
    )
    return [
        AlarmChange.objects.create(
            alarm=alarm, from_state="OK", to_state="ALARM", reason=f"change {number}", at=NOW
        )
        for number in range(times)
    ]


def test_changes_of_alarms_are_written_together() -> None:
    changes = an_alarm_that_changes(times=5)
    with CaptureQueriesContext(connection) as asked:
        found = documents.alarm_events([change.pk for change in changes])
    assert len(asked) == 2
    assert found == {change.pk: documents.alarm_event(change, change.alarm) for change in changes}
    before = found[changes[4].pk]["detail"]["previousState"]
    assert before["reason"] == "change 3"


def test_of_many_events_the_first_are_told_and_the_others_counted() -> None:
    def document(number: int) -> Document:
        status = "FAILED" if number % 2 else "SUCCEEDED"
        return Document(
            f"id-{number}",
            f'{{"time":"t","source":"aws.batch","detail-type":"Batch Job State Change",'
            f'"detail":{{"jobName":"job-{number}","status":"{status}","jobId":"x"}}}}',
        )

    some = [(number, document(number)) for number in range(250)]
    mail = mails.digest(rule_name="all", to="ops@example.com", documents=some)
    assert mail.subject == "[Batchweb] all: 125 SUCCEEDED, 125 FAILED"
    assert "job-99 " in mail.text
    assert "job-100 " not in mail.text
    assert "And 150 more: 75 SUCCEEDED, 75 FAILED." in mail.text
    again = mails.digest(rule_name="all", to="ops@example.com", documents=some)
    assert again.message_id == mail.message_id


def test_an_alarm_s_state_is_said_in_a_mail_as_on_pages() -> None:
    [change] = an_alarm_that_changes(times=1)
    event = documents.document(documents.alarm_event(change, change.alarm))
    mail = mails.digest(rule_name="hot", to="ops@example.com", documents=[(1, event)])
    assert mail.subject == "[Batchweb] hot: 1 alarm ALARM (raised)"
    assert f" alarm ALARM (raised) {change.alarm.name}: change 0" in mail.text
