"""Filter patterns of CloudWatch Logs: which log events a pattern selects.

Source: Amazon CloudWatch Logs User Guide, "Filter pattern syntax". There are three kinds:

- terms: `ERROR "not found"` (all of them), `?ERROR ?WARN` (any of them), `-DEBUG` (without it), `%4\\d\\d%` (a
  regular expression);
- JSON: `{ $.level = "error" && $.count > 3 }`, for events that are JSON objects;
- space-delimited: `[ip, user, ..., status = 4*, bytes]`, for events that are fields between spaces.

Upper and lower case differ. What is not in this syntax is refused, never guessed at.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jobs.domain.errors import InvalidInput

from .conditions import fields_pattern, json_pattern
from .expressions import expression
from .tokens import PatternError, Scanner

MAX_CHARACTERS = 1024
# In the time in which a text is read and decoded, RE2 at its slowest (texts made so that it has to keep many places
# of an expression in mind) goes through it with so many characters of an expression.
STEPS_PER_READING = 5
Matches = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which events are selected, and what it costs to look at one.

    `weight`: how many times as long as reading a text it may take to look for the pattern in it, at worst.
    """

    selects: Matches
    weight: int = 1


def parse(pattern: str) -> Pattern:
    """What a pattern selects. Raises InvalidInput (field `filterPattern`)."""
    scanner = Scanner(pattern.strip())
    try:
        selects = _parse(pattern.strip(), scanner)
    except PatternError as error:
        said = f"Invalid filter pattern: {error}."
        raise InvalidInput({"filterPattern": [said]}) from None
    return Pattern(selects, 1 + scanner.steps // STEPS_PER_READING)


def _parse(text: str, scanner: Scanner) -> Matches:
    if len(text) > MAX_CHARACTERS:
        raise PatternError(f"use at most {MAX_CHARACTERS} characters")
    if text.startswith("{"):
        return json_pattern(scanner)
    if text.startswith("["):
        return fields_pattern(scanner)
    return _terms(scanner)


def _terms(scanner: Scanner) -> Matches:
    """All plain terms, none of the excluded ones. Those with `?` count only where there are no others."""
    required: list[Matches] = []
    excluded: list[Matches] = []
    any_of: list[Matches] = []
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
        return expression(scanner)
    word = scanner.word()
    return lambda event: word in event
