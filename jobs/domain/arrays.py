"""Limits of array jobs and of dependencies.

Source: AWS Batch API, `ArrayProperties`, `JobDependency` and `dependsOn` of SubmitJob.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from .ids import MAX_CHILDREN, id_of
from .members import Reader, a_list, a_text, an_object, one_of
from .validation import FieldError, is_empty, read_integer, read_json

MIN_SIZE = 2
MAX_SIZE = MAX_CHILDREN
MAX_DEPENDENCIES = 20


class DependencyType(StrEnum):
    """What a job waits for: another's success, its own child before, or its counterpart in another array."""

    PLAIN = ""
    SEQUENTIAL = "SEQUENTIAL"
    N_TO_N = "N_TO_N"


@dataclass(frozen=True, slots=True)
class DependencyRequest:
    """One entry of `dependsOn`. SEQUENTIAL alone has no `job_id`."""

    job_id: UUID | None
    type: DependencyType


def array_size(value: object) -> int | None:
    """How many children an array has; empty: no array. Also AWS's `{"size": n}`, where {} is no array."""
    if isinstance(value, Mapping):
        value = an_object({"size": lambda size: size})(value).get("size")
    if is_empty(value):
        return None
    message = f"An array has a whole number of children, {MIN_SIZE} to {MAX_SIZE}."
    amount = read_integer(value, message)
    if not MIN_SIZE <= amount <= MAX_SIZE:
        raise FieldError(message)
    return amount


def depends_on(value: object) -> list[DependencyRequest]:
    """What a job waits for: `[{"job_id": ..., "type": ...}, ...]` (or `jobId`), or that as JSON text.

    Raises FieldError. Whether the jobs exist is not looked at here.
    """
    given = read_json(value)
    if given is None:
        return []
    return [_request(each, index) for index, each in enumerate(_entries(given))]


_ID_READERS: dict[str, Reader] = {"job_id": a_text, "jobId": a_text}
_entries = a_list(
    an_object({**_ID_READERS, "type": one_of([each.value for each in DependencyType if each])}),
    at_most=MAX_DEPENDENCIES,
)


def _request(entry: Mapping[str, str], index: int) -> DependencyRequest:
    kind = DependencyType(entry.get("type", ""))
    text = entry.get("job_id") or entry.get("jobId") or ""
    if kind is DependencyType.SEQUENTIAL and text:
        raise FieldError(
            problems=[(f"[{index}]", "SEQUENTIAL is about the array itself: give no job id.")]
        )
    if kind is not DependencyType.SEQUENTIAL and not text:
        raise FieldError(problems=[(f"[{index}]", "Give the id of the job to wait for.")])
    return DependencyRequest(_uuid(text, index) if text else None, kind)


def _uuid(text: str, index: int) -> UUID:
    try:
        return id_of(text)
    except ValueError:
        raise FieldError(problems=[(f"[{index}]", f"{text[:60]} is no job's id.")]) from None
