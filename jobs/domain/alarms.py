"""Alarms on metrics: what may be asked of one, and whether it is raised. Pure rules.

As CloudWatch's alarms, each looks at the newest so many periods of the same length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .given import one_of, within
from .validation import FieldError, is_empty, read_decimal

OK = "OK"
ALARM = "ALARM"
INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
# CloudWatch's states, in the order in which they are offered, with what each means.
MEANINGS = {ALARM: "raised", OK: "not raised", INSUFFICIENT_DATA: "cannot be told"}

OF_QUEUES = (
    "WAITING_JOBS",
    "RUNNING_JOBS",
    "FAILED_JOBS",
    "SUCCEEDED_JOBS",
    "WAIT_P90_SECONDS",
    "RUN_P90_SECONDS",
)
OF_ENVIRONMENTS = ("VCPU_PERCENT", "MEMORY_PERCENT")
METRICS = (*OF_QUEUES, *OF_ENVIRONMENTS)
SIGNS = {
    "GREATER_THAN": ">",
    "GREATER_OR_EQUAL": "≥",
    "LESS_THAN": "<",
    "LESS_OR_EQUAL": "≤",
}
_COMPARED = {
    "GREATER_THAN": "more than",
    "GREATER_OR_EQUAL": "at least",
    "LESS_THAN": "less than",
    "LESS_OR_EQUAL": "at most",
}
# Ours: each alarm reads rows of minutes once a minute, and those are kept for three days.
MAX_ALARMS = 200
MAX_MINUTES = 1440
DEFAULT_PERIOD_MINUTES = 5
DEFAULT_PERIODS = 1

NOT_LOOKED_YET = "Not looked at yet: the first whole minute is still to come."
SWITCHED_OFF = "It is switched off, so nobody looks."
TOO_MANY = f"There are {MAX_ALARMS} alarms, and no more are kept. Delete one first."


@dataclass(frozen=True, slots=True)
class Rule:
    """What an alarm is raised by. `metric` is in words."""

    metric: str
    comparison: str
    threshold: float
    period_minutes: int
    periods: int

    @property
    def condition(self) -> str:
        """Such as "jobs failed > 5"."""
        return f"{self.metric} {SIGNS[self.comparison]} {number(self.threshold)}"

    @property
    def beyond(self) -> str:
        """Such as "more than 5"."""
        return f"{_COMPARED[self.comparison]} {number(self.threshold)}"

    @property
    def in_words(self) -> str:
        """The whole rule."""
        condition, length = sentence(self.condition), minutes(self.period_minutes)
        if self.periods == 1:
            return f"{condition} in {length}"
        return f"{condition} in each of {self.periods} times of {length}, one after the other"

    def is_beyond(self, value: float) -> bool:
        """Whether a value raises it."""
        return {
            "GREATER_THAN": value > self.threshold,
            "GREATER_OR_EQUAL": value >= self.threshold,
            "LESS_THAN": value < self.threshold,
            "LESS_OR_EQUAL": value <= self.threshold,
        }[self.comparison]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an alarm stands, and why, in a sentence."""

    state: str
    reason: str


def judge(rule: Rule, values: Sequence[float | None], until: datetime) -> Verdict:
    """How an alarm stands, by the values of its newest periods, oldest first; the last one ends at `until`.

    None stands for a period of which nothing is known. ALARM: all are beyond the threshold. OK: one of them is
    not. INSUFFICIENT_DATA: neither can be said.
    """
    shown = ", ".join("–" if value is None else number(value) for value in values)
    measured = f"{sentence(rule.metric)}: {shown} {_when(rule, until)}"
    each = "" if rule.periods == 1 else " in each"
    known = [value for value in values if value is not None]
    if any(not rule.is_beyond(value) for value in known):
        return Verdict(OK, f"{measured}. It is raised by {rule.beyond}{each}.")
    if values and len(known) == len(values):
        return Verdict(ALARM, f"{measured}: {rule.beyond}{each}.")
    if known:
        return Verdict(
            INSUFFICIENT_DATA, f"{measured}. Where there is a dash, nothing was measured."
        )
    return Verdict(
        INSUFFICIENT_DATA, f"{sentence(rule.metric)}: nothing was measured {_when(rule, until)}."
    )


def state_in_words(state: str) -> str:
    """A state with what it means, such as "ALARM (raised)": alike on pages, in lists to choose from, in e-mails."""
    return f"{state} ({MEANINGS[state]})" if state in MEANINGS else state


def _when(rule: Rule, until: datetime) -> str:
    end = f"up to {until.astimezone(UTC):%-d %B %H:%M} UTC"
    length = minutes(rule.period_minutes)
    if rule.periods == 1:
        # The minute, the hour; the 5 minutes.
        return f"in the {length.removeprefix('1 ')} {end}"
    return f"in the {rule.periods} times {length} {end}"


def sentence(text: str) -> str:
    """The text with a capital letter at its beginning; vCPUs are written as they are."""
    return text if text.startswith("vCPU") else text[:1].upper() + text[1:]


def number(value: float) -> str:
    """A value for people: no more digits than say something."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"


def minutes(count: int) -> str:
    """A length of time in words, such as "5 minutes" or "2 hours"."""
    hours, rest = divmod(count, 60)
    amount, unit = (hours, "hour") if hours and not rest else (count, "minute")
    return f"{amount} {unit}{'' if amount == 1 else 's'}"


def length_of(period_minutes: int, periods: int) -> timedelta:
    """All of the time that an alarm looks at."""
    return timedelta(minutes=period_minutes * periods)


def metric(value: object) -> str:
    """What an alarm is about. Raises FieldError."""
    return one_of(value, METRICS, f"The metric is one of {', '.join(METRICS)}.")


def comparison(value: object) -> str:
    """How a value is compared with the threshold. Raises FieldError."""
    return one_of(value, tuple(SIGNS), f"The comparison is one of {', '.join(SIGNS)}.")


def threshold(value: object) -> float:
    """What a value is compared with. Raises FieldError."""
    told = (
        "The threshold is a number that is not negative, such as 100 or 0.5: at most 12 digits before the point and "
        "12 behind it, without an exponent."
    )
    if is_empty(value):
        raise FieldError(told)
    amount = read_decimal(value, told)
    if amount < 0:
        raise FieldError(told)
    return float(amount)


def period_minutes(value: object) -> int:
    """How long a period is. Raises FieldError."""
    told = f"A period is 1 to {MAX_MINUTES:,} minutes."
    return within(DEFAULT_PERIOD_MINUTES if is_empty(value) else value, 1, MAX_MINUTES, told)


def periods(value: object) -> int:
    """How many of them one after the other must be beyond the threshold. Raises FieldError."""
    told = f"The number of periods is 1 to {MAX_MINUTES:,}."
    return within(DEFAULT_PERIODS if is_empty(value) else value, 1, MAX_MINUTES, told)


def problem_of_length(period_minutes: int, periods: int) -> str:
    """What is wrong with so many periods of that length, if anything is."""
    if period_minutes * periods <= MAX_MINUTES:
        return ""
    return (
        f"All periods together are at most {minutes(MAX_MINUTES)}, and these are "
        f"{minutes(period_minutes * periods)}. Take fewer or shorter ones."
    )
