"""JSON as AWS's services send and take it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..errors import ApiError
from ..shapes import without_nulls


def read_object(body: bytes, *, code: str = "SerializationException") -> dict[str, Any]:
    """The JSON object in a body; an empty body is an empty one. Raises ApiError with that code."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse)
        # Half of a surrogate pair is legal in JSON but is no text: no database could keep it.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        if not isinstance(value, dict):
            raise ApiError(code, "The body must be a JSON object.")
        return dict(without_nulls(value))
    except (ValueError, RecursionError) as error:
        raise ApiError(code, f"The body is not valid JSON in UTF-8: {error}"[:300]) from None


def write_object(value: Any) -> bytes:
    """A value as JSON. Members that are None are left out; times are seconds since the epoch."""
    return json.dumps(without_nulls(value), default=_default, separators=(",", ":")).encode()


class Readable:
    """Values as who reads their JSON has them, without a text in between.

    A long list that stands in several of them is made once, for as long as this is kept: that is most of the work.
    """

    LONG = 50

    def __init__(self) -> None:
        # The lists themselves are kept, so that no other can have the id of one.
        self._lists: dict[int, tuple[list[Any], list[Any]]] = {}

    def object(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """What `write_object` writes of it, read."""
        return {str(key): self._read(each) for key, each in value.items() if each is not None}

    def _read(self, value: Any) -> Any:
        kind = type(value)
        if kind is dict:
            return self.object(value)
        if kind is list:
            return self._list(value)
        if kind in _AS_THEY_ARE:
            return value
        # What JSON has no word for, or another word: enums, dates, ids.
        return json.loads(json.dumps(without_nulls(value), default=_default))

    def _list(self, value: list[Any]) -> list[Any]:
        if len(value) < self.LONG:
            return [self._read(each) for each in value]
        if id(value) not in self._lists:
            self._lists[id(value)] = value, [self._read(each) for each in value]
        return self._lists[id(value)][1]


_AS_THEY_ARE = frozenset({str, int, bool, float, type(None)})


def _default(value: object) -> object:
    if isinstance(value, datetime):
        return value.timestamp()
    return str(value)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
