"""Reads the text of a filter pattern piece by piece."""

# What ends a word that is not in quotes.
DELIMITERS = frozenset(' \t\r\n(){}[],=!<>&|"%')
SPACE = " \t\r\n"


class PatternError(Exception):
    """A pattern is not in the syntax; the text says where and what would be right."""


class Scanner:
    """A place in a pattern's text; all reading skips spaces first.

    `expressions`: how many regular expressions were read; `steps`: what they come to, in characters;
    `wildcards`: how many parts of property selectors name all values.
    """

    def __init__(self, text: str) -> None:
        self.expressions = 0
        self.steps = 0
        self.wildcards = 0
        self._text = text
        self._at = 0

    def at_end(self) -> bool:
        """Whether only spaces are left."""
        self._skip_space()
        return self._at >= len(self._text)

    def peek(self) -> str:
        """The next character; nothing at the end."""
        return "" if self.at_end() else self._text[self._at]

    def take(self, text: str) -> bool:
        """Whether this comes next; if so, it is read."""
        self._skip_space()
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def take_one_of(self, *texts: str) -> str:
        """The first of these that comes next; nothing if none does."""
        return next((text for text in texts if self.take(text)), "")

    def take_keyword(self, keyword: str) -> bool:
        """Whether this word, in any case, comes next; if so, it is read."""
        self._skip_space()
        end = self._at + len(keyword)
        if self._text[self._at : end].upper() != keyword:
            return False
        if end < len(self._text) and self._text[end] not in DELIMITERS:
            return False
        self._at = end
        return True

    def expect(self, text: str) -> None:
        """Reads this. Raises PatternError."""
        if not self.take(text):
            raise PatternError(f"there should be {text} {self.place()}")

    def word(self, more: str = "") -> str:
        """Characters up to a space or another delimiter that is not one of `more`. Raises PatternError."""
        self._skip_space()
        start = self._at
        while self._at < len(self._text) and (
            self._text[self._at] not in DELIMITERS or self._text[self._at] in more
        ):
            self._at += 1
        if self._at == start:
            raise PatternError(
                f"a term should stand {self.place()}: put other characters than letters, digits and _ "
                "between double quotes"
            )
        return self._text[start : self._at]

    def word_until(self, end: str) -> str:
        """A word that ends before this character, too. Raises PatternError."""
        word = self.word()
        first = word.partition(end)[0]
        if not first:
            raise PatternError(f"a name should stand before {word!r}")
        self._at -= len(word) - len(first)
        return first

    def quoted(self) -> str:
        r"""What stands between double quotes; \" and \\ stand for themselves. Raises PatternError."""
        self.expect('"')
        found: list[str] = []
        while self._at < len(self._text):
            letter = self._text[self._at]
            self._at += 1
            if letter == '"':
                return "".join(found)
            if letter == "\\" and self._text[self._at : self._at + 1] in ('"', "\\"):
                letter = self._text[self._at]
                self._at += 1
            found.append(letter)
        raise PatternError("a double quote is not closed")

    def between_percents(self) -> str:
        """A regular expression between percent signs. Raises PatternError."""
        self.expect("%")
        end = self._text.find("%", self._at)
        if end < 0:
            raise PatternError("a regular expression is not closed with %")
        found = self._text[self._at : end]
        self._at = end + 1
        return found

    def place(self) -> str:
        """Where it is, for messages."""
        rest = self._text[self._at : self._at + 20].strip()
        return f"before {rest!r}" if rest else "at its end"

    def _skip_space(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in SPACE:
            self._at += 1
