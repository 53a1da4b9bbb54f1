"""Names of what is set up: of what can be called anew, and of what keeps its name."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from jobs.domain import validation
from jobs.domain.validation import FieldError

M = TypeVar("M", bound=Model)


def free_name(value: object, others: QuerySet[M], row: M | None = None, *, kind: str) -> str:
    """A name that none has but `row`, which is given it. Raises FieldError, which says what `kind` has it."""
    name = validation.name(value)
    taken = others.filter(name=name)
    if row is not None:
        taken = taken.exclude(pk=row.pk)
    if taken.exists():
        raise FieldError(f"There is {kind} named {name} already.")
    return name


def lasting_name(
    value: object, others: QuerySet[M], own: str | None, *, kind: str, stays: str
) -> str:
    """As `free_name` for what is new; what has its `own` keeps that. Raises FieldError: `stays` for any other."""
    if own is None:
        return free_name(value, others, kind=kind)
    if validation.name(value) != own:
        raise FieldError(stays)
    return own
