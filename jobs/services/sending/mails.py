"""Events as e-mail: what is due of a rule together goes as one mail."""

import smtplib
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from jobs.domain import events
from jobs.domain.alarms import state_in_words

from .documents import Document
from .outcomes import Outcome

# Of more, how many there are of each kind.
TOLD = 100
MAX_REASON_CHARACTERS = 300
MAX_SUBJECT_PARTS = 4


class Digest(NamedTuple):
    """A mail that is ready to go. `delivery_ids` are those of all events in it."""

    delivery_ids: tuple[int, ...]
    to: str
    subject: str
    text: str
    message_id: str


def has_mail_server() -> bool:
    """Whether this server can send mail."""
    return bool(settings.EMAIL_HOST)


def digest(*, rule_name: str, to: str, documents: Sequence[tuple[int, Document]]) -> Digest:
    """One mail of events, oldest first."""
    told = [_told(each.event) for _, each in documents[:TOLD]]
    left = Counter(_what(each.event) for _, each in documents[TOLD:])
    lines = [f"The rule {rule_name} tells of {_events(len(documents))}:", "", *told]
    if left:
        lines += ["", f"And {sum(left.values()):,} more: {_counted(left)}."]
    lines += ["", f"You get this because of the rule {rule_name} of Batchweb."]
    all_of_them = Counter(_what(each.event) for _, each in documents)
    digested = sha256(" ".join(each.event_id for _, each in documents).encode()).hexdigest()[:32]
    return Digest(
        delivery_ids=tuple(pk for pk, _ in documents),
        to=to,
        subject=f"[Batchweb] {rule_name}: {_counted(all_of_them)}",
        text="\n".join(lines) + "\n",
        # The same events are the same mail: who gets it twice can see that.
        message_id=f"<{rule_name}.{digested}@batchweb>",
    )


def send(mail: Digest) -> Outcome:
    """Hands a mail to the mail server. It reads no rows, so that it can run in a thread."""
    message = EmailMessage(
        subject=mail.subject,
        body=mail.text,
        to=[mail.to],
        headers={"Message-ID": mail.message_id, "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
    try:
        message.send()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return Outcome(mail.delivery_ids, error=_in_words(error))
    return Outcome(mail.delivery_ids)


def _told(event: dict[str, Any]) -> str:
    detail = event["detail"]
    reason = detail.get("statusReason") or detail.get("state", {}).get("reason") or ""
    parts = [event["time"], _what(event), _name(event)]
    if detail.get("jobId"):
        parts.append(f"({detail['jobId']})")
    line = " ".join(filter(None, parts))
    return _plain(f"{line}: {reason[:MAX_REASON_CHARACTERS]}" if reason else line)


def _what(event: dict[str, Any]) -> str:
    if event["detail-type"] == events.DetailType.QUEUE_BLOCKED:
        return "queue blocked"
    if event["source"] == events.CLOUDWATCH:
        return f"alarm {state_in_words(event['detail']['state']['value'])}"
    return str(event["detail"].get("status") or "test")


def _name(event: dict[str, Any]) -> str:
    detail = event["detail"]
    return str(detail.get("jobName") or detail.get("alarmName") or detail.get("message") or "")


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def _counted(kinds: "Counter[str]") -> str:
    parts = [f"{count:,} {what}" for what, count in kinds.most_common(MAX_SUBJECT_PARTS)]
    return ", ".join(parts) + (", and others" if len(kinds) > MAX_SUBJECT_PARTS else "")


def _plain(text: str) -> str:
    """A line without characters that steer a terminal or turn the text around."""
    return "".join(each if each.isprintable() else " " for each in text)


def _in_words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "The mail server does not take mail for this address."
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "The mail server refused this server’s login."
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The mail server answered {error.smtp_code}."
    if isinstance(error, TimeoutError):
        return "The mail server did not answer in time."
    return "The mail server could not be reached."
