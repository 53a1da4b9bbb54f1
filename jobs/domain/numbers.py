"""Whole numbers as URLs, names and headers have them: which there may be, and what is said of others."""

from .errors import InvalidInput

# As many digits as surely fit into a column.
MAX_DIGITS = 18
MAX_REVISION_DIGITS = 9
MAX_REVISION = 10**MAX_REVISION_DIGITS - 1


def is_whole(text: str, *, digits: int = MAX_DIGITS) -> bool:
    """Whether a text is a whole number of at most so many digits.

    Digits alone: `int` takes signs, underscores and other scripts' digits as well.
    """
    return text.isascii() and text.isdigit() and len(text) <= digits


def is_revision(text: str) -> bool:
    """Whether a text can be the number of a job definition's revision."""
    return is_whole(text, digits=MAX_REVISION_DIGITS)


def whole(name: str, text: str, *, least: int = 0, most: int | None = None) -> int | None:
    """A number of a URL; None if it is left out. Raises InvalidInput, which names the parameter `name`."""
    text = text.strip()
    if not text:
        return None
    if not is_whole(text) or int(text) < least or (most is not None and int(text) > most):
        raise InvalidInput({name: [told(least=least, most=most)]})
    return int(text)


def needed(name: str, text: str, *, least: int = 0, most: int | None = None) -> int:
    """The same of a parameter that may not be left out."""
    found = whole(name, text, least=least, most=most)
    if found is None:
        raise InvalidInput({name: [told(least=least, most=most)]})
    return found


def told(*, least: int, most: int | None) -> str:
    """What is said of anything else."""
    if most is None:
        return f"This is a whole number, {least} or more."
    return f"This is a whole number from {least} to {most}."
