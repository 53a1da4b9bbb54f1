"""Text by strangers, made safe to look at: nothing in it can hide, reorder or overwrite what is shown.

Escaping HTML is the templates' part; here it is about characters that a screen obeys instead of showing.
"""

import re

# Switches of writing direction can make a text read as another one ("Trojan Source", CVE-2021-42574).
DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_UNSAFE = re.compile(f"[{CONTROL}{DIRECTION}\u2028\u2029]")
_DELETE = 0x7F
_CONTROL_PICTURES = 0x2400


def visible(text: str) -> str:
    """The text with such characters as symbols: ESC as U+241B, a right-to-left override as its
    number in brackets.

    Tabs and newlines stay.
    """
    return _UNSAFE.sub(lambda match: symbol(match.group()), text)


def in_json(text: str) -> str:
    """JSON text with such characters escaped: harmless to look at, and still the same value."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def symbol(character: str) -> str:
    """What stands for one character that must not be obeyed."""
    code = ord(character)
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code == _DELETE:
        return "\u2421"
    return f"[U+{code:04X}]"
