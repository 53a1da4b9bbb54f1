"""Values as several kinds of things are given them: one of some words, a number between two."""

from collections.abc import Collection

from .validation import FieldError, read_integer, read_text


def one_of(value: object, known: Collection[str], told: str) -> str:
    """One of the words, in any case. Raises FieldError, which says `told`."""
    text = read_text(value).upper()
    if text not in known:
        raise FieldError(told)
    return text


def within(value: object, least: int, most: int, told: str) -> int:
    """A whole number between both, or one of them. Raises FieldError, which says `told`."""
    amount = read_integer(value, told)
    if not least <= amount <= most:
        raise FieldError(told)
    return amount
