"""JSON as AWS's services send and take it."""

import json
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


def _default(value: object) -> object:
    if isinstance(value, datetime):
        return value.timestamp()
    return str(value)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")
