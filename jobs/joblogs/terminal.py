"""Escape sequences of terminals: what a screen would obey, and a reader does not see."""

import re

# Colours (SGR) have their `parameters`; then other CSI sequences; then operating system commands and strings up
# to their end, or the line's; then short ones. None reaches beyond its line.
ESCAPE = re.compile(
    r"\x1b\[(?P<parameters>[0-9;:]*)m"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"
    r"|\x1b[ -/]*[0-~]",
    re.MULTILINE,
)


def without_escapes(text: str) -> str:
    """The text, of any number of lines, as it is read: without escape sequences."""
    return ESCAPE.sub("", text) if "\x1b" in text or "\x9b" in text else text
