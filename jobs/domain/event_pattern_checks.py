"""Reading EventBridge's event patterns: what may stand in one, and what is wrong with it, each place named. Pure.

Sources: as of `event_patterns`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from .event_patterns import (
    COMPARISONS,
    MAX_SHOWN_CHARACTERS,
    NUMERIC_LIMIT,
    OF_TEXTS,
    OR,
    network,
    pieces_of,
)
from .validation import FieldError

# EventBridge's own quota is 2048 characters, and 4096 on request.
MAX_CHARACTERS = 4096
# Ours: no event is nested deeper.
MAX_DEPTH = 10
OPERATORS = (
    *OF_TEXTS,
    *("anything-but", "numeric", "cidr", "exists"),
)
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
    if operator in OF_TEXTS:
        return _problem_of_operand(operator, operand)
    if operator == "exists":
        return "" if isinstance(operand, bool) else "exists is true or false."
    if operator == "numeric":
        return _problem_of_numeric(operand)
    if operator == "cidr":
        return _problem_of_cidr(operand)
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
            pieces = pieces_of(operand)
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
        if not isinstance(operator, str) or operator not in COMPARISONS or not is_number:
            return told
        if abs(number) > NUMERIC_LIMIT:
            return "A number is between -5 and 5 thousand million."
    if len(operand) == 4 and (operand[0][0], operand[2][0]) != (">", "<"):
        return f"Of two comparisons the first says above what it is, the second below what: {told}"
    if len(operand) == 4 and operand[1] >= operand[3]:
        return "No number is above the one and below the other."
    return ""


def _problem_of_cidr(operand: object) -> str:
    try:
        network(operand if isinstance(operand, str) else "")
    except ValueError:
        return 'cidr has a block of IPv4 or IPv6 addresses, such as {"cidr": "10.0.0.0/24"}.'
    return ""


def _problem_of_anything_but(operand: object) -> str:
    if isinstance(operand, dict):
        if len(operand) != 1 or next(iter(operand)) not in OF_TEXTS:
            return f"anything-but has values, or an object with one of {', '.join(OF_TEXTS)}."
        [(operator, texts)] = operand.items()
        each_of = texts if isinstance(texts, list) and texts else [texts]
        return next(filter(None, (_problem_of_operand(operator, each) for each in each_of)), "")
    values = operand if isinstance(operand, list) else [operand]
    if not values or any(
        isinstance(value, list | dict | bool) or value is None for value in values
    ):
        return "anything-but has a text or a number, or a list of them."
    if len({isinstance(value, str) for value in values}) > 1:
        return "A list of anything-but has texts or numbers, and not both."
    return next(filter(None, map(_problem_of_text, values)), "")
