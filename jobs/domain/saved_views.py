"""What a saved view may be called, and how many there may be."""

import unicodedata

from .validation import FieldError

MAX_NAME_CHARACTERS = 64
MAX_QUERY_CHARACTERS = 2000
MAX_VIEWS_PER_USER = 50
TOO_MANY = f"At most {MAX_VIEWS_PER_USER} views each. Delete one first."


def name(value: object) -> str:
    """A view's name, with single spaces. Raises FieldError."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text:
        raise FieldError("Give the view a name.")
    if len(text) > MAX_NAME_CHARACTERS:
        raise FieldError(f"A name has at most {MAX_NAME_CHARACTERS} characters.")
    # Controls, half pairs, and what turns the direction of the text around it.
    if any(unicodedata.category(each) in {"Cc", "Cf", "Cs"} for each in text):
        raise FieldError("A name has no invisible characters.")
    return text


def query(value: object) -> str:
    """The query of a list's URL as it is kept. Raises FieldError."""
    text = value if isinstance(value, str) else ""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise FieldError("These filters are too long to be kept. Shorten one.")
    return text
