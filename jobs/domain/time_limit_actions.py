"""A queue's rules on jobs that stand at its head for too long.

Source: AWS Batch API, `JobStateTimeLimitAction`.
"""

from typing import Any

from .members import Reader, a_list, a_number, an_object, unique
from .validation import FieldError, read_json, read_text

MIN_SECONDS = 600
MAX_SECONDS = 86_400
MAX_REASON_CHARACTERS = 1024
# Ours: a rule for each reason there is, and some to spare.
MAX_ACTIONS = 20


def _only(word: str, why: str) -> Reader:
    def read(value: object) -> str:
        text = read_text(value).upper()
        if text != word:
            raise FieldError(f"This is {word}: {why}.")
        return text

    return read


def _reason(value: object) -> str:
    text = read_text(value)
    if not 1 <= len(text) <= MAX_REASON_CHARACTERS:
        raise FieldError(
            f"This has 1 to {MAX_REASON_CHARACTERS} characters, such as "
            "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY."
        )
    return text


def _actions(action: Reader) -> Reader:
    return a_list(
        an_object(
            {
                "reason": _reason,
                "state": _only("RUNNABLE", "no other state is watched"),
                "maxTimeSeconds": a_number(MIN_SECONDS, MAX_SECONDS, "seconds"),
                "action": action,
            },
            required=("reason", "state", "maxTimeSeconds", "action"),
        ),
        at_most=MAX_ACTIONS,
    )


_of_jobs = _actions(_only("CANCEL", "a job that waits can only be cancelled"))
_of_service_jobs = _actions(_only("TERMINATE", "service jobs can only be terminated"))


def time_limit_actions(value: object, *, of_service_jobs: bool = False) -> list[dict[str, Any]]:
    """Rules as a list of objects, or that as JSON text, one for each reason. Raises FieldError."""
    given = read_json(value)
    if given is None:
        return []
    clean: list[dict[str, Any]] = (_of_service_jobs if of_service_jobs else _of_jobs)(given)
    unique([each["reason"] for each in clean], "rules")
    return clean
