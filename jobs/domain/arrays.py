"""Limits of array jobs and of dependencies.

Source: AWS Batch API, `ArrayProperties`, `JobDependency` and `dependsOn` of SubmitJob.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from .ids import MAX_CHILDREN, id_of, text_of
from .members import Reader, a_list, a_text, an_object, one_of
from .validation import FieldError, is_empty, read_integer, read_json

MIN_SIZE = 2
MAX_SIZE = MAX_CHILDREN
MAX_DEPENDENCIES = 20
SEQUENTIAL_IS_FOR_ARRAYS = (
    "SEQUENTIAL is for arrays: give an array size, or the id of a job to wait for."
)
NO_JOB_ID = "{text} is no job's id. Choose the job from the list, or paste its id."


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


def dependency_trouble(
    request: DependencyRequest, *, exists: bool, size: int | None, other_size: int | None
) -> str | None:
    """What is wrong with waiting for this job; None if nothing is.

    `size` is that of the array that waits, `other_size` that of the one waited for; None for no array.
    """
    if not exists:
        return f"There is no job {text_of(request.job_id) if request.job_id else ''}."
    if request.type is not DependencyType.N_TO_N:
        return None
    if size is None:
        return "N_TO_N is for arrays: give this one an array size, or leave the type out."
    if other_size is None:
        return f"N_TO_N: the job {request.job_id} is no array. Leave the type out to wait for it."
    if size != other_size:
        return (
            f"N_TO_N: the array {request.job_id} has {other_size} children and this one {size}. "
            "Make them equal."
        )
    return None


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
    return DependencyRequest(_uuid(text) if text else None, kind)


def _uuid(text: str) -> UUID:
    try:
        return id_of(text)
    except ValueError:
        raise FieldError(NO_JOB_ID.format(text=text[:60])) from None
