"""EventBridge's event patterns: what may stand in one, whether an event matches it, and what it says in words. Pure.

A pattern has the structure of the events that it matches: all its fields must match, of each one of the listed values.
Sources: EventBridge User Guide, "Event patterns" and "Comparison operators for use in event patterns". `cidr` is not
here: no event has an address that it could be of.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .validation import FieldError

Pattern = Mapping[str, Any]
OR = "$or"
# EventBridge's own quota is 2048 characters, and 4096 on request.
MAX_CHARACTERS = 4096
# Ours: no event is nested deeper.
MAX_DEPTH = 10
MAX_SHOWN_CHARACTERS = 60
NUMERIC_LIMIT = 5 * 10**9
# Ours: an event of a job with thousands of variables would take seconds.
MAX_COMPARISONS = 20_000
OPERATORS = (
    *("prefix", "suffix", "equals-ignore-case", "wildcard"),
    *("anything-but", "numeric", "exists"),
)
_OF_TEXTS = ("prefix", "suffix", "equals-ignore-case", "wildcard")
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda one, other: one == other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
# In place of the value of a field that is not there; null is a value.
_ABSENT = object()
NO_PATTERN = 'A pattern is a JSON object, such as {"detail": {"status": ["FAILED"]}}.'
NO_LIST = 'Give a list of what it may be, such as ["FAILED"], or an object of the fields in it.'


def read_pattern(value: object) -> dict[str, Any]:
    """A pattern that holds what patterns may hold, from an object or its JSON text. Raises FieldError with paths."""
    found = _from_json(value) if isinstance(value, str) else value
    if not isinstance(found, dict) or not found:
        raise FieldError(NO_PATTERN)
    try:
        size = len(json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        raise FieldError(NO_PATTERN) from None
    if size > MAX_CHARACTERS:
        raise FieldError(f"A pattern has at most {MAX_CHARACTERS:,} characters.")
    if problems := list(_problems(found, "", 1)):
        raise FieldError(problems=problems)
    return found


class TooLarge(Exception):
    """To hold an event against a pattern takes more than `MAX_COMPARISONS`."""


def matches(pattern: Pattern, event: Mapping[str, Any]) -> bool:
    """Whether an event matches a pattern that `read_pattern` has taken; one that is too large does not."""
    try:
        return compares(pattern, event)
    except TooLarge:
        return False


def compares(pattern: Pattern, event: Mapping[str, Any]) -> bool:
    """The same, but raises TooLarge."""
    return _matches(pattern, event, _Effort())


@dataclass(slots=True)
class _Effort:
    """How many values may still be compared."""

    left: int = MAX_COMPARISONS

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise TooLarge


def _matches(pattern: Pattern, event: Mapping[str, Any], effort: _Effort) -> bool:
    return all(
        any(_matches(each, event, effort) for each in wanted)
        if field == OR
        else _field_matches(wanted, event.get(field, _ABSENT), effort)
        for field, wanted in pattern.items()
    )


def restricted(pattern: Pattern, known: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """What the pattern asks of the fields in `known` (None: a leaf; a mapping: fields within), and whether that is all.

    Whatever matches the pattern matches this: fields are left out, and each of them only narrows.
    """
    found: dict[str, Any] = {}
    is_all = True
    for field, wanted in pattern.items():
        if field == OR:
            parts = [restricted(each, known) for each in wanted]
            is_all &= all(part_is_all for _, part_is_all in parts)
            if all(part for part, _ in parts):
                found[OR] = [part for part, _ in parts]
        elif field not in known:
            is_all = False
        elif isinstance(wanted, Mapping) and isinstance(known[field], Mapping):
            part, part_is_all = restricted(wanted, known[field])
            is_all &= part_is_all
            if part:
                found[field] = part
        else:
            found[field] = wanted
    return found, is_all


def in_words(pattern: Pattern) -> str:
    """The pattern in a sentence without a point."""
    return " and ".join(_words(pattern, ""))


def _from_json(text: str) -> object:
    if len(text) > 4 * MAX_CHARACTERS:
        raise FieldError(f"A pattern has at most {MAX_CHARACTERS:,} characters.")
    try:
        return json.loads(text, object_pairs_hook=_each_once)
    except FieldError:
        raise
    except (ValueError, RecursionError) as error:
        raise FieldError(f"This is no JSON: {error}.") from None


def _each_once(members: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(members)
    if len(found) != len(members):
        # JSON's last would win, and what the first said would be gone.
        name = next(
            name for name, count in Counter(name for name, _ in members).items() if count > 1
        )
        raise FieldError(
            f"{json.dumps(name)[:MAX_SHOWN_CHARACTERS]} stands twice in an object: name it once."
        )
    return found


def _problems(pattern: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if not isinstance(pattern, dict) or not pattern:
        yield path, NO_LIST
        return
    if depth > MAX_DEPTH:
        yield path, f"A pattern is nested {MAX_DEPTH} deep at most."
        return
    for field, wanted in pattern.items():
        if _problem_of_text(field):
            # Nor can the answer hold it.
            yield path, "A field’s name cannot hold NUL characters or broken Unicode."
            continue
        here = f"{path}.{field}" if path else field
        if field == OR:
            yield from _problems_of_or(wanted, path, depth)
        elif isinstance(wanted, list):
            yield from _problems_of_list(wanted, here)
        else:
            yield from _problems(wanted, here, depth + 1)


def _problems_of_or(wanted: object, path: str, depth: int) -> Iterator[tuple[str, str]]:
    here = f"{path}.{OR}" if path else OR
    if not isinstance(wanted, list) or len(wanted) < 2:
        yield here, "Give a list of two or more patterns, of which one has to match."
        return
    for number, each in enumerate(wanted):
        yield from _problems(each, f"{here}[{number}]", depth + 1)


def _problems_of_list(wanted: list[object], path: str) -> Iterator[tuple[str, str]]:
    if not wanted:
        yield path, NO_LIST
    for number, each in enumerate(wanted):
        if problem := _problem_of_value(each):
            yield f"{path}[{number}]", problem


def _problem_of_value(value: object) -> str:
    if isinstance(value, list):
        return "A list within a list matches nothing. Name the values side by side."
    if not isinstance(value, dict):
        return _problem_of_text(value)
    if len(value) != 1 or next(iter(value)) not in OPERATORS:
        return f"This is a value, or an object with one of {', '.join(OPERATORS)}."
    [(operator, operand)] = value.items()
    if operator in _OF_TEXTS:
        return _problem_of_operand(operator, operand)
    if operator == "exists":
        return "" if isinstance(operand, bool) else "exists is true or false."
    if operator == "numeric":
        return _problem_of_numeric(operand)
    return _problem_of_anything_but(operand)


def _problem_of_text(value: object) -> str:
    if isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
        return "A text cannot hold NUL characters or broken Unicode."
    return ""


def _problem_of_operand(operator: str, operand: object) -> str:
    if operator in ("prefix", "suffix") and isinstance(operand, dict):
        is_fit = list(operand) == ["equals-ignore-case"]
        operand = operand["equals-ignore-case"] if is_fit else None
    if not isinstance(operand, str):
        return f'{operator} has a text, such as {{"{operator}": "nightly"}}.'
    if operator == "wildcard":
        try:
            pieces = _pieces(operand)
        except ValueError as error:
            return str(error)
        if any(not piece for piece in pieces[1:-1]):
            return "Two asterisks side by side say no more than one: write one."
    return _problem_of_text(operand)


def _problem_of_numeric(operand: object) -> str:
    told = 'numeric is one or two comparisons, such as {"numeric": [">", 0, "<=", 5]}.'
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        return told
    for operator, number in zip(operand[::2], operand[1::2], strict=True):
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not isinstance(operator, str) or operator not in _COMPARISONS or not is_number:
            return told
        if abs(number) > NUMERIC_LIMIT:
            return "A number is between -5 and 5 thousand million."
    if len(operand) == 4 and (operand[0][0], operand[2][0]) not in ((">", "<"), ("<", ">")):
        return told
    return ""


def _problem_of_anything_but(operand: object) -> str:
    if isinstance(operand, dict):
        if len(operand) != 1 or next(iter(operand)) not in _OF_TEXTS:
            return f"anything-but has values, or an object with one of {', '.join(_OF_TEXTS)}."
        [(operator, texts)] = operand.items()
        each_of = texts if isinstance(texts, list) and texts else [texts]
        return next(filter(None, (_problem_of_operand(operator, each) for each in each_of)), "")
    values = operand if isinstance(operand, list) else [operand]
    if not values or any(
        isinstance(value, list | dict | bool) or value is None for value in values
    ):
        return "anything-but has a text or a number, or a list of them."
    return next(filter(None, map(_problem_of_text, values)), "")


def _field_matches(wanted: Any, value: Any, effort: _Effort) -> bool:
    if isinstance(wanted, Mapping):
        # A list without members has no fields, like one that is not there.
        found = (value if isinstance(value, list) else [value]) or [_ABSENT]
        # A field that is not there may still be asked not to be.
        return any(
            _matches(wanted, each if isinstance(each, Mapping) else {}, effort) for each in found
        )
    leaves = list(_leaves(value))
    effort.take(sum(map(_weight, wanted)) * max(len(leaves), 1))
    return any(_value_matches(each, leaves) for each in wanted)


def _weight(wanted: Any) -> int:
    """With how many values a field's value is compared for one that is listed."""
    operand = wanted.get("anything-but") if isinstance(wanted, Mapping) else None
    if isinstance(operand, Mapping):
        operand = next(iter(operand.values()))
    return len(operand) if isinstance(operand, list) else 1


def _leaves(value: Any) -> Iterator[Any]:
    """The values of a field that can match: of a list each one, of an object none."""
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif not isinstance(value, Mapping) and value is not _ABSENT:
        yield value


def _value_matches(wanted: Any, leaves: Collection[Any]) -> bool:
    if not isinstance(wanted, Mapping):
        return any(_is_equal(wanted, leaf) for leaf in leaves)
    [(operator, operand)] = wanted.items()
    if operator == "exists":
        return bool(leaves) is operand
    if operator == "numeric":
        return any(_is_in_range(operand, leaf) for leaf in leaves)
    if operator == "anything-but":
        return any(_is_none_of(operand, leaf) for leaf in leaves)
    return any(_text_matches(operator, operand, leaf) for leaf in leaves)


def _is_equal(one: Any, other: Any) -> bool:
    # To Python, true is 1.
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _is_in_range(operand: list[Any], leaf: Any) -> bool:
    if isinstance(leaf, bool) or not isinstance(leaf, int | float | Decimal):
        return False
    pairs = zip(operand[::2], operand[1::2], strict=True)
    return all(_COMPARISONS[operator](float(leaf), number) for operator, number in pairs)


def _is_none_of(operand: Any, leaf: Any) -> bool:
    if isinstance(operand, Mapping):
        [(operator, texts)] = operand.items()
        each_of = texts if isinstance(texts, list) else [texts]
        return not any(_text_matches(operator, each, leaf) for each in each_of)
    return not any(
        _is_equal(each, leaf) for each in (operand if isinstance(operand, list) else [operand])
    )


def _text_matches(operator: str, operand: Any, leaf: Any) -> bool:
    if not isinstance(leaf, str):
        return False
    wanted: str = operand
    text: str = leaf
    if isinstance(operand, Mapping):
        wanted, text = operand["equals-ignore-case"].casefold(), text.casefold()
    if operator == "prefix":
        return text.startswith(wanted)
    if operator == "suffix":
        return text.endswith(wanted)
    if operator == "equals-ignore-case":
        return text.casefold() == wanted.casefold()
    return _is_like(_pieces(wanted), text)


def _pieces(wildcard: str) -> list[str]:
    """What stands between its asterisks; `\\*` and `\\\\` are the characters themselves. Raises ValueError."""
    pieces, escaped = [""], False
    for character in wildcard:
        if escaped:
            if character not in "*\\":
                raise ValueError("Behind a backslash stands an asterisk or another backslash.")
            pieces[-1] += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "*":
            pieces.append("")
        else:
            pieces[-1] += character
    if escaped:
        raise ValueError("Behind a backslash stands an asterisk or another backslash.")
    return pieces


def _is_like(pieces: list[str], text: str) -> bool:
    """Whether the pieces stand in the text one after the other, the first at its beginning, the last at its end.

    No piece is ever tried twice at a place, so it takes no longer than the text is long for each.
    """
    first, *middle = pieces
    if not middle:
        return text == first
    last = middle.pop()
    if not text.startswith(first):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, place, end) if end >= place else -1
        if found < 0:
            return False
        place = found + len(piece)
    return end >= place and text.endswith(last)


def _words(pattern: Pattern, path: str) -> Iterator[str]:
    for field, wanted in pattern.items():
        here = f"{path}.{field}" if path else field
        if field == OR:
            yield f"({' or '.join(' and '.join(_words(each, path)) for each in wanted)})"
        elif isinstance(wanted, Mapping):
            yield from _words(wanted, here)
        else:
            shown = here.removeprefix("detail.")
            yield f"{shown} {' or '.join(_words_of(each) for each in wanted)}"


def _words_of(value: Any) -> str:
    if not isinstance(value, Mapping):
        return f"is {_shown(value)}"
    [(operator, operand)] = value.items()
    if operator == "exists":
        return "is there" if operand else "is not there"
    if operator == "numeric":
        return f"is {' '.join(map(str, operand))}"
    if operator == "anything-but":
        if isinstance(operand, Mapping):
            [(inner, texts)] = operand.items()
            return f"has not {inner} {_shown(texts)}"
        return f"is not {_shown(operand)}"
    return {
        "prefix": "begins with {}",
        "suffix": "ends with {}",
        "equals-ignore-case": "is {} in any case",
        "wildcard": "is like {}",
    }[operator].format(_shown(operand))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{_shown(next(iter(value.values())))} in any case"
    if isinstance(value, list):
        return " or ".join(map(_shown, value))
    return value if isinstance(value, str) else json.dumps(value)
