"""Holds values against botocore's shapes: requests as they come in, answers as they go out.

botocore's own validator looks at types, required members and lower bounds; the service itself also refuses
unknown members, other words than an enum's, upper bounds and patterns, and so does this.
"""

import base64
import binascii
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

MAX_SHOWN_CHARACTERS = 80
# What JSON integers fit into; beyond that no database column would either.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "integer": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "float": (-sys.float_info.max, sys.float_info.max),
    "double": (-sys.float_info.max, sys.float_info.max),
}
WHOLE = frozenset({"integer", "long"})
# Enums whose documentation says that case does not matter.
IN_ANY_CASE = frozenset({"RetryAction"})
TYPE_WORDS = {
    "structure": "an object",
    "list": "a list",
    "map": "an object",
    "string": "a string",
    "integer": "an integer",
    "long": "an integer",
    "float": "a number",
    "double": "a number",
    "boolean": "true or false",
    "timestamp": "a time",
    "blob": "base64 text",
}


def problems(shape: Shape, value: object) -> list[str]:
    """What is wrong with a value, each with its path (`containerOverrides.command[0]: ...`); empty: nothing."""
    return [f"{path or 'The request'}: {text}" for path, text in _check(shape, value, "")]


def without_nulls(value: Any) -> Any:
    """The value without members that are null: for AWS they are not there."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def _check(shape: Shape, value: object, path: str) -> Iterator[tuple[str, str]]:
    check = _CHECKS.get(shape.type_name)
    if check is None:
        raise NotImplementedError(f"shapes of type {shape.type_name}")
    yield from check(shape, value, path)


def _structure(shape: StructureShape, value: object, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield path, _not_a(shape)
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield _below(path, name), "This is required."
    for name, each in value.items():
        member = shape.members.get(name)
        if member is None:
            known = ", ".join(sorted(shape.members)) or "none"
            yield (
                _below(path, str(name)[:MAX_SHOWN_CHARACTERS]),
                f"Unknown member. There are: {known}.",
            )
        elif each is not None:
            yield from _check(member, each, _below(path, name))
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield path, f"Give exactly one of {', '.join(shape.members)}."


def _list(shape: ListShape, value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        yield path, _not_a(shape)
        return
    yield from _length(shape, len(value), path, "items")
    for index, each in enumerate(value):
        if each is None:
            yield f"{path}[{index}]", "This cannot be null."
        else:
            yield from _check(shape.member, each, f"{path}[{index}]")


def _map(shape: MapShape, value: object, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield path, _not_a(shape)
        return
    # The models say that a map of tags has an entry at least. The service's own documentation does not, it
    # answers `"tags": {}` itself, and clients send that.
    if len(value) > (most := shape.metadata.get("max", len(value))):
        yield path, f"At most {most} entries, not {len(value)}."
    for key, each in value.items():
        where = f"{path}[{_shown(key)}]"
        yield from _check(shape.key, key, where)
        if each is None:
            yield where, "This cannot be null."
        else:
            yield from _check(shape.value, each, where)


def _string(shape: Shape, value: object, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, str):
        yield path, _not_a(shape)
        return
    words = shape.metadata.get("enum", ())
    if words and value not in words and not _is_word_in_any_case(shape, value):
        yield path, f"{_shown(value)} is none of {', '.join(words)}."
    yield from _length(shape, len(value), path, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield path, f"{_shown(value)} does not match {pattern}."


def _is_word_in_any_case(shape: Shape, value: str) -> bool:
    return shape.name in IN_ANY_CASE and value.upper() in shape.metadata["enum"]


def _number(shape: Shape, value: object, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield path, _not_a(shape)
        return
    # Of floats alone: an integer can be too large to be one.
    if isinstance(value, float) and (shape.type_name in WHOLE or not math.isfinite(value)):
        yield path, _not_a(shape)
        return
    least, most = BOUNDS[shape.type_name]
    if not least <= value <= most:
        yield path, f"{str(value)[:MAX_SHOWN_CHARACTERS]} is too large."
        return
    yield from _range(shape, value, path)


def _boolean(shape: Shape, value: object, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, bool):
        yield path, _not_a(shape)


def _timestamp(shape: Shape, value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, bool) or not isinstance(value, int | float | datetime):
        yield path, _not_a(shape)


def _blob(shape: Shape, value: object, path: str) -> Iterator[tuple[str, str]]:
    try:
        base64.b64decode(value if isinstance(value, str | bytes) else "?", validate=True)
    except (binascii.Error, ValueError):
        yield path, _not_a(shape)


def _length(shape: Shape, length: int, path: str, what: str) -> Iterator[tuple[str, str]]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        yield path, f"At least {least} {what}, not {length}."
    if most is not None and length > most:
        yield path, f"At most {most} {what}, not {length}."


def _range(shape: Shape, value: float, path: str) -> Iterator[tuple[str, str]]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield path, f"At least {least}, not {value}."
    if most is not None and value > most:
        yield path, f"At most {most}, not {value}."


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _not_a(shape: Shape) -> str:
    return f"This is {TYPE_WORDS[shape.type_name]}."


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "...")


# The models' patterns are Java's: Python spells these otherwise.
_JAVA = ((r"\p{L}", r"\w"), (r"\p{Z}", r"\s"), (r"\p{N}", r"\d"), (r"\w-_", r"\w_-"))


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA:
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


_CHECKS: dict[str, Callable[[Any, object, str], Iterator[tuple[str, str]]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}
