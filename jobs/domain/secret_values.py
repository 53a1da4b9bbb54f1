"""Limits of secrets. Those of AWS Secrets Manager, whose names they stand for (`domain.secret_names`)."""

import re

from .validation import UNSTORABLE_PATTERN, FieldError, read_text

MAX_NAME_CHARACTERS = 512
MAX_VALUE_BYTES = 65_536
NAME_PATTERN = re.compile(rf"[A-Za-z0-9/_+=.@-]{{1,{MAX_NAME_CHARACTERS}}}")


def secret_name(value: object) -> str:
    """A secret's name, which jobs ask for it by. Raises FieldError."""
    text = read_text(value)
    if not text:
        raise FieldError("Give a name, such as db/password.")
    if not NAME_PATTERN.fullmatch(text):
        raise FieldError(
            f"A secret's name has at most {MAX_NAME_CHARACTERS} letters, digits and / _ + = . @ -"
        )
    return text


def secret_value(value: object) -> str:
    """What a secret holds, to the letter: blanks and line ends belong to it. Raises FieldError."""
    if not isinstance(value, str) or not value:
        raise FieldError("Give the value.")
    if UNSTORABLE_PATTERN.search(value):
        raise FieldError("A value cannot hold NUL characters or broken Unicode.")
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise FieldError(f"A value has at most {MAX_VALUE_BYTES // 1024} KiB.")
    return value
