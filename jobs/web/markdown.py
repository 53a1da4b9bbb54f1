"""Shows what docs/ has in Markdown, in the dashboard's own look. No HTML passes through."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from .tags import copy

Link = Callable[[str], str]

SAFE_URL = re.compile(r"(https?://|/|#)")
TABLE = '<div class="table-responsive"><table class="table bw-table bw-doc-table">'


def inline(text: str, link: Link = str) -> SafeString:
    """A piece of a line: code, bold, links; `link` says where an address of the text leads in the application."""
    # The parser escapes whatever it does not know.
    return SafeString(_parser().renderInline(text, {"link": link}))


def render(text: str, link: Link = str) -> SafeString:
    """A document without its title (the page has that). Headings have ids to link to; code can be copied."""
    parser, env = _parser(), {"link": link}
    tokens = _without_title(parser.parse(text, env))
    return SafeString(parser.renderer.render(tokens, parser.options, env))


def contents(text: str) -> list[tuple[str, str]]:
    """The sections of a document: their ids, and their titles as plain text."""
    tokens = _parser().parse(text)
    titles = [
        tokens[at + 1].content
        for at, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2"
    ]
    return [(slugify(title), title.replace("`", "")) for title in titles]


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable("table")


def _without_title(tokens: Sequence[Token]) -> list[Token]:
    at = [number for number, token in enumerate(tokens) if token.tag == "h1"]
    return [*tokens[: at[0]], *tokens[at[-1] + 1 :]] if at else list(tokens)


class _Renderer(RendererHTML):
    """markdown-it's own, but for headings, code, tables and links."""

    def heading_open(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        return format_html('<{} id="{}">', tokens[at].tag, slugify(tokens[at + 1].content))

    def fence(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        code = tokens[at].content.rstrip("\n")
        return format_html(
            '<div class="bw-doc-code">{}<code class="bw-command">{}</code></div>',
            copy(code, "Copy this"),
            code,
        )

    def table_open(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        return TABLE

    def table_close(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        return "</table></div>"

    def link_open(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: Mapping[str, Any]
    ) -> str:
        url = env["link"](str(tokens[at].attrGet("href") or ""))
        return format_html('<a href="{}">', url) if SAFE_URL.match(url) else "<a>"
