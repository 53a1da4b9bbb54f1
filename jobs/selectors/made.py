"""What a form has made, found again by its id."""

from typing import TypeVar

from django.db.models import Manager, Model

Row = TypeVar("Row", bound=Model)


def row_made(*, rows: Manager[Row], row_id: int) -> Row | None:
    """The row, if the manager gives it (it may leave out what is deleted). One query."""
    return rows.filter(pk=row_id).first()
