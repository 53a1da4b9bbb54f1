"""Filter patterns of CloudWatch Logs: which log events a pattern selects.

Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax". There are three kinds:

- terms: `ERROR "not found"` (all of them), `?ERROR ?WARN` (any of them), `-DEBUG` (without it), `%4\\d\\d%` (a
  regular expression);
- JSON: `{ $.level = "error" && $.count > 3 }`, for events that are JSON objects;
- space-delimited: `[ip, user, ..., status = 4*, bytes]`, for events that are fields between spaces.

Upper and lower case differ. What is not in this syntax is refused, never guessed at.
"""

from collections.abc import Callable

from .errors import InvalidInput
from .filter_conditions import fields_pattern, json_pattern
from .filter_regex import compiled
from .filter_tokens import PatternError, Scanner

MAX_CHARACTERS = 1024
Matches = Callable[[str], bool]


def parse(pattern: str) -> Matches:
    """What a pattern selects, as a function of an event's text. Raises InvalidInput (field `filterPattern`)."""
    try:
        return _parse(pattern.strip())
    except PatternError as error:
        said = f"Invalid filter pattern: {error}."
        raise InvalidInput({"filterPattern": [said]}) from None


def _parse(text: str) -> Matches:
    if len(text) > MAX_CHARACTERS:
        raise PatternError(f"use at most {MAX_CHARACTERS} characters")
    if text.startswith("{"):
        return json_pattern(text)
    if text.startswith("["):
        return fields_pattern(text)
    return _terms(text)


def _terms(text: str) -> Matches:
    """All plain terms, none of the excluded ones. Those with `?` count only where there are no others."""
    required: list[Matches] = []
    excluded: list[Matches] = []
    any_of: list[Matches] = []
    scanner = Scanner(text)
    while not scanner.at_end():
        sign = scanner.take_one_of("-", "?")
        term = _term(scanner)
        {"-": excluded, "?": any_of, "": required}[sign].append(term)
    if required or excluded:
        return lambda event: (
            all(term(event) for term in required) and not any(term(event) for term in excluded)
        )
    if any_of:
        return lambda event: any(term(event) for term in any_of)
    return lambda event: True


def _term(scanner: Scanner) -> Matches:
    if scanner.peek() == '"':
        phrase = scanner.quoted()
        return lambda event: phrase in event
    if scanner.peek() == "%":
        expression = compiled(scanner.between_percents())
        return lambda event: expression.search(event) is not None
    word = scanner.word()
    return lambda event: word in event
