"""Log bytes as HTML: colours stay, nothing else of them works."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.selectors.logs.lines import LogLine
from jobs.web.logtext import SHOWN_BYTES, render_lines, render_text
from jobs.web.plaintext import in_json, visible


def line(number: int, data: bytes, *, continued: bool = False, source: str = "stdout") -> LogLine:
    return LogLine(number, 1_767_225_600_123_456_789, source, data, continued)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("<b>&\"'", "&lt;b&gt;&amp;&quot;&#x27;"),
        ("\x1b[31mred\x1b[0m plain", '<span class="f-1">red</span> plain'),
        ("\x1b[1;92mok", '<span class="f-10 a-bold">ok</span>'),
        ("\x1b[38;5;208mx", '<span class="f-208">x</span>'),
        ("\x1b[48;2;255;0;0mx", '<span class="b-196">x</span>'),
        ("\x1b[38:2:0:0:255mx", '<span class="f-21">x</span>'),
        ("\x1b[7;31mx\x1b[27my", '<span class="a-inv b-1">x</span><span class="f-1">y</span>'),
        ("\x1b[mx", "x"),
        ("\x1b[99999999mx", "x"),
        ("\x1b[38;5mx", "x"),
        # Whatever else a terminal would do is left out,
        ("a\x1b[2Jb\x1b[10;10Hc", "abc"),
        ("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c", "abc"),
        ("a\x1bPq data \x1b\\b", "ab"),
        ("a\x1b]52;c;unfinished", "a"),
        ("a\x1b(Bb\x1bcd", "abd"),
        ("a\x9b31mb", "ab"),
        # and what is left of it becomes a symbol.
        ("bell\x07 \x00", "bell␇ ␀"),
        ("\x1b", "␛"),
        ("\u202etxt.exe\u202c", "[U+202E]txt.exe[U+202C]"),
        ("a\u2028b", "a[U+2028]b"),
        ("zero\u200bwidth\ufeff", "zero[U+200B]width[U+FEFF]"),
        ("hid\U000e0041den", "hid[U+E0041]den"),
        ("\u0301x", "◌\u0301x"),
        ("a" + "\u0336" * 30, "a" + "\u0336" * 8 + "[+22 marks]"),
        ("👩\u200d👧 é e\u0301", "👩\u200d👧 é e\u0301"),
        ("tab\tstays", "tab\tstays"),
        ("line\r", "line"),
    ],
)
def test_a_line_as_html(text: str, html: str) -> None:
    assert render_text(text) == html


def test_a_progress_bar_shows_its_last_state() -> None:
    html = render_text("  5%\r 50%\r100%")
    assert html.endswith("</span>100%")
    assert "50%" not in html


def test_bytes_that_are_not_utf_8_are_shown_with_replacements() -> None:
    assert "caf\ufffd" in render_lines([line(0, "café".encode("latin-1"))])


def test_a_row_has_its_number_its_time_and_where_it_was_written_to() -> None:
    html = render_lines([line(41, b"oops", source="stderr")])
    assert 'id="L42"' in html
    assert 'href="#L42"' in html
    assert "2026-01-01T00:00:00.123456+00:00" in html
    assert "bw-ll-err" in html


def test_a_very_long_line_is_cut_and_says_so() -> None:
    html = render_lines([line(0, b"x" * (SHOWN_BYTES + 1000))])
    assert html.count("x") < SHOWN_BYTES + 100
    assert "1,000 more bytes" in html


def test_the_pieces_of_one_line_are_marked_as_such() -> None:
    piece = b"x" * 16384
    rows = render_lines(
        [line(0, piece, continued=True), line(1, piece, continued=True), line(2, b"end")]
    ).split("</div>")
    assert "goes on" in rows[0]
    assert "bw-ll-piece" not in rows[0]
    assert "bw-ll-piece" in rows[1]
    assert "bw-ll-piece" in rows[2]
    assert "goes on" not in rows[2]
    assert len(rows[1]) < 1000


def test_the_other_source_is_not_taken_for_a_piece() -> None:
    html = render_lines([line(0, b"a", continued=True), line(1, b"b", source="stderr")])
    assert "bw-ll-piece" not in html


@given(st.binary(max_size=400))
def test_no_bytes_can_make_a_tag_a_control_character_or_a_switch_of_direction(data: bytes) -> None:
    html = render_lines([line(0, data)])
    tags = set(re.findall(r"<(/?[a-z!?/]*)", html))
    assert tags <= {"div", "/div", "a", "/a", "time", "/time", "span", "/span"}
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\n]", html)


@given(st.text(max_size=100))
def test_json_that_is_harmless_to_look_at_has_the_same_value(text: str) -> None:
    shown = in_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == text
    assert not re.search("[\x80-\x9f\u202a-\u202e\u200b\U000e0000-\U000e007f]", shown)


@given(st.text(max_size=100))
def test_visible_text_has_nothing_hidden_and_harmless_text_is_left_alone(text: str) -> None:
    shown = visible(text)
    assert visible(shown) == shown
    if text.isascii() and text.isprintable():
        assert shown == text
