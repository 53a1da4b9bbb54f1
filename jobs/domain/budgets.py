"""Budgets: how far one is spent, and what its users are told. Pure rules; money is US dollars."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_FLOOR, Decimal

from .given import one_of, within
from .money import dollars
from .validation import FieldError, is_empty, read_decimal, read_text, text_at_most
from .variables import MAX_TAG_KEY_CHARACTERS, MAX_TAG_VALUE_CHARACTERS

SCOPES = ("QUEUE", "OWNER", "TAG")
ACTIONS = ("WARN", "REFUSE", "CANCEL")
DEFAULT_WARN_PERCENTAGE = 80


@dataclass(frozen=True, slots=True)
class Marks:
    """When a budget passed its warning share, and when its whole; None: not in this month."""

    warned_at: datetime | None
    exceeded_at: datetime | None


def month_of(now: datetime) -> date:
    """The first day of the calendar month (UTC) that a budget counts at this moment."""
    return now.astimezone(UTC).date().replace(day=1)


def month_start(now: datetime) -> datetime:
    """The moment at which that month began."""
    first = month_of(now)
    return datetime(first.year, first.month, first.day, tzinfo=UTC)


def next_month(month: date) -> date:
    """The first day of the month that follows."""
    is_december = month.month == 12
    return date(month.year + is_december, 1 if is_december else month.month + 1, 1)


def judge(
    *,
    spent_usd: Decimal,
    usd_per_month: Decimal,
    warn_percentage: int,
    before: Marks,
    now: datetime,
) -> Marks:
    """The marks after that much was spent. A mark that is set keeps its time."""
    share = spent_usd * 100
    return Marks(
        warned_at=before.warned_at or (now if share >= usd_per_month * warn_percentage else None),
        exceeded_at=before.exceeded_at or (now if share >= usd_per_month * 100 else None),
    )


def percentage(*, spent_usd: Decimal, usd_per_month: Decimal) -> int:
    """How much of a budget is spent, in whole per cent, rounded down: 100 is only said of what is spent."""
    return int((spent_usd * 100 / usd_per_month).to_integral_value(rounding=ROUND_FLOOR))


def has_tag(tags: Mapping[str, str], *, key: str, value: str) -> bool:
    """Whether a job with these tags is in the scope of a tag's budget; an empty value stands for any."""
    return key in tags and value in ("", tags[key])


def spent_of(*, name: str, spent_usd: Decimal, usd_per_month: Decimal, month: date | None) -> str:
    """How much of an exceeded budget was spent, in words."""
    when = f" in {month:%B %Y}" if month else ""
    amounts = f"{dollars(spent_usd)} of {dollars(usd_per_month)}"
    return f"the budget {name} is spent: {amounts}{when}."


def refusal(
    *,
    name: str,
    spent_usd: Decimal,
    usd_per_month: Decimal,
    month: date | None,
    may_raise: bool = False,
) -> str:
    """What is said to whoever submits a job that an exceeded budget refuses; `may_raise`: to an administrator."""
    spent = spent_of(name=name, spent_usd=spent_usd, usd_per_month=usd_per_month, month=month)
    wait = f"{next_month(month):%B}" if month else "the next month"
    who = "raise" if may_raise else "have an administrator raise"
    return f"{spent[0].upper()}{spent[1:]} No new jobs are taken. Wait for {wait}, or {who} the budget."


def cancelled(*, name: str, spent_usd: Decimal, usd_per_month: Decimal, month: date | None) -> str:
    """The status reason of a job that waited when its budget was exceeded."""
    spent = spent_of(name=name, spent_usd=spent_usd, usd_per_month=usd_per_month, month=month)
    return f"Cancelled, because {spent}"


def scope(value: object) -> str:
    """What a budget is for. Raises FieldError."""
    return one_of(value, SCOPES, "A budget is for a QUEUE, an OWNER or a TAG.")


def action(value: object) -> str:
    """What happens at 100 %. Raises FieldError."""
    return one_of(value, ACTIONS, "The action is WARN, REFUSE or CANCEL.")


def usd_per_month(value: object) -> Decimal:
    """A budget's size. Raises FieldError."""
    told = "A budget is a number of US dollars a month, such as 250."
    if is_empty(value):
        raise FieldError(told)
    amount = read_decimal(value, told)
    if amount <= 0:
        raise FieldError("A budget is more than 0 US dollars. To stop all work, disable the queue.")
    if amount != round(amount, 2):
        raise FieldError("A budget has at most two decimals.")
    return amount


def warn_percentage(value: object) -> int:
    """From how many per cent on pages warn. Raises FieldError."""
    told = "The warning comes at 1 to 100 per cent."
    return within(DEFAULT_WARN_PERCENTAGE if is_empty(value) else value, 1, 100, told)


def tag_key(value: object) -> str:
    """The key of a tag's budget. Raises FieldError."""
    text = read_text(value)
    if not 1 <= len(text) <= MAX_TAG_KEY_CHARACTERS:
        raise FieldError(f"Give the tag's key: 1 to {MAX_TAG_KEY_CHARACTERS} characters.")
    return text


def tag_value(value: object) -> str:
    """The value of a tag's budget; empty: any value. Raises FieldError."""
    return text_at_most(value, MAX_TAG_VALUE_CHARACTERS, of="A tag's value")
