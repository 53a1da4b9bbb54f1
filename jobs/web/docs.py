"""`/docs/`: how to use the API from AWS's tools, and the events, as docs/ has them, for this very server."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from jobs.domain.errors import NotFound

from . import answers
from .markdown import contents, inline, render

FOLDER = Path(__file__).resolve().parents[2] / "docs"
TITLES = {"access": "Access policies", "api": "The AWS API", "events": "Events"}
# What the documents call the server, its region and its account.
EXAMPLE_URL = "http://localhost:8000"
EXAMPLE_REGION = "us-east-1"
EXAMPLE_ACCOUNT = "123456789012"

# Every operation by service, for the templates and for scripts (`jobs.api.table`).
Table = Callable[[], list[Any]]


@answers.allow("GET")
def docs(request: HttpRequest, name: str, table: Table) -> HttpResponse:
    """A document of docs/ with this server's address in it; with that of the API comes its table of operations."""
    if name not in TITLES:
        raise NotFound(f"There is no document {name}.")
    url = request.build_absolute_uri("/").rstrip("/")
    text = _text(name, url)
    tables = _shown(table()) if name == "api" else []
    sections = contents(text) + ([("operations", "Operations")] if tables else [])
    return answers.page(
        request,
        "docs/page.html",
        {
            "title": TITLES[name],
            "html": render(text, _link),
            "sections": sections,
            "tables": tables,
            "name": name,
        },
        as_json=lambda: {"title": TITLES[name], "text": text},
    )


def _shown(tables: list[Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": table.name,
            "title": table.title,
            "rows": [
                {"name": row.name, "differs": inline(row.differs, _link), "is_same": row.is_same}
                for row in table.rows
            ],
        }
        for table in tables
    ]


def _text(name: str, url: str) -> str:
    return (
        _document(name)
        .replace(EXAMPLE_URL, url)
        .replace(EXAMPLE_REGION, settings.BATCHWEB_AWS_REGION)
        .replace(EXAMPLE_ACCOUNT, settings.BATCHWEB_AWS_ACCOUNT_ID)
    )


@cache
def _document(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text()


def _link(url: str) -> str:
    """Where an address in a document leads here; those of files that are not shown here lead nowhere."""
    path, mark, part = url.partition("#")
    if path == "api-operations.md":
        return reverse("docs", args=["api"]) + "#operations"
    name = path.removesuffix(".md")
    if path.endswith(".md") and name in TITLES:
        return reverse("docs", args=[name]) + mark + part
    return url
