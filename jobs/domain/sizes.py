"""How large a request is as a whole, as it came: told before anything in it is looked at."""

import json
from collections.abc import Mapping

from .validation import Checker, FieldError, is_empty, read_json


def check_size(fields: Mapping[str, object], *, at_most: int, what: str) -> None:
    """Raises InvalidInput if the fields have more bytes than that; `what` are they: "A submission".

    They count as JSON without blanks in UTF-8, and a field that is JSON text as what it says, however
    widely it is written.
    """
    total = sum(_bytes(value) for value in fields.values() if not is_empty(value))
    if total > at_most:
        checker = Checker()
        checker.add("", too_large(at_most=at_most, what=what))
        checker.done()


def too_large(*, at_most: int, what: str) -> str:
    """What is said of a request that is larger than that."""
    return f"{what} has at most {at_most // 1024} KiB in all."


def _bytes(value: object) -> int:
    if isinstance(value, str):
        if value.lstrip()[:1] not in {"{", "["}:
            return _encoded(value)
        try:
            return _encoded(_json(read_json(value)))
        except (FieldError, RecursionError):
            # No JSON, or no sane one: its own check says so.
            return _encoded(value)
    return _encoded(_json(value))


def _json(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))


def _encoded(text: str) -> int:
    # Half a surrogate pair is refused later, by its field's name.
    return len(text.encode(errors="surrogatepass"))
