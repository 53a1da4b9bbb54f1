"""Filter patterns with conditions: JSON patterns and space-delimited ones. See `patterns`."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jobs.domain.numbers import is_whole

from .expressions import expression
from .tokens import PatternError, Scanner

Matches = Callable[[str], bool]
Condition = Callable[[Any], bool]
# One step of a property selector: a key, an index, or None for all.
Step = str | int | None

OPERATORS = ("!=", "<=", ">=", "=", "<", ">")
# What a word may hold beside letters and digits; a field's value has brackets nowhere.
IN_VALUES = "*"
MAX_DEPTH = 20
# As AWS has it: each may name all values of an event, and each of those is looked at.
MAX_WILDCARDS = 3
# Digits can be read in one way only: who could read them in two would try both for each of them.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_START = re.compile(r"\S")
_PLAIN = re.compile(r"\S+")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)


def json_pattern(scanner: Scanner) -> Matches:
    """`{ conditions }` over an event's JSON; events that are no JSON do not match. Raises PatternError."""
    scanner.expect("{")
    holds = _expression(scanner, _json_condition, 0)
    scanner.expect("}")
    _expect_end(scanner)

    def matches(event: str) -> bool:
        try:
            value = json.loads(event)
        except (ValueError, RecursionError):
            return False
        return holds(value)

    return matches


def _expression(scanner: Scanner, read: Callable[[Scanner], Condition], depth: int) -> Condition:
    """Conditions with && (which binds more closely), || and parentheses."""
    if depth > MAX_DEPTH:
        raise PatternError(f"use at most {MAX_DEPTH} parentheses within each other")
    either = [_all(scanner, read, depth)]
    while scanner.take("||"):
        either.append(_all(scanner, read, depth))
    return either[0] if len(either) == 1 else lambda value: any(each(value) for each in either)


def _all(scanner: Scanner, read: Callable[[Scanner], Condition], depth: int) -> Condition:
    every = [_one(scanner, read, depth)]
    while scanner.take("&&"):
        every.append(_one(scanner, read, depth))
    return every[0] if len(every) == 1 else lambda value: all(each(value) for each in every)


def _one(scanner: Scanner, read: Callable[[Scanner], Condition], depth: int) -> Condition:
    if not scanner.take("("):
        return read(scanner)
    inside = _expression(scanner, read, depth + 1)
    scanner.expect(")")
    return inside


def _json_condition(scanner: Scanner) -> Condition:
    steps = _selector(scanner)
    if scanner.take_keyword("NOT"):
        if not scanner.take_keyword("EXISTS"):
            raise PatternError(f"NOT is followed by EXISTS only, {scanner.place()}")
        return lambda value: next(_selected(value, steps), _NOTHING) is _NOTHING
    if scanner.take_keyword("EXISTS"):
        return lambda value: next(_selected(value, steps), _NOTHING) is not _NOTHING
    if scanner.take_keyword("IS"):
        for word, wanted in (("TRUE", True), ("FALSE", False), ("NULL", None)):
            if scanner.take_keyword(word):
                return lambda value: any(each is wanted for each in _selected(value, steps))
        raise PatternError(f"IS is followed by TRUE, FALSE or NULL, {scanner.place()}")
    test = _comparison(scanner)
    return lambda value: any(test(each) for each in _selected(value, steps))


_NOTHING = object()


def _selector(scanner: Scanner) -> list[Step]:
    """`$.user.id`, `$.users[0].email`, `$.users[*]`, `$.['a.b']`, `$.*`."""
    scanner.expect("$")
    steps: list[Step] = []
    while True:
        dot = scanner.take(".")
        if scanner.take("["):
            steps.append(_in_brackets(scanner))
        elif dot:
            steps.append(None if scanner.take("*") else _name(scanner))
        else:
            break
        if len(steps) > MAX_DEPTH:
            raise PatternError(f"a property selector has at most {MAX_DEPTH} parts")
        scanner.wildcards += steps[-1] is None
        if scanner.wildcards > MAX_WILDCARDS:
            raise PatternError(f"use at most {MAX_WILDCARDS} * in property selectors")
    if not steps:
        raise PatternError("a property selector is like $.name")
    return steps


def _in_brackets(scanner: Scanner) -> Step:
    step: Step
    if scanner.take("*"):
        step = None
    elif scanner.peek() == '"':
        step = scanner.quoted()
    else:
        word = scanner.word()
        if word[0] == "'" and len(word) > 2 and word[-1] == "'":
            step = word[1:-1]
        elif is_whole(word, digits=9):
            step = int(word)
        else:
            raise PatternError(
                f"between [ and ] stands an index, * or a name in quotes, not {word}"
            )
    scanner.expect("]")
    return step


def _name(scanner: Scanner) -> str:
    return scanner.word_until(".")


def _selected(value: Any, steps: Sequence[Step]) -> Iterator[Any]:
    """All that a selector names in a value."""
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    found: Sequence[Any] = ()
    if step is None:
        found = list(value.values()) if isinstance(value, dict) else value
        found = found if isinstance(found, list) else ()
    elif isinstance(step, int):
        found = value[step : step + 1] if isinstance(value, list) else ()
    elif isinstance(value, dict) and step in value:
        found = (value[step],)
    for each in found:
        yield from _selected(each, rest)


def _comparison(scanner: Scanner) -> Condition:
    """An operator and what stands right of it."""
    operator = scanner.take_one_of(*OPERATORS)
    if not operator:
        raise PatternError(f"there should be one of {' '.join(OPERATORS)} {scanner.place()}")
    if operator not in ("=", "!="):
        return _order(operator, scanner.word())
    equal = _equality(scanner)
    if operator == "=":
        return equal
    # Of an object or a list nobody can say what it is equal to.
    return lambda value: not isinstance(value, dict | list) and not equal(value)


def _order(operator: str, text: str) -> Condition:
    wanted = _number(text)
    if wanted is None:
        raise PatternError(f"{operator} compares numbers, and {text} is none")
    tests: dict[str, Callable[[float], bool]] = {
        "<": lambda number: number < wanted,
        "<=": lambda number: number <= wanted,
        ">": lambda number: number > wanted,
        ">=": lambda number: number >= wanted,
    }
    test = tests[operator]
    return lambda value: (number := _number(value)) is not None and test(number)


def _equality(scanner: Scanner) -> Condition:
    if scanner.peek() == "%":
        found_in = expression(scanner)
        return lambda value: found_in(_text(value))
    is_quoted = scanner.peek() == '"'
    text = scanner.quoted() if is_quoted else scanner.word(IN_VALUES)
    if "*" in text:
        like = _wildcards(text)
        return lambda value: like(_text(value))
    wanted = None if is_quoted else _number(text)
    if wanted is None:
        return lambda value: not isinstance(value, bool) and _text(value) == text
    return lambda value: _text(value) == text or _number(value) == wanted


def _wildcards(text: str) -> Matches:
    """`*` stands for any characters, also none. Linear in the text."""
    first, *middle, last = text.split("*")

    def matches(value: str) -> bool:
        if len(value) < len(first) + len(last):
            return False
        if not value.startswith(first) or not value.endswith(last):
            return False
        at, end = len(first), len(value) - len(last)
        for part in middle:
            at = value.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return matches


def _text(value: object) -> str:
    """A value as it is compared with words: numbers as JSON writes them, lists and objects as nothing."""
    if isinstance(value, str):
        return value
    return "" if isinstance(value, dict | list) else json.dumps(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    return None


def fields_pattern(scanner: Scanner) -> Matches:
    """`[a, b = 4*, ...]` over an event's fields; the last one takes the rest. Raises PatternError."""
    scanner.expect("[")
    before: list[Condition] = []
    after: list[Condition] | None = None
    while True:
        if scanner.take("..."):
            if after is not None:
                raise PatternError("... may stand there once")
            after = []
        else:
            (before if after is None else after).append(_field(scanner))
        if not scanner.take(","):
            break
    scanner.expect("]")
    _expect_end(scanner)
    if after is None:
        return lambda event: _holds_all(before, _fields(event, len(before)))
    return lambda event: _holds_around(before, after, _fields(event))


def _field(scanner: Scanner) -> Condition:
    """A field's name, alone or with conditions."""
    named: list[str] = []

    def condition(scanner: Scanner) -> Condition:
        name = scanner.word()
        if named and named[0] != name:
            raise PatternError(f"{name}: the conditions of one field are all about {named[0]}")
        named.append(name)
        if scanner.peek() in (",", "]", ""):
            return lambda value: True
        return _comparison(scanner)

    return _expression(scanner, condition, 0)


def _fields(event: str, count: int | None = None) -> list[str]:
    """What stands between spaces; [...] and "..." count as one. With `count`, the last takes the rest.

    Linear in the event.
    """
    found: list[str] = []
    last_bracket, end = event.rfind("]"), 0
    while (first := _START.search(event, end)) is not None:
        start = first.start()
        text, end = _field_at(event, start, last_bracket)
        if count is not None and len(found) == count - 1:
            all_of_it = event.rstrip()
            found.append(text if end == len(all_of_it) else all_of_it[start:])
            break
        found.append(text)
    return found


def _field_at(event: str, start: int, last_bracket: int) -> tuple[str, int]:
    """The field that begins here, and where it ends."""
    # Without the place of the last one, the end would be looked for behind each [ to no avail.
    if event[start] == "[" and start < last_bracket:
        end = event.index("]", start)
        return event[start + 1 : end], end + 1
    # A quote that is not closed is the last one: this is tried in vain once.
    if event[start] == '"' and (quoted := _QUOTED.match(event, start)) is not None:
        return quoted.group()[1:-1], quoted.end()
    plain = _PLAIN.match(event, start)
    assert plain is not None
    return plain.group(), plain.end()


def _holds_all(conditions: Sequence[Condition], fields: Sequence[str]) -> bool:
    return len(fields) == len(conditions) and all(
        condition(field) for condition, field in zip(conditions, fields, strict=True)
    )


def _holds_around(
    before: Sequence[Condition], after: Sequence[Condition], fields: Sequence[str]
) -> bool:
    if len(fields) < len(before) + len(after):
        return False
    last = fields[len(fields) - len(after) :]
    return _holds_all(before, fields[: len(before)]) and _holds_all(after, last)


def _expect_end(scanner: Scanner) -> None:
    if not scanner.at_end():
        raise PatternError(f"nothing should stand {scanner.place()}")
