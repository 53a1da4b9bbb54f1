"""Regular expressions of filter patterns: a small language, matched in time linear in the text.

Source: Amazon CloudWatch Logs User Guide, "Supported regular expressions": letters, digits and some symbols,
classes, `.`, `^`, `$`, `|`, `*`, `+`, `?`, `{n,m}` and `\\`; no groups. Anybody may send one, so none is given to
a matcher that tries ways one after the other: RE2 tries all at once. What it does for each character of a text
still grows with the length of the expression: that is limited here, and counted for those who search.
"""

import re
from collections.abc import Callable

import re2

from .tokens import PatternError, Scanner

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_#=@/;,- ")
CLASSES = frozenset("dDwWsS")
# What all expressions of a pattern may come to, with {n,m} written out.
MAX_STEPS = 300
MAX_EXPRESSIONS = 5

_ATOM = re.compile(
    r"(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<hex>\\x[0-9A-Fa-f]{2})|(?P<escaped>\\.)|(?P<one>.)",
    re.DOTALL,
)
_IN_SET = re.compile(r"\\x[0-9A-Fa-f]{2}|\\.|.", re.DOTALL)
_COUNT = re.compile(r"\{(?P<least>[0-9]{1,3})(?P<comma>,)?(?P<most>[0-9]{1,3})?\}")


def expression(scanner: Scanner) -> Callable[[str], bool]:
    """Reads an expression between percent signs: what finds it in a text. Raises PatternError.

    `scanner.steps` grows by what it costs.
    """
    source = scanner.between_percents()
    scanner.expressions += 1
    if scanner.expressions > MAX_EXPRESSIONS:
        raise PatternError(f"use at most {MAX_EXPRESSIONS} regular expressions")
    if not source:
        raise PatternError("a regular expression is empty")
    ways = _split(source)
    text = "|".join(_way(parts) for parts in ways)
    scanner.steps += sum(_steps(parts) for parts in ways)
    if scanner.steps > MAX_STEPS:
        raise PatternError(
            f"regular expressions come to at most {MAX_STEPS} characters, with what is repeated written out"
        )
    return _search(text)


def _search(text: str) -> Callable[[str], bool]:
    """Raises PatternError for what RE2 does not take."""
    options = re2.Options()
    options.dot_nl = True
    options.never_capture = True
    options.log_errors = False
    try:
        # As bytes: to find places in a text that is not needed takes longer than the search.
        found = re2.compile(text.encode(), options)
    except re2.error:
        raise PatternError(f"RE2 does not take the regular expression {text}") from None
    finally:
        # It would keep 128 of them, with up to 8 MiB of memory each.
        re2.purge()
    # What JSON may hold and UTF-8 may not is no character that could be asked for.
    return lambda event: found.search(event.encode(errors="replace")) is not None


def _split(source: str) -> list[list[str]]:
    """The ways, each as its atoms and operators."""
    ways: list[list[str]] = [[]]
    at = 0
    while at < len(source):
        found = _COUNT.match(source, at) or _ATOM.match(source, at)
        assert found is not None
        at = found.end()
        if found.group() == "|":
            ways.append([])
        else:
            ways[-1].append(found.group())
    return ways


def _way(parts: list[str]) -> str:
    """What stands between two `|`, as RE2 has it."""
    from_start = parts[:1] == ["^"]
    to_end = parts[-1:] == ["$"]
    made: list[str] = []
    may_repeat = False
    for part in parts[int(from_start) : len(parts) - int(to_end)]:
        if _repeats(part):
            if not may_repeat:
                raise PatternError(f"{part} has nothing to repeat in a regular expression")
            made.append(part)
            may_repeat = False
        else:
            made.append(_kind(part))
            may_repeat = True
    return f"{'^' * from_start}{''.join(made)}{'$' * to_end}"


def _repeats(part: str) -> bool:
    return part in ("*", "+", "?") or _COUNT.fullmatch(part) is not None


def _steps(parts: list[str]) -> int:
    """How many characters they are, with {n,m} written out. Raises PatternError."""
    steps = sum(not _repeats(part) for part in parts)
    for part in parts:
        found = _COUNT.fullmatch(part)
        if found is None:
            continue
        least = int(found["least"])
        most = int(found["most"] or least)
        if most < least:
            raise PatternError(
                f"{part} in a regular expression: the first number is the larger one"
            )
        steps += max(most, 1) - 1
    return steps


def _kind(part: str) -> str:
    """One character, as RE2 has it. Raises PatternError."""
    if part.startswith("[") and len(part) > 1:
        return _set(part)
    if part.startswith("\\"):
        if not part.isascii():
            raise PatternError("a regular expression may only hold ASCII characters")
        return _escaped(part)
    if part == ".":
        return part
    if part not in PLAIN:
        raise PatternError(f"{part} is not supported in a regular expression here; try \\{part}")
    return _literal(part)


def _escaped(part: str) -> str:
    if len(part) == 1 or (len(part) == 2 and part[1].isalnum() and part[1] not in CLASSES):
        raise PatternError(f"{part} is not supported in a regular expression")
    return part if part[1].isalnum() else _literal(part[1])


def _literal(letter: str) -> str:
    """Written so that it stands for nothing but itself, also between brackets."""
    return letter if letter.isascii() and letter.isalnum() else f"\\x{{{ord(letter):x}}}"


def _set(part: str) -> str:
    negated = part.startswith("[^")
    letters = _IN_SET.findall(part[1 + negated : -1])
    made = (
        _escaped(letter) if len(letter) > 1 else letter if letter == "-" else _literal(letter)
        for letter in letters
    )
    text = f"[{'^' * negated}{''.join(made)}]"
    try:
        if letters:
            _search(text)
            return text
    except PatternError:
        pass
    raise PatternError(f"{part} is no class of characters in a regular expression")
