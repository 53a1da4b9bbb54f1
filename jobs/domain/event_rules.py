"""Rules that send events: what may be asked of one, when it tries again, patterns for what most people want. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from . import event_patterns
from .alarms import MEANINGS, state_in_words
from .events import ALARM_CHANGE, BATCH, CLOUDWATCH, DetailType
from .given import one_of
from .states import JobStatus
from .validation import FieldError, is_empty, read_text

# Ours: each is held against each event. Of people who are no administrators, so many each, and so many of all: there is
# always room for administrators.
MAX_RULES = 200
MAX_OF_USER = 20
MAX_OF_USERS = 150
MAX_ADDRESS_CHARACTERS = 1000
# EventBridge's own: after that an event is given up.
GIVEN_UP_AFTER = timedelta(hours=24)
# Ours: what comes meanwhile is told together.
MAILS_EVERY = timedelta(minutes=1)
FIRST_DELAY = timedelta(seconds=15)
LONGEST_DELAY = timedelta(minutes=30)

JOBS = "JOBS"
BLOCKED = "BLOCKED"
ALARMS = "ALARMS"
PATTERN = "PATTERN"
TELL_OF = {
    JOBS: "jobs that change their state",
    BLOCKED: "queues that are blocked",
    ALARMS: "alarms that change their state",
    PATTERN: "what a pattern of my own says",
}
STATUSES = tuple(JobStatus)
ALARM_STATES = tuple(MEANINGS)

TOO_MANY = f"There are {MAX_RULES} rules, and no more are kept. Delete one first."
TOO_MANY_OF_USER = f"You have {MAX_OF_USER} rules, and no more are kept. Delete one first."
TOO_MANY_OF_USERS = (
    f"There are {MAX_OF_USERS} rules of people who are no administrators, and no more are kept. Delete one, or ask an "
    "administrator."
)
ONLY_ADMINISTRATORS = (
    "Only administrators send webhooks: the server posts to any address that they name. "
    "Choose e-mail."
)
NO_MAIL_SERVER = (
    "This server sends no e-mail: no mail server is set. "
    "An administrator sets EMAIL_HOST, as docs/production.md says."
)
NO_OWN_ADDRESS = "Your account has no e-mail address. An administrator enters it."
GONE = (
    "The receiver answered 410 Gone: it wants no more of this, so the rule was switched off. Switch it on once it goes "
    "to the right address."
)
KIND_STAYS = "A rule keeps its kind of target. Make another rule."
NO_ADDRESS_OF_MAIL = "This is no e-mail address, such as ops@example.com."
NO_URL = (
    "Give a URL that begins with https:// or http://, such as https://example.com/hook, of at most "
    f"{MAX_ADDRESS_CHARACTERS:,} characters without blanks."
)
NO_ASCII = (
    "Write the URL in ASCII: other characters of a host’s name as xn--…, of a path as %C3%BC. A browser’s address bar "
    "copies it like that."
)
MAX_LABEL_CHARACTERS = 63


@dataclass(frozen=True, slots=True)
class Simple:
    """What a form asks for in place of a pattern; what is empty narrows nothing."""

    tell_of: str
    statuses: tuple[str, ...] = ()
    queue: str = ""
    job_name: str = ""
    alarm: str = ""
    alarm_states: tuple[str, ...] = ()


def pattern_of(simple: Simple) -> dict[str, Any]:
    """The pattern that says the same."""
    if simple.tell_of == ALARMS:
        detail: dict[str, Any] = {}
        if simple.alarm:
            detail["alarmName"] = [simple.alarm]
        if simple.alarm_states:
            detail["state"] = {"value": list(simple.alarm_states)}
        return _pattern(CLOUDWATCH, ALARM_CHANGE, detail)
    detail = {}
    if simple.statuses and simple.tell_of == JOBS:
        detail["status"] = list(simple.statuses)
    if simple.queue:
        # An event has the queue's ARN.
        detail["jobQueue"] = [{"suffix": f":job-queue/{simple.queue}"}]
    if simple.job_name:
        detail["jobName"] = [{"prefix": simple.job_name}]
    kind = DetailType.STATE_CHANGE if simple.tell_of == JOBS else DetailType.QUEUE_BLOCKED
    return _pattern(BATCH, kind, detail)


def simple_of(pattern: Mapping[str, Any]) -> Simple | None:
    """The reverse of `pattern_of`; None for a pattern that says something else."""
    detail = pattern.get("detail", {})
    if not isinstance(detail, Mapping):
        return None
    kinds = {
        str(DetailType.STATE_CHANGE): JOBS,
        str(DetailType.QUEUE_BLOCKED): BLOCKED,
        ALARM_CHANGE: ALARMS,
    }
    state = detail.get("state")
    found = Simple(
        tell_of=kinds.get(_only(pattern.get("detail-type")), PATTERN),
        statuses=_texts(detail.get("status")),
        queue=_only(detail.get("jobQueue"), "suffix").removeprefix(":job-queue/"),
        job_name=_only(detail.get("jobName"), "prefix"),
        alarm=_only(detail.get("alarmName")),
        alarm_states=_texts(state.get("value") if isinstance(state, Mapping) else None),
    )
    # A box that is not there could not be marked, and without it the rule would tell of all.
    has_boxes = set(found.statuses) <= set(STATUSES) and set(found.alarm_states) <= set(
        ALARM_STATES
    )
    if found.tell_of == PATTERN or not has_boxes or pattern_of(found) != pattern:
        return None
    return found


def in_words(pattern: Mapping[str, Any]) -> str:
    """What a rule tells of, in a sentence without a point: in the form's words where the form can say it."""
    simple = simple_of(pattern)
    return event_patterns.in_words(pattern) if simple is None else _words_of(simple)


def _words_of(simple: Simple) -> str:
    if simple.tell_of == ALARMS:
        whose = f"the alarm {simple.alarm}" if simple.alarm else "alarms"
        states = " or ".join(map(state_in_words, simple.alarm_states))
        return _that_become(whose, states, is_one=bool(simple.alarm))
    named = f"whose name begins with {simple.job_name}" if simple.job_name else ""
    if simple.tell_of == JOBS:
        of_queue = f"of the queue {simple.queue}" if simple.queue else ""
        jobs = " ".join(filter(None, ("jobs", of_queue, named)))
        return _that_become(jobs, " or ".join(simple.statuses), is_one=False)
    queues = f"the queue {simple.queue} when it is" if simple.queue else "queues that are"
    return f"{queues} blocked" + (f" by a job {named}" if named else "")


def _that_become(whose: str, states: str, *, is_one: bool) -> str:
    if is_one:
        return f"{whose} when it " + (f"becomes {states}" if states else "changes its state")
    return f"{whose} that " + (f"become {states}" if states else "change their state")


def delay_after(failures: int) -> timedelta:
    """How long to wait after so many failures one after the other: each time twice as long."""
    return min(FIRST_DELAY * (1 << min(max(failures - 1, 0), 20)), LONGEST_DELAY)


def tell_of(value: object) -> str:
    """What a rule tells of. Raises FieldError."""
    return one_of(value, TELL_OF, f"This is one of {', '.join(TELL_OF)}.")


def target_kind(value: object) -> str:
    """How a rule sends. Raises FieldError."""
    return one_of(value, ("WEBHOOK", "EMAIL"), "The target is WEBHOOK or EMAIL.")


def statuses(value: object) -> tuple[str, ...]:
    """Job statuses, as a list or apart by commas. Raises FieldError."""
    return _some_of(value, STATUSES, "A status")


def alarm_states(value: object) -> tuple[str, ...]:
    """States of alarms, as a list or apart by commas. Raises FieldError."""
    return _some_of(value, ALARM_STATES, "A state")


def webhook_url(value: object) -> str:
    """Where a webhook is posted to. Raises FieldError."""
    text = read_text(value)
    if not text or len(text) > MAX_ADDRESS_CHARACTERS or not text.isprintable() or " " in text:
        raise FieldError(NO_URL)
    if not text.isascii():
        raise FieldError(NO_ASCII)
    try:
        parts = urlsplit(text)
        is_known = parts.scheme in ("http", "https") and parts.port != 0
        is_fit = is_known and _is_host(parts.hostname or "")
    except ValueError:
        is_fit = False
    if not is_fit:
        raise FieldError(NO_URL)
    if "@" in parts.netloc:
        raise FieldError("Name no user and password in the URL: it is shown on pages.")
    if parts.fragment:
        raise FieldError("Leave out what follows the #: it is never sent.")
    return text


def _is_host(name: str) -> bool:
    """Whether it is an address, or can be a name: parts apart by points, of which the last may be empty."""
    is_address = ":" in name
    labels = name.removesuffix(".").split(".")
    return is_address or all(0 < len(label) <= MAX_LABEL_CHARACTERS for label in labels)


def _pattern(source: str, kind: str, detail: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"source": [source], "detail-type": [str(kind)]}
    return {**found, "detail": detail} if detail else found


def _some_of(value: object, known: Sequence[str], what: str) -> tuple[str, ...]:
    if is_empty(value):
        return ()
    given = value.split(",") if isinstance(value, str) else value
    told = f"{what} is one of {', '.join(known)}."
    if not isinstance(given, list | tuple):
        raise FieldError(told)
    found = {one_of(each, known, told) for each in given if not is_empty(each)}
    return tuple(each for each in known if each in found)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return ()
    return tuple(value)


def _only(value: object, operator: str = "") -> str:
    """The one text of a field, or of an operator in it; empty for anything else."""
    if not isinstance(value, list) or len(value) != 1:
        return ""
    [found] = value
    if operator:
        found = found.get(operator) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""
