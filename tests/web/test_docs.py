"""The documents in the application: how to use the API, the events, and the table of operations."""

import re
from html import escape

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from jobs.api.service_models import service_model
from jobs.api.table import operations_table
from jobs.web.docs import FOLDER
from jobs.web.markdown import contents, inline, render

pytestmark = pytest.mark.django_db


def test_the_table_in_the_documents_is_what_the_code_says() -> None:
    # If this fails: manage.py api_table
    call_command("api_table", check=True)


def test_a_table_that_is_not_what_the_code_says_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.management.commands.api_table.as_markdown", lambda: "other")
    with pytest.raises(CommandError, match="api_table"):
        call_command("api_table", check=True)


def test_every_operation_of_batch_is_in_the_table(page: Client) -> None:
    html = page.get("/docs/api/").content.decode()
    names = service_model("batch").operation_names
    assert len(names) == 48
    for name in names:
        assert f"<code>{name}</code>" in html
    assert operations_table()[0].name == "batch"


def test_the_page_names_this_server_and_not_the_example(page: Client) -> None:
    html = page.get("/docs/api/", headers={"Host": "testserver"}).content.decode()
    assert "AWS_ENDPOINT_URL=http://testserver" in html
    assert "localhost:8000" not in html
    assert 'data-copy="' in html


@pytest.mark.parametrize("name", ["api", "events"])
def test_each_document_is_shown_whole(page: Client, name: str) -> None:
    answer = page.get(f"/docs/{name}/")
    assert answer.status_code == 200
    html = answer.content.decode()
    for heading in re.findall(r"^#{2,3} (.+)$", (FOLDER / f"{name}.md").read_text(), re.MULTILINE):
        assert f">{escape(heading, quote=False)}</h" in html
    assert "```" not in html
    assert "](" not in html


def test_links_between_documents_lead_to_pages(page: Client) -> None:
    html = page.get("/docs/api/").content.decode()
    assert 'href="/docs/events/"' in html
    assert 'href="/docs/api/#operations"' in html
    assert ".md" not in html


def test_the_documents_link_to_files_that_there_are() -> None:
    for path in FOLDER.glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
            assert link.startswith("http") or (FOLDER / link).exists(), f"{path.name}: {link}"


def test_another_document_is_not_there(page: Client) -> None:
    assert page.get("/docs/production/").status_code == 404
    assert Client().get("/docs/api/").status_code == 302


def test_access_keys_lead_to_the_documents(page: Client) -> None:
    assert 'href="/docs/api/"' in page.get("/access/keys/").content.decode()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a `b<c` d", "a <code>b&lt;c</code> d"),
        ("**a** & <b>", "<strong>a</strong> &amp; &lt;b&gt;"),
        ("[x](https://a.example/)", '<a href="https://a.example/">x</a>'),
        ("[x](other.md)", "<a>x</a>"),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
        ("<b>", "&lt;b&gt;"),
        ("[`x`](/y)", '<a href="/y"><code>x</code></a>'),
    ],
)
def test_pieces_of_a_line(text: str, html: str) -> None:
    assert inline(text) == html


def test_the_title_is_the_page_s_and_other_headings_can_be_linked_to() -> None:
    assert render("# Title\n\n## A b\n\ntext") == '<h2 id="a-b">A b</h2>\n<p>text</p>\n'


def test_a_page_begins_with_its_sections(page: Client) -> None:
    html = page.get("/docs/api/").content.decode()
    for section in ("point-awss-tools-here", "limits", "operations"):
        assert f'<a href="#{section}">' in html
        assert f'id="{section}"' in html
    assert '<a href="#operations">' not in page.get("/docs/events/").content.decode()


def test_the_contents_are_the_sections_as_plain_text() -> None:
    assert contents("# T\n\n## A `b`\n\n### c\n") == [("a-b", "A b")]


def test_code_keeps_its_lines_and_can_be_copied() -> None:
    html = render("```sh\n# no heading\n\na <b>\n```")
    assert '<code class="bw-command"># no heading\n\na &lt;b&gt;</code>' in html
    assert "data-copy" in html


def test_tables_have_the_dashboard_s_look() -> None:
    html = render("| a | b |\n|---|---|\n| `x` | y |")
    assert '<table class="table bw-table bw-doc-table">' in html
    assert "<td><code>x</code></td>" in html
