"""Patterns of access policies: `*` for any characters, `?` for one, `${aws:username}` for who asks.

Source: IAM User Guide, "IAM JSON policy elements: Resource" and "Variables and tags".
"""

import re
from enum import Enum
from functools import lru_cache

USERNAME = "aws:username"
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
# Characters that a pattern would take for its own, written as variables.
_LITERALS = {"*": "*", "?": "?", "$": "$"}


class _Wild(Enum):
    ANY = "*"
    ONE = "?"


_Part = str | _Wild


def unknown_variables(pattern: str) -> list[str]:
    """The variables of a pattern that stand for nothing here."""
    names = _VARIABLE.findall(pattern)
    return [each for each in names if each.lower() != USERNAME and each not in _LITERALS]


def filled(text: str, username: str) -> str:
    """A text with its variables replaced, where it is no pattern."""
    return _VARIABLE.sub(lambda found: _LITERALS.get(found[1], username), text)


def matches(pattern: str, text: str, *, username: str = "", ignore_case: bool = False) -> bool:
    """Whether a text is as the pattern says. Takes at most the product of their lengths, whatever they are."""
    if ignore_case:
        pattern, text, username = pattern.lower(), text.lower(), username.lower()
    return _matches(_parts(pattern, username), text)


@lru_cache(maxsize=1024)
def _parts(pattern: str, username: str) -> tuple[_Part, ...]:
    """Its characters; what stands for a variable is never taken for a wildcard."""
    parts: list[_Part] = []
    end = 0
    for found in _VARIABLE.finditer(pattern):
        parts += _wild(pattern[end : found.start()])
        parts += list(_LITERALS.get(found[1], username))
        end = found.end()
    return (*parts, *_wild(pattern[end:]))


def _wild(text: str) -> list[_Part]:
    return [_Wild(each) if each in "*?" else each for each in text]


def _matches(parts: tuple[_Part, ...], text: str) -> bool:
    """Goes back to the last `*` alone: those before it can only match less."""
    at = place = 0
    star, since = -1, 0
    while at < len(text):
        part = parts[place] if place < len(parts) else None
        if part is _Wild.ANY:
            star, since = place, at
            place += 1
        elif part is _Wild.ONE or part == text[at]:
            at += 1
            place += 1
        elif star >= 0:
            since += 1
            at, place = since, star + 1
        else:
            return False
    return all(part is _Wild.ANY for part in parts[place:])
