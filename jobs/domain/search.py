"""Words by which jobs are found: what a text is cut into, what a job's document holds, and what fits what is typed.

A document is words with a space on either side of each. Marks are words that nobody can type, because they hold a
character of Unicode's private use area, which is no letter: they say whose a job is, which queue's, and which tags
it has. Of texts with the same letters the same words are made, however they were written (Unicode's NFKC).
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from . import ids

WORD_LENGTH = 64
WORDS_AT_MOST = 200
# What a search looks for at most; what is typed behind them narrows nothing.
TYPED_WORDS_AT_MOST = 8
# Before words are made of it: a reason may hold a whole program's output.
TEXT_LENGTH = 4000

_WORD = re.compile(r"[^\W_]+")
_WHOLE_ID = re.compile(rf"(?<![0-9a-f]){ids.TEXT_PATTERN.pattern}(?![0-9a-f])")
# The blocks before the last are in no index: ids that end alike but for them, there are none.
_TAIL_OF_ID = re.compile(r"[\W_]*(?:[0-9a-f]{1,4}-){1,3}(?P<last>[0-9a-f]{12})[\W_]*")
_AROUND = re.compile(r"^[\W_]+|[\W_]+$")
_MARK = "\ue000"
# A word within one owner's documents, for the index of many documents.
_OWNED = "\ue001"
_OF = "\ue002"
# A mark of a tag holds so much of its hash.
_TAG_DIGITS = 16


def words(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, in lower case, in their order."""
    plain = unicodedata.normalize("NFKC", text[:TEXT_LENGTH]).lower()
    return [word[:WORD_LENGTH] for word in _WORD.findall(plain)]


def bare_id(text: str) -> str:
    """What of a text may be a job's id or its beginning: what was pasted has quotes, an ARN or an address around it."""
    plain = unicodedata.normalize("NFKC", text[:TEXT_LENGTH]).lower().replace("%3a", ":")
    found = {each.group() for each in _WHOLE_ID.finditer(plain)}
    return found.pop() if len(found) == 1 else _AROUND.sub("", plain)


def _typed_words(text: str) -> list[str]:
    """The words that are sought; of the last blocks of an id the last one, which alone is a word of its job."""
    tail = _TAIL_OF_ID.fullmatch(text[:TEXT_LENGTH].lower())
    return words(tail["last"] if tail else text)


def owner_mark(owner_id: int) -> str:
    return f"{_MARK}o{owner_id}"


def queue_mark(queue_id: int) -> str:
    return f"{_MARK}q{queue_id}"


def tag_mark(tag: str) -> str:
    """The mark of a tag as `key=value`, or of all tags with a key."""
    digest = hashlib.sha256(tag.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_MARK}t{digest[:_TAG_DIGITS]}"


def tag_marks(tags: Iterable[tuple[str, str]]) -> list[str]:
    """What a job with these tags is found by: each key, and each key with its value."""
    return [tag_mark(text) for key, value in tags for text in (key, f"{key}={value}")]


def owned(owner_id: int, word: str) -> str:
    """The word as one of the documents of this owner."""
    return f"{_OWNED}{owner_id}{_OF}{word}"


def document(*, texts: Iterable[str], marks: Iterable[str]) -> str:
    """What is kept of a job: the words of its texts, each once and the first so many of them, and its marks."""
    found: dict[str, None] = {}
    for text in texts:
        found.update(dict.fromkeys(words(text)))
        if len(found) >= WORDS_AT_MOST:
            break
    kept = list(found)[:WORDS_AT_MOST]
    return f" {' '.join([*kept, *marks])} "


def indexed_words(text: str) -> set[str]:
    """What the index of several documents holds for one of them: its words, and these again as its owner's words."""
    own = set(text.split())
    prefix = f"{_MARK}o"
    owners = [word.removeprefix(prefix) for word in own if word.startswith(prefix)]
    return own | {owned(int(owner), word) for owner in owners for word in own}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What documents are sought: beginnings of words, all of which must be there, and marks, likewise.

    `owner_id`: those of one owner only.
    """

    beginnings: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    owner_id: int | None = None

    def __bool__(self) -> bool:
        return bool(self.beginnings or self.marks)

    def parts(self) -> list[str]:
        """What a document's text holds, each somewhere, if it is sought."""
        marks = [*self.marks, *([] if self.owner_id is None else [owner_mark(self.owner_id)])]
        return [f" {start}" for start in self.beginnings] + [f" {mark} " for mark in marks]

    def fits(self, text: str) -> bool:
        """Whether a document is one of those sought."""
        return all(part in text for part in self.parts())

    def index_terms(self) -> "list[Term]":
        """What the index of several documents must hold, if one of these may be sought."""
        if self.owner_id is None:
            return self._terms()
        if not self:
            return [Term(owner_mark(self.owner_id), is_whole=True)]
        owner = self.owner_id
        return [Term(owned(owner, term.text), is_whole=term.is_whole) for term in self._terms()]

    def _terms(self) -> "list[Term]":
        # Beginnings of one letter are in every block: to look for them would only cost.
        longer = [start for start in self.beginnings if len(start) > 1] or self.beginnings
        return [Term(start, is_whole=False) for start in longer] + [
            Term(mark, is_whole=True) for mark in self.marks
        ]


class Term(NamedTuple):
    """A whole word of an index, or the beginning of one."""

    text: str
    is_whole: bool


def wanted(
    *, text: str = "", tag: str = "", owner_id: int | None = None, queue_ids: Iterable[int] = ()
) -> Wanted:
    """What somebody types, a tag (`key` or `key=value`), an owner's id and a queue's, as what is sought."""
    marks = [tag_mark(tag)] if tag else []
    marks += [queue_mark(each) for each in queue_ids]
    typed = dict.fromkeys(_typed_words(text))
    return Wanted(tuple(typed)[:TYPED_WORDS_AT_MOST], tuple(marks), owner_id)


class Piece(NamedTuple):
    """A part of a text, and whether it is a word that was sought."""

    text: str
    is_match: bool


def pieces(text: str, beginnings: Iterable[str]) -> list[Piece]:
    """A text cut where words begin and end that begin as sought, so that these can be marked."""
    return list(_pieces(text, tuple(beginnings)))


def _pieces(text: str, starts: tuple[str, ...]) -> Iterator[Piece]:
    at = 0
    for found in _WORD.finditer(text):
        if any(word.startswith(starts) for word in words(found.group())):
            if found.start() > at:
                yield Piece(text[at : found.start()], is_match=False)
            yield Piece(found.group(), is_match=True)
            at = found.end()
    if at < len(text):
        yield Piece(text[at:], is_match=False)


def excerpt(text: str, beginnings: Iterable[str], *, length: int) -> str:
    """So much of a long text as can be shown, with the first word that was sought, from the beginning of a word on."""
    if len(text) <= length:
        return text
    at = 0
    for piece in pieces(text, beginnings):
        if piece.is_match:
            break
        at += len(piece.text)
    starts_at = 0
    if length < at < len(text):
        starts_at = text.find(" ", at - length // 3, at) + 1 or at
    part = text[starts_at : starts_at + length]
    behind = starts_at + length < len(text)
    return f"{'… ' if starts_at else ''}{part}{'…' if behind else ''}"
