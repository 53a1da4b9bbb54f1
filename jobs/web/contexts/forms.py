"""What forms share: rows of several inputs, and errors that have no input to stand beside."""

from collections.abc import Collection, Mapping
from typing import Any

from django.http import HttpRequest

from jobs.domain.flags import flag
from jobs.domain.validation import FieldError


def posted_rows(request: HttpRequest, *names: str) -> list[tuple[str, ...]] | None:
    """What a form's rows hold, an input of each name a row; rows of empty inputs are left out.

    None if the request has no such inputs at all, so that what it does not mention can stay.
    """
    if request.content_type == "application/json":
        return None
    columns = [request.POST.getlist(name) for name in names]
    if not any(columns):
        return None
    length = max(map(len, columns))
    rows = zip(*([*column, *[""] * (length - len(column))] for column in columns), strict=True)
    return [row for row in rows if any(text.strip() for text in row)]


def rows_of(value: object) -> list[Mapping[str, Any]]:
    """A field's rows to draw again; what was posted as something else is not drawn."""
    if not isinstance(value, list):
        return []
    return [each for each in value if isinstance(each, Mapping)]


def is_checked(value: object) -> bool:
    """Whether a box is drawn with its mark; what was posted as nonsense is drawn without."""
    try:
        return flag(value)
    except FieldError:
        return False


def shown_errors(
    errors: Mapping[str, list[str]] | None, *, fields: Collection[str]
) -> dict[str, Any]:
    """What a form with these fields is drawn from: `errors` by field, and `form_errors` that stand above it."""
    return {
        "errors": dict(errors or {}),
        "form_errors": errors_elsewhere(errors, fields=fields),
    }


def errors_elsewhere(
    errors: Mapping[str, list[str]] | None, *, fields: Collection[str]
) -> list[str]:
    """The errors that belong beside none of the form's fields, each with its field's name."""
    return [
        f"{field}: {text}" if field else text
        for field, texts in (errors or {}).items()
        if field not in fields
        for text in texts
    ]
