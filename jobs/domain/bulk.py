"""Limits of an action on many jobs. Ours: AWS Batch's plural operations take 50 ids, and answer at once."""

from collections.abc import Sequence
from uuid import UUID

from .ids import id_of
from .validation import FieldError

MAX_JOBS = 10_000
MAX_SHOWN_CHARACTERS = 60
NONE_MATCHES = (
    "No job matches. Cancel is for jobs that wait, terminate for those that have not ended, "
    "rerun for those that failed."
)


def job_ids(value: object) -> list[UUID]:
    """The ids of jobs, each once, in their order. `<array>:<index>` is an array's child."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise FieldError("Jobs are a list of ids.")
    if not value:
        raise FieldError("Choose at least one job.")
    if len(value) > MAX_JOBS:
        raise FieldError(f"At most {MAX_JOBS} jobs at once.")
    return list(dict.fromkeys(_job_id(each) for each in value))


def _job_id(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    text = str(value)
    try:
        return id_of(text)
    except ValueError:
        raise FieldError(f"{text[:MAX_SHOWN_CHARACTERS]} is no job's id.") from None
