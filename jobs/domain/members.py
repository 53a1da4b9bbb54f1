"""Reading nested values (AWS's structures) member by member.

A reader takes a value as it came and gives back its canonical form, or raises FieldError. Those made
here name the path of each member that is wrong. What is empty (None, "", [], {}) or false asks for
nothing and is dropped: AWS's own answers are full of it, and a definition as described can be
registered again.
"""

import posixpath
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .validation import UNSTORABLE_PATTERN, FieldError, read_integer, read_text

Reader = Callable[[object], Any]

PATH_PATTERN = re.compile(r"/[^:\n\r]{0,4095}")
MAX_TEXT_CHARACTERS = 2048
NO_SUCH_MEMBER = "There is no such member."
REQUIRED = "This is required."


def is_given(value: object) -> bool:
    """Whether a member asks for something. Zero does."""
    return value is not False and value not in (None, "", [], {}, ())


def an_object(
    readers: Mapping[str, Reader],
    *,
    required: Collection[str] = (),
    refused: Mapping[str, str] | None = None,
    false_counts: Collection[str] = (),
) -> Reader:
    """Reads an object with these members; its canonical form has them in this order.

    `refused` says of members that AWS has and Batchweb cannot do why not. Of `false_counts`, false
    is not the same as nothing.
    """

    def read(value: object) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise FieldError("This is an object of members.")
        given = {
            str(member): content
            for member, content in value.items()
            if is_given(content) or (content is False and member in false_counts)
        }
        problems = [
            (UNSTORABLE_PATTERN.sub("?", member[:60]), _unknown(member, refused or {}))
            for member in given
            if member not in readers
        ]
        problems += [(member, REQUIRED) for member in required if member not in given]
        clean: dict[str, Any] = {}
        for member, reader in readers.items():
            if member not in given:
                continue
            try:
                content = reader(given[member])
            except FieldError as error:
                problems += error.at(member)
                continue
            if is_given(content) or member in false_counts:
                clean[member] = content
        if problems:
            raise FieldError(problems=problems)
        return clean

    return read


def a_list(reader: Reader, *, at_most: int | None = None) -> Reader:
    """Reads a list, each item with this reader."""

    def read(value: object) -> list[Any]:
        if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
            raise FieldError("This is a list.")
        if at_most is not None and len(value) > at_most:
            raise FieldError(f"There {'is' if at_most == 1 else 'are'} at most {at_most} here.")
        problems: list[tuple[str, str]] = []
        clean = []
        for index, item in enumerate(value):
            try:
                clean.append(reader(item))
            except FieldError as error:
                problems += error.at(f"[{index}]")
        if problems:
            raise FieldError(problems=problems)
        return clean

    return read


def a_set(reader: Reader, *, at_most: int) -> Reader:
    """Reads a list in which equal items count once."""
    read_list = a_list(reader, at_most=at_most)
    return lambda value: list(dict.fromkeys(read_list(value)))


def a_text(value: object) -> str:
    """Any text of a sensible length."""
    text = read_text(value)
    if len(text) > MAX_TEXT_CHARACTERS:
        raise FieldError(f"This has at most {MAX_TEXT_CHARACTERS} characters.")
    return text


def a_name(value: object) -> str:
    """Any text of a sensible length that is not empty."""
    text = a_text(value)
    if not text:
        raise FieldError(REQUIRED)
    return text


def text_like(pattern: re.Pattern[str], description: str) -> Reader:
    """Reads a text that the pattern matches in full; `description` says what that is."""

    def read(value: object) -> str:
        text = read_text(value)
        if not pattern.fullmatch(text):
            raise FieldError(description)
        return text

    return read


def one_of(choices: Collection[str]) -> Reader:
    """Reads one of these texts."""

    def read(value: object) -> str:
        text = read_text(value)
        if text not in choices:
            raise FieldError(f"This is one of {', '.join(choices)}.")
        return text

    return read


def a_flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise FieldError("This is true or false.")
    return value


def a_number(low: int, high: int, what: str) -> Reader:
    """Reads a whole number; `what` says of what: "MiB", "seconds"."""
    message = f"This is a whole number{f' of {what}' if what else ''}, {low} to {high}."

    def read(value: object) -> int:
        amount = read_integer(value, message)
        if not low <= amount <= high:
            raise FieldError(message)
        return amount

    return read


def a_map_of_texts(value: object) -> dict[str, str]:
    """An object whose members are texts, whatever their names."""
    if not isinstance(value, Mapping):
        raise FieldError("This is an object of names and texts.")
    return {a_text(name): a_text(content) for name, content in value.items()}


def a_path(value: object) -> str:
    """An absolute path without `..`, in its shortest form."""
    text = read_text(value)
    if not PATH_PATTERN.fullmatch(text) or ".." in text.split("/"):
        raise FieldError("This is an absolute path such as /data, without colons and dot-dots.")
    return posixpath.normpath("/" + text.lstrip("/"))


def unique(items: Sequence[str], what: str) -> None:
    """Raises FieldError if something is there twice; `what` are they: "volumes"."""
    seen: set[str] = set()
    for item in items:
        if item in seen:
            raise FieldError(f"Two {what} are named {item[:140]}. Each needs a name of its own.")
        seen.add(item)


def _unknown(member: str, refused: Mapping[str, str]) -> str:
    if member in refused:
        return f"Not supported here. {refused[member]}"
    return f"{NO_SUCH_MEMBER} Take it out, or mend its name."
