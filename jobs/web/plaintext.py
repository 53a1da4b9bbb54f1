"""Text by strangers, made safe to look at: nothing in it can hide, reorder or overwrite what is shown.

Escaping HTML is the templates' part; here it is about characters that a screen obeys instead of showing.
"""

import re

# Switches of writing direction can make a text read as another one ("Trojan Source", CVE-2021-42574).
DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# What nobody sees: spaces of no width, marks of annotations, and the tags by which text is hidden in text. Joiners
# stay: scripts and emoji are written with them.
UNSEEN = "\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_UNSAFE = re.compile(f"[{CONTROL}{DIRECTION}{UNSEEN}\u2028\u2029]")
# Marks that are drawn over what stands before them; of very many, over what stands above, too.
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_MANY_MARKS = re.compile(f"([{_MARKS}]{{8}})[{_MARKS}]+")
_FIRST_MARK = re.compile(f"^(?=[{_MARKS}])")
_PLACE_OF_A_MARK = "\u25cc"
# Spreadsheets set to Japanese obey the signs of full width as well.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_DELETE = 0x7F
_CONTROL_PICTURES = 0x2400


def visible(text: str) -> str:
    """The text with such characters as symbols: ESC as U+241B, a right-to-left override as its
    number in brackets.

    Tabs and newlines stay. A mark that would be drawn over what stands before the text has a circle of its own, and
    of a stack of marks only the first few are left.
    """
    shown = _UNSAFE.sub(lambda match: symbol(match.group()), text)
    shown = _MANY_MARKS.sub(_with_few_marks, shown)
    return _FIRST_MARK.sub(_PLACE_OF_A_MARK, shown)


def cell(text: str) -> str:
    """The same for a cell of CSV, with an apostrophe in front of what a spreadsheet would take for a formula, and
    carry out."""
    shown = visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA_STARTS) else shown


def in_json(text: str) -> str:
    """JSON text with such characters escaped: harmless to look at, and still the same value."""
    return _UNSAFE.sub(lambda match: _escaped(match.group()), text)


def _escaped(character: str) -> str:
    # Beyond the first plane JSON has two escapes for one character.
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _with_few_marks(match: re.Match[str]) -> str:
    return f"{match[1]}[+{len(match[0]) - len(match[1])} marks]"


def symbol(character: str) -> str:
    """What stands for one character that must not be obeyed."""
    code = ord(character)
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code == _DELETE:
        return "\u2421"
    return f"[U+{code:04X}]"
