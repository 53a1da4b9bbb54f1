"""Shows what docs/ has in Markdown: headings, paragraphs, lists, tables, code, links, bold. No HTML passes through."""

import re
from collections.abc import Callable, Iterator

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from .tags import copy

Link = Callable[[str], str]

FENCE = "```"
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|\[(?P<text>[^\]]+)\]\((?P<url>[^)\s]+)\)"
)
_HEADING = re.compile(r"(?P<marks>#{1,4}) (?P<text>.+)")
_ITEM = re.compile(r"(?:- |\d+\. )(?P<text>.+)")
_ROW_OF_DASHES = re.compile(r"\|(?:[ :-]+\|)+")
SAFE_URL = re.compile(r"(https?://|/|#)")


def inline(text: str, link: Link = str) -> SafeString:
    """A piece of a line: code, bold, links; `link` says where an address of the text leads in the application."""
    parts, end = [], 0
    for found in _INLINE.finditer(text):
        parts.append(format_html("{}", text[end : found.start()]))
        parts.append(_piece(found, link))
        end = found.end()
    parts.append(format_html("{}", text[end:]))
    return _joined(parts)


def render(text: str, link: Link = str) -> SafeString:
    """A document without its title (the page has that). Headings have ids to link to; code can be copied."""
    return _joined(_block(lines, link) for lines in _blocks(text))


def _blocks(text: str) -> Iterator[list[str]]:
    """The lines of each block. A fence ends with its own fence, all others with an empty line."""
    block: list[str] = []
    for line in text.splitlines():
        fenced = bool(block) and block[0].startswith(FENCE)
        if not fenced and (not line.strip() or _HEADING.match(line)):
            if block:
                yield block
            block = [line] if line.strip() else []
            continue
        block.append(line)
        if fenced and line.startswith(FENCE):
            yield block
            block = []
    if block:
        yield block


def _block(lines: list[str], link: Link) -> SafeString:
    heading = _HEADING.match(lines[0])
    if heading:
        rest = _block(lines[1:], link) if lines[1:] else mark_safe("")
        return _joined([_heading(heading, link), rest])
    if lines[0].startswith(FENCE):
        code = "\n".join(lines[1:-1])
        return format_html(
            '<div class="bw-doc-code">{}<code class="bw-command">{}</code></div>',
            copy(code, "Copy this"),
            code,
        )
    if lines[0].startswith("|"):
        return _table(lines, link)
    if _ITEM.match(lines[0]):
        return _list(lines, link)
    return format_html("<p>{}</p>", inline(" ".join(lines), link))


def _heading(found: re.Match[str], link: Link) -> SafeString:
    level = len(found["marks"])
    if level == 1:
        return mark_safe("")
    text = found["text"]
    tag = mark_safe(f"h{level}")  # noqa: S308 (a number of marks)
    return format_html('<{} id="{}">{}</{}>', tag, slugify(text), inline(text, link), tag)


def _list(lines: list[str], link: Link) -> SafeString:
    items: list[str] = []
    for line in lines:
        found = _ITEM.match(line)
        if found:
            items.append(found["text"])
        else:
            items[-1] += " " + line.strip()
    tag = mark_safe("ul" if lines[0].startswith("- ") else "ol")  # noqa: S308
    inner = format_html_join("", "<li>{}</li>", ((inline(item, link),) for item in items))
    return format_html("<{}>{}</{}>", tag, inner, tag)


def _table(lines: list[str], link: Link) -> SafeString:
    rows = [_cells(line) for line in lines if not _ROW_OF_DASHES.fullmatch(line)]
    head = format_html_join("", "<th>{}</th>", ((inline(cell, link),) for cell in rows[0]))
    body = _joined(
        format_html(
            "<tr>{}</tr>",
            format_html_join("", "<td>{}</td>", ((inline(cell, link),) for cell in row)),
        )
        for row in rows[1:]
    )
    return format_html(
        '<div class="table-responsive"><table class="table bw-table bw-doc-table">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        head,
        body,
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def _piece(found: re.Match[str], link: Link) -> SafeString:
    if found["code"] is not None:
        return format_html("<code>{}</code>", found["code"])
    if found["bold"] is not None:
        return format_html("<strong>{}</strong>", found["bold"])
    url = link(found["url"])
    if not SAFE_URL.match(url):
        return format_html("{}", found["text"])
    return format_html('<a href="{}">{}</a>', url, inline(found["text"]))


def _joined(parts: "Iterator[SafeString] | list[SafeString]") -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))
