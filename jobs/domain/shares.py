"""Fair share: identifiers, priorities, and a policy's limits.

Source: AWS Batch API, `FairsharePolicy`, `ShareAttributes`, and `shareIdentifier` and
`schedulingPriorityOverride` of SubmitJob.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from .members import a_list, an_object, text_like
from .validation import FieldError, is_empty, read_decimal, read_integer, read_json, read_text

MAX_SCHEDULING_PRIORITY = 9999
MAX_DECAY_SECONDS = 604_800
MAX_RESERVATION = 99
MAX_SHARES = 500
MIN_WEIGHT = Decimal("0.0001")
MAX_WEIGHT = Decimal("999.9999")
IDENTIFIER_PATTERN = re.compile(r"[A-Za-z0-9]{1,255}\*?")
IDENTIFIER = (
    "A share identifier has 1 to 255 letters and digits, and may have an asterisk (*) behind them."
)
# AWS Batch's own words, which clients compare, and what to do.
SHARE_REQUIRED = (
    "shareIdentifier must be specified. The queue {queue} has a fair-share policy: "
    "name the share that the job belongs to."
)
PRIORITY_REQUIRED = (
    "Either schedulingPriority in job definition or schedulingPriorityOverride should be specified."
)
NO_SHARES = "shareIdentifier can't be specified: the queue {queue} has no fair-share policy. Leave it empty."


def share_identifier(value: object) -> str:
    """The share that a job belongs to; empty: none."""
    text = read_text(value)
    if text and not IDENTIFIER_PATTERN.fullmatch(text):
        raise FieldError(IDENTIFIER)
    return text


def scheduling_priority(value: object) -> int | None:
    """A job's place in its share, a higher one first; empty: none given."""
    if is_empty(value):
        return None
    message = f"A scheduling priority is a whole number, 0 to {MAX_SCHEDULING_PRIORITY}."
    amount = read_integer(value, message)
    if not 0 <= amount <= MAX_SCHEDULING_PRIORITY:
        raise FieldError(message)
    return amount


def check_share(
    *, queue: str, is_fair_share: bool, share_identifier: str, scheduling_priority: int | None
) -> dict[str, str]:
    """What is wrong with a job's share on this queue, by field. Empty: nothing."""
    if not is_fair_share:
        return {"share_identifier": NO_SHARES.format(queue=queue)} if share_identifier else {}
    errors = {}
    if not share_identifier:
        errors["share_identifier"] = SHARE_REQUIRED.format(queue=queue)
    if scheduling_priority is None:
        errors["scheduling_priority"] = PRIORITY_REQUIRED
    return errors


def share_decay_seconds(value: object) -> int:
    """How long past use counts, in seconds. 0 or empty: AWS's least window, 600 seconds."""
    return _within(value, MAX_DECAY_SECONDS, "The decay is a whole number of seconds")


def compute_reservation(value: object) -> int:
    """What percentage is kept for shares that are not active. Empty: nothing."""
    return _within(value, MAX_RESERVATION, "The reservation is a whole number of percent")


def share_distribution(value: object) -> list[dict[str, Any]]:
    """Shares with their weights, a list or JSON text; a weight left out is 1.0. Raises FieldError.

    An identifier with an asterisk behind it stands for all that begin so. No two overlap.
    """
    given = read_json(value)
    if given is None:
        return []
    clean: list[dict[str, Any]] = _distribution(given)
    _check_apart([each["shareIdentifier"] for each in clean])
    return [{"weightFactor": 1.0, **each} for each in clean]


def _weight(value: object) -> float:
    message = f"A weight is a number, {MIN_WEIGHT} to {MAX_WEIGHT}; a lower one means more."
    amount = read_decimal(value, message)
    if not MIN_WEIGHT <= amount <= MAX_WEIGHT:
        raise FieldError(message)
    return float(amount)


_distribution = a_list(
    an_object(
        {
            "shareIdentifier": text_like(IDENTIFIER_PATTERN, IDENTIFIER),
            "weightFactor": _weight,
        },
        required=("shareIdentifier",),
    ),
    at_most=MAX_SHARES,
)


def _check_apart(identifiers: Sequence[str]) -> None:
    # Sorted, one that covers another stands right before it, or before others that it covers too.
    ordered = sorted(identifiers, key=lambda each: (each.rstrip("*"), not each.endswith("*")))
    for before, after in pairwise(ordered):
        covers = before.endswith("*") and after.startswith(before[:-1])
        if covers or before == after:
            raise FieldError(
                f"The shares {before[:60]} and {after[:60]} overlap. Each job belongs to one entry at most."
            )


def _within(value: object, high: int, what: str) -> int:
    if is_empty(value):
        return 0
    message = f"{what}, 0 to {high}."
    amount = read_integer(value, message)
    if not 0 <= amount <= high:
        raise FieldError(message)
    return amount
