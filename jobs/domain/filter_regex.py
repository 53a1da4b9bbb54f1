"""Regular expressions of filter patterns: a small language, matched in time linear in the text.

Source: Amazon CloudWatch Logs User Guide, "Supported regular expressions": letters, digits and some symbols,
classes, `.`, `^`, `$`, `|`, `*`, `+`, `?`, `{n,m}` and `\\`; no groups. Anybody may send one, so none is given to
a matcher that tries ways one after the other: all are tried at once, as bits of one number.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .filter_tokens import PatternError

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_#=@/;,- ")
CLASSES = frozenset("dDwWsS")
# What {n,m} may come to altogether.
MAX_STEPS = 1000

_ATOM = re.compile(
    r"(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<hex>\\x[0-9A-Fa-f]{2})|(?P<escaped>\\.)|(?P<one>.)",
    re.DOTALL,
)
_COUNT = re.compile(r"\{(?P<least>[0-9]{1,3})(?P<comma>,)?(?P<most>[0-9]{1,3})?\}")


class Expression(Protocol):
    """Something that finds itself in a text."""

    def search(self, text: str, /) -> object | None: ...


class _Step(NamedTuple):
    """One character: what it may be, and whether it may be left out or come again."""

    kind: re.Pattern[str]
    optional: bool = False
    repeats: bool = False


class _Way(NamedTuple):
    """What stands between two `|`."""

    steps: list[_Step]
    from_start: bool
    to_end: bool


def compiled(source: str) -> Expression:
    """The expression. Raises PatternError for what is not in the language."""
    if not source:
        raise PatternError("a regular expression is empty")
    ways = [_way(part) for part in _split(source)]
    if sum(len(way.steps) for way in ways) > MAX_STEPS:
        raise PatternError("a regular expression repeats too much")
    return _automaton(ways)


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


def _way(parts: list[str]) -> _Way:
    from_start = parts[:1] == ["^"]
    to_end = parts[-1:] == ["$"]
    steps: list[_Step] = []
    last: _Step | None = None
    for part in parts[int(from_start) : len(parts) - int(to_end)]:
        if part in ("*", "+", "?") or _COUNT.fullmatch(part):
            if last is None:
                raise PatternError(f"{part} has nothing to repeat in a regular expression")
            steps[-1:] = _repeated(last, part)
            last = None
        else:
            last = _Step(_kind(part))
            steps.append(last)
    return _Way(steps, from_start, to_end)


def _repeated(step: _Step, operator: str) -> list[_Step]:
    kind = step.kind
    if operator == "*":
        return [_Step(kind, optional=True, repeats=True)]
    if operator == "+":
        return [_Step(kind, repeats=True)]
    if operator == "?":
        return [_Step(kind, optional=True)]
    found = _COUNT.fullmatch(operator)
    assert found is not None
    least = int(found["least"])
    if not found["comma"]:
        return [_Step(kind)] * least
    if not found["most"]:
        return [*[_Step(kind)] * least, _Step(kind, optional=True, repeats=True)]
    if int(found["most"]) < least:
        raise PatternError(
            f"{operator} in a regular expression: the first number is the larger one"
        )
    return [*[_Step(kind)] * least, *[_Step(kind, optional=True)] * (int(found["most"]) - least)]


def _kind(part: str) -> re.Pattern[str]:
    if part.startswith("[") and len(part) > 1:
        return _set(part)
    if part.startswith("\\"):
        if len(part) == 1 or (len(part) == 2 and part[1].isalnum() and part[1] not in CLASSES):
            raise PatternError(f"{part} is not supported in a regular expression")
        if not part.isascii():
            raise PatternError("a regular expression may only hold ASCII characters")
        return re.compile(part)
    if part == ".":
        return re.compile(".", re.DOTALL)
    if part not in PLAIN:
        raise PatternError(f"{part} is not supported in a regular expression here; try \\{part}")
    return re.compile(re.escape(part))


def _set(part: str) -> re.Pattern[str]:
    letters = re.findall(r"\\x[0-9A-Fa-f]{2}|\\.|.", part[1:-1], re.DOTALL)
    for letter in letters:
        if len(letter) == 2 and letter[1].isalnum() and letter[1] not in CLASSES:
            raise PatternError(f"{letter} is not supported in a regular expression")
    # Signs with which Python would write operations on sets, which are not in the language.
    safe = (f"\\{letter}" if letter in "[&~|" else letter for letter in letters)
    try:
        return re.compile(f"[{''.join(safe).replace('--', '-' + chr(92) + '-')}]")
    except re.error:
        raise PatternError(f"{part} is no class of characters in a regular expression") from None


@dataclass(slots=True)
class _Automaton:
    """Bit i: all before step i of the ways, one behind the other, has been seen."""

    kinds: list[re.Pattern[str] | None]
    optional: int
    repeats: int
    begin_at_start: int
    begin_anywhere: int
    found: int
    found_at_end: int
    masks: dict[str, int]

    def search(self, text: str, /) -> bool | None:
        """True if the text holds it anywhere, else None."""
        now = self._skip(self.begin_at_start | self.begin_anywhere)
        begin = self._skip(self.begin_anywhere)
        for letter in text:
            if now & self.found:
                return True
            mask = self.masks.get(letter)
            if mask is None:
                mask = self._mask(letter)
            seen = now & mask
            now = self._skip((seen << 1) | (seen & self.repeats)) | begin
        return True if now & (self.found | self.found_at_end) else None

    def _skip(self, bits: int) -> int:
        """Also what is reached when optional steps are left out."""
        while (more := bits | ((bits & self.optional) << 1)) != bits:
            bits = more
        return bits

    def _mask(self, letter: str) -> int:
        mask = sum(1 << at for at, kind in enumerate(self.kinds) if kind and kind.fullmatch(letter))
        self.masks[letter] = mask
        return mask


def _automaton(ways: list[_Way]) -> _Automaton:
    made = _Automaton([], 0, 0, 0, 0, 0, 0, {})
    for way in ways:
        begin = 1 << len(made.kinds)
        made.begin_at_start |= begin
        if not way.from_start:
            made.begin_anywhere |= begin
        for step in way.steps:
            bit = 1 << len(made.kinds)
            made.optional |= bit if step.optional else 0
            made.repeats |= bit if step.repeats else 0
            made.kinds.append(step.kind)
        end = 1 << len(made.kinds)
        # A step of its own, that nothing matches: the end of one way is not the beginning of the next.
        made.kinds.append(None)
        if way.to_end:
            made.found_at_end |= end
        else:
            made.found |= end
    return made
