"""Lists of things with names: searched by `q`, paged by `after`, the last name of the page before."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from jobs.selectors.paging import Page

from .lazily import lazily

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class NameQuery:
    """A list's URL: which list (`route`), and what of it."""

    route: str
    after: str
    search: str
    # Parts of the query that only this list has, and that stay when it is paged.
    extra: Mapping[str, str]

    def url(self, *, after: str) -> str:
        """The URL of the same list, from behind `after` on."""
        parts = {"q": self.search, **self.extra, "after": after}
        query = urlencode({name: value for name, value in parts.items() if value})
        return reverse(self.route) + (f"?{query}" if query else "")

    @property
    def first_url(self) -> str | None:
        """The first page's URL; None on the first page."""
        return self.url(after="") if self.after else None

    @property
    def is_narrowed(self) -> bool:
        """Whether it is other rows than the first of all: an empty list then says nothing of what there is."""
        return bool(self.search or self.after)

    def next_url(self, after: str) -> str | None:
        """The next page's URL, `after` being a selector's `Page.next`."""
        return self.url(after=after) if after else None

    def shown(self, page: Callable[[], Page[Row]]) -> dict[str, Any]:
        """What the template of a list is drawn from; `page` is called when that asks for it (see `lazily`)."""
        return {
            "query": self,
            "page": page,
            "next_url": lazily(lambda: self.next_url(page().next)),
        }

    def as_json(self, page: Page[Row], summary: Callable[[Row], dict[str, Any]]) -> dict[str, Any]:
        """A list as scripts get it: `results`, and `next`, the URL of the page that follows, or null."""
        return {
            "results": [summary(row) for row in page.rows],
            "next": self.next_url(page.next),
        }


def read_query(route: str, query: QueryDict, *, extra: tuple[str, ...] = ()) -> NameQuery:
    """The query of a URL; a NUL, which PostgreSQL refuses in a text, is left out."""
    return NameQuery(
        route=route,
        after=_text(query, "after"),
        search=_text(query, "q"),
        extra={name: _text(query, name) for name in extra},
    )


def _text(query: QueryDict, name: str) -> str:
    return query.get(name, "").replace("\0", "").strip()
