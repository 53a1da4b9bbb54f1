"""What somebody else did at the same moment, told as if it had been there before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import IntegrityError
from django.db.models import Model, QuerySet

from jobs.domain.errors import NotFound

M = TypeVar("M", bound=Model)


@contextmanager
def second_look(check: Callable[[], object]) -> Iterator[None]:
    """Around the transaction that writes what has passed `check`: where the database refuses it all the same,
    somebody was faster, and a second look says at what.

    Raises what `check` raises; the database's own error if that finds nothing.
    """
    try:
        yield
    except IntegrityError:
        check()
        raise


def still_there(locked: QuerySet[M], row: M, *, called: str) -> M:
    """The row as it is now, from a query that locks it. Raises NotFound, which says that `called` was deleted."""
    found = locked.filter(pk=row.pk).first()
    if found is None:
        raise NotFound(f"{called} was deleted.")
    return found
