"""Log lines as HTML: colours kept, everything else that a terminal would obey made harmless.

Bytes come from a container that may be hostile. They are decoded as UTF-8 with replacement, SGR sequences become
classes, other escape sequences are dropped, control characters are shown as symbols, and all text is escaped.
Colours begin anew on each line: lines are shown from anywhere in the log.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any

from jobs.joblogs.terminal import ESCAPE
from jobs.selectors.logs.lines import LogLine
from jobs.selectors.logs.search import FoundLine

from .plaintext import symbol, visible

# Longer lines are cut for the page; the download has all of them.
SHOWN_BYTES = 2048
# Pieces of one very long line (the engine cuts at 16 KiB) after the first show only their beginning.
SHOWN_BYTES_OF_PIECE = 256


@dataclass(frozen=True, slots=True)
class Style:
    """What SGR sequences have switched on. Colours are 0 to 255 in xterm's palette; None: the usual."""

    foreground: int | None = None
    background: int | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False
    strike: bool = False

    def classes(self) -> str:
        """CSS classes of static/css/ansi.css."""
        names = []
        foreground, background = self.foreground, self.background
        if self.inverse:
            names.append("a-inv")
            foreground, background = background, foreground
        if foreground is not None:
            names.append(f"f-{foreground}")
        if background is not None:
            names.append(f"b-{background}")
        switches = ("bold", "dim", "italic", "underline", "strike")
        return " ".join(names + [f"a-{name}" for name in switches if getattr(self, name)])


PLAIN = Style()
_SWITCHES: dict[int, dict[str, Any]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    7: {"inverse": True},
    9: {"strike": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    27: {"inverse": False},
    29: {"strike": False},
    39: {"foreground": None},
    49: {"background": None},
}


def render_lines(lines: Iterable[LogLine], *, within_line: bool = False) -> str:
    """Rows of the log viewer. `within_line`: the first one goes on with a line begun before."""
    rows = []
    pieces = {"stdout": within_line, "stderr": within_line}
    for line in lines:
        rows.append(_row(line, is_piece=pieces.get(line.source, False)))
        pieces[line.source] = line.continued
    return "".join(rows)


def render_found(found: Iterable[FoundLine]) -> str:
    """Rows of lines that need not follow each other."""
    return "".join(_row(each.line, is_piece=each.is_piece) for each in found)


def plain_text(line: LogLine) -> str:
    """A line's text for scripts: decoded, whole, with nothing taken away."""
    return line.data.decode("utf-8", "replace")


def line_time(line: LogLine) -> datetime:
    """When the engine read the line (to the microsecond)."""
    return datetime.fromtimestamp(line.ns // 1_000_000_000, UTC).replace(
        microsecond=line.ns // 1000 % 1_000_000
    )


def _row(line: LogLine, *, is_piece: bool) -> str:
    number = line.number + 1
    at = line_time(line)
    classes = "bw-ll" + (" bw-ll-err" if line.source == "stderr" else "")
    classes += " bw-ll-piece" if is_piece else ""
    return (
        f'<div class="{classes}" id="L{number}" data-n="{number}">'
        f'<a class="bw-ln" href="#L{number}" aria-label="Line {number}">{number}</a>'
        f'<time class="bw-lt" datetime="{at.isoformat()}">{at:%H:%M:%S}.{at.microsecond // 1000:03}</time>'
        f'<span class="bw-lx">{_text(line, is_piece)}</span></div>'
    )


def _text(line: LogLine, is_piece: bool) -> str:
    limit = SHOWN_BYTES_OF_PIECE if is_piece else SHOWN_BYTES
    html = render_text(line.data[:limit].decode("utf-8", "replace"))
    hidden = len(line.data) - limit
    if hidden > 0:
        html += f'<span class="bw-lm">… {hidden:,} more bytes: download the log to see them</span>'
    if line.continued:
        html += '<span class="bw-lm" title="The line goes on in the next row">⤶ goes on</span>'
    return html


def render_text(text: str) -> str:
    """One line's text as HTML."""
    text = text.rstrip("\r\n")
    html = []
    head, returned, last = text.rpartition("\r")
    if returned:
        # A progress bar draws over itself: its last state is what a terminal would show.
        html.append('<span class="bw-lm" title="Drawn over by what follows">␍</span>')
        text = last or head.rpartition("\r")[2]
    for style, part in _styled(text):
        classes = style.classes()
        content = escape(visible(part).replace("\n", symbol("\n")))
        html.append(f'<span class="{classes}">{content}</span>' if classes else content)
    return "".join(html)


def _styled(text: str) -> Iterator[tuple[Style, str]]:
    style, position = PLAIN, 0
    for match in ESCAPE.finditer(text):
        if match.start() > position:
            yield style, text[position : match.start()]
        position = match.end()
        if match["parameters"] is not None:
            style = _apply(style, match["parameters"])
    if position < len(text):
        yield style, text[position:]


def _apply(style: Style, parameters: str) -> Style:
    codes = [int(code[:4]) if code else 0 for code in parameters.replace(":", ";").split(";")]
    position = 0
    while position < len(codes):
        code = codes[position]
        if code in {38, 48}:
            colour, used = _extended_colour(codes[position + 1 :])
            if colour is not None:
                style = _colour(style, "foreground" if code == 38 else "background", colour)
            position += used
        else:
            style = _apply_simple(style, code)
        position += 1
    return style


def _apply_simple(style: Style, code: int) -> Style:
    if code == 0:
        return PLAIN
    if code in _SWITCHES:
        return replace(style, **_SWITCHES[code])
    for first, brighter, name in (
        (30, 0, "foreground"),
        (40, 0, "background"),
        (90, 8, "foreground"),
        (100, 8, "background"),
    ):
        if first <= code < first + 8:
            return _colour(style, name, code - first + brighter)
    return style


def _colour(style: Style, name: str, colour: int) -> Style:
    change: dict[str, Any] = {name: colour}
    return replace(style, **change)


def _extended_colour(codes: list[int]) -> tuple[int | None, int]:
    """The colour after 38 or 48, and how many codes name it: `5;n` or `2;r;g;b`."""
    if len(codes) >= 2 and codes[0] == 5:
        return (codes[1] if codes[1] <= 255 else None), 2
    if len(codes) >= 4 and codes[0] == 2:
        # The nearest of the palette's 6 x 6 x 6 cube.
        red, green, blue = (round(min(value, 255) / 51) for value in codes[1:4])
        return 16 + 36 * red + 6 * green + blue, 4
    return None, len(codes)
