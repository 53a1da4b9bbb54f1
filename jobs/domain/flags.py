"""Yes or no, as forms and scripts send it."""

from .validation import FieldError

YES = frozenset({"true", "on", "yes", "1"})
# A form sends nothing at all, or an empty text, for a box without its mark.
NO = frozenset({"false", "off", "no", "0", ""})


def flag(value: object) -> bool:
    """True or false, also as a form's text. Nothing is false. Raises FieldError."""
    if value is None or isinstance(value, bool):
        return bool(value)
    text = value.strip().lower() if isinstance(value, str) else None
    if text in YES:
        return True
    if text in NO:
        return False
    raise FieldError("This is true or false.")
