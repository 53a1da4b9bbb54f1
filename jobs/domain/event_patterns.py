"""EventBridge's event patterns: whether an event matches one, and what it says in words. Pure.

A pattern has the structure of the events that it matches: all its fields must match, of each one of the listed values.
Sources: EventBridge User Guide, "Event pattern syntax" and "Comparison operators for use in event patterns"; of what
these leave open, AWS's Event Ruler, which is EventBridge's own matching.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

Pattern = Mapping[str, Any]
OR = "$or"
MAX_SHOWN_CHARACTERS = 60
# Ours: an event of a job with thousands of variables would take seconds.
MAX_COMPARISONS = 20_000
# EventBridge's own: `numeric` is of no other values.
NUMERIC_LIMIT = 5 * 10**9
# What is found out of so long a list is remembered for the next event that has the same.
LONG = 50
OF_TEXTS = ("prefix", "suffix", "equals-ignore-case", "wildcard")
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda one, other: one == other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
# In place of the value of a field that is not there; null is a value.
_ABSENT = object()


class TooLarge(Exception):
    """To hold an event against a pattern takes more than `MAX_COMPARISONS`."""


def matches(pattern: Pattern, event: Mapping[str, Any]) -> bool:
    """Whether an event matches a pattern that `read_pattern` has taken; one that is too large does not."""
    try:
        return compares(pattern, event)
    except TooLarge:
        return False


class Seen:
    """What was found out of long lists, for events that share them: those of an array's children."""

    def __init__(self) -> None:
        # With what they are of, so that nothing else can have the id of it; None: it took too long.
        self._found: dict[tuple[int, int], tuple[Any, Any, bool | None, int]] = {}

    def get(self, wanted: Any, value: Any) -> tuple[bool | None, int]:
        """Whether it matches, and the comparisons that this took. Raises KeyError where nobody has looked."""
        return self._found[id(wanted), id(value)][2:]

    def put(self, wanted: Any, value: Any, found: bool | None, cost: int) -> None:
        self._found[id(wanted), id(value)] = wanted, value, found, cost


def compares(pattern: Pattern, event: Mapping[str, Any], seen: Seen | None = None) -> bool:
    """The same, but raises TooLarge. `seen`: of events and patterns that nobody changes as long as it is used."""
    return _matches(pattern, event, _Effort(seen or Seen()))


@dataclass(slots=True)
class _Effort:
    """How many values may still be compared."""

    seen: Seen
    left: int = MAX_COMPARISONS

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise TooLarge

    def once(self, wanted: Any, value: Any, ask: Callable[[], bool]) -> bool:
        """What `ask` finds out, or has found out before: for as much effort, and in no time."""
        before = self.left
        try:
            found, cost = self.seen.get(wanted, value)
        except KeyError:
            found, cost = None, -1
        if found is None and cost < before:
            # With less left it was too large; it may fit now.
            try:
                found = ask()
            except TooLarge:
                self.seen.put(wanted, value, None, before)
                raise
            self.seen.put(wanted, value, found, before - self.left)
            return found
        self.take(before + 1 if found is None else cost)
        return bool(found)


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


def _field_matches(wanted: Any, value: Any, effort: _Effort) -> bool:
    if isinstance(value, list) and len(value) >= LONG:
        return effort.once(wanted, value, lambda: _any_matches(wanted, value, effort))
    return _any_matches(wanted, value, effort)


def _any_matches(wanted: Any, value: Any, effort: _Effort) -> bool:
    if isinstance(wanted, Mapping):
        # What is no object has no fields, like what is not there: they may still be asked not to be.
        return _object_matches(wanted, list(_objects(value)) or [{}], effort)
    leaves = list(_leaves(value))
    effort.take(sum(map(_weight, wanted)) * max(len(leaves), 1))
    return any(_value_matches(each, leaves) for each in wanted)


def _object_matches(
    wanted: Pattern, objects: Collection[Mapping[str, Any]], effort: _Effort
) -> bool:
    """Whether one of the objects has all that is wanted. What none of them may have, all of them must not have.

    A field that is asked not to be there is looked for in the object that the other fields are in, as EventBridge does
    it; where there are no others, nothing says which object is meant.
    """
    branches = wanted.get(OR, ())
    if len(objects) > 1 and len(branches) > 1:
        return any(_object_matches({**wanted, OR: [each]}, objects, effort) for each in branches)
    absences = _absences(wanted) if len(objects) > 1 else None
    if absences is None:
        return any(_matches(wanted, each, effort) for each in objects)
    having = [each for each in objects if not _matches(absences, each, effort)]
    return not having or any(_matches(wanted, each, effort) for each in having)


def _absences(pattern: Pattern) -> dict[str, Any] | None:
    """What is left of a pattern that matches where no field is there; None: it does not."""
    found: dict[str, Any] = {}
    for name, wanted in pattern.items():
        if name == OR:
            part: Any = [each for each in map(_absences, wanted) if each is not None]
        elif isinstance(wanted, Mapping):
            part = _absences(wanted)
        else:
            part = [each for each in wanted if each == {"exists": False}]
        if not part:
            return None
        found[name] = part
    return found


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """A field's object, or those in its list, however deep."""
    if isinstance(value, list):
        for each in value:
            yield from _objects(each)
    elif isinstance(value, Mapping):
        yield value


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
    if operator == "cidr":
        return any(_is_address_in(network(operand), leaf) for leaf in leaves)
    if operator == "anything-but":
        return any(_is_none_of(operand, leaf) for leaf in leaves)
    return any(_text_matches(operator, operand, leaf) for leaf in leaves)


def _is_equal(one: Any, other: Any) -> bool:
    # As EventBridge does, 300 and 300.0 are told apart by how they are written. And to Python, true is 1.
    is_alike = isinstance(other, str) if isinstance(one, str) else type(one) is type(other)
    return is_alike and bool(one == other)


def _is_in_range(operand: list[Any], leaf: Any) -> bool:
    if isinstance(leaf, bool) or not isinstance(leaf, int | float):
        return False
    pairs = zip(operand[::2], operand[1::2], strict=True)
    return abs(leaf) <= NUMERIC_LIMIT and all(
        COMPARISONS[operator](leaf, number) for operator, number in pairs
    )


@lru_cache(maxsize=256)
def network(cidr: str) -> IPv4Network | IPv6Network:
    """The addresses of an IPv4 or IPv6 block such as 10.0.0.0/24. Raises ValueError for what is none."""
    address, slash, bits = cidr.partition("/")
    if not slash or not bits.isascii() or not bits.isdigit() or "%" in address:
        raise ValueError
    return ip_network(cidr, strict=False)


def _is_address_in(block: IPv4Network | IPv6Network, leaf: Any) -> bool:
    try:
        return isinstance(leaf, str) and ip_address(leaf) in block
    except ValueError:
        return False


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
    return _is_like(pieces_of(wanted), text)


def pieces_of(wildcard: str) -> list[str]:
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
        "cidr": "is an address in {}",
    }[operator].format(_shown(operand))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{_shown(next(iter(value.values())))} in any case"
    if isinstance(value, list):
        return " or ".join(map(_shown, value))
    return value if isinstance(value, str) else json.dumps(value)
