"""Whether a failed attempt is tried again.

Source: AWS Batch API, `RetryStrategy` and `EvaluateOnExit`: the first rule whose conditions all match
decides; if none matches, the job is retried while attempts are left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_ATTEMPTS = 10
NEEDS_ATTEMPTS = "evaluateOnExit needs attempts beside it."


class RetryAction(StrEnum):
    """What a rule says of an attempt that it matches."""

    RETRY = "RETRY"
    EXIT = "EXIT"


@dataclass(frozen=True, slots=True)
class ExitRule:
    """One `evaluateOnExit` rule. A pattern of `None` is a condition that was not given."""

    action: RetryAction
    on_status_reason: str | None = None
    on_reason: str | None = None
    on_exit_code: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How an attempt ended, as the rules see it. No `exit_code`: no container ever ran to an end."""

    status_reason: str
    reason: str
    exit_code: int | None


def should_retry(
    end: AttemptEnd, *, attempts_made: int, attempts_allowed: int, rules: Sequence[ExitRule]
) -> bool:
    """Whether to go back to RUNNABLE. Whoever stopped the job on purpose asks no rule at all."""
    if attempts_made >= attempts_allowed:
        return False
    for rule in rules:
        if _matches(rule, end):
            return rule.action is RetryAction.RETRY
    return True


def _matches(rule: ExitRule, end: AttemptEnd) -> bool:
    exit_code = "" if end.exit_code is None else str(end.exit_code)
    conditions = (
        (rule.on_status_reason, end.status_reason),
        (rule.on_reason, end.reason),
        (rule.on_exit_code, exit_code),
    )
    return all(pattern is None or _glob(pattern, text) for pattern, text in conditions)


def _glob(pattern: str, text: str) -> bool:
    """AWS's patterns: a `*` at the end matches any rest; anywhere else there is none."""
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text == pattern
