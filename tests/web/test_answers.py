"""Bad input gets a readable answer in the sender's form, never a 500."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from pytest_django import Settings

from tests.builders import a_definition, a_job, a_queue

HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
URLENCODED = "application/x-www-form-urlencoded"
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(autouse=True)
def _rows(db: None) -> None:
    a_queue(name="default")
    a_definition(name="hello")


BAD_JSON = [
    b"",
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b"\xff\xfe",
    b'{"name": "\\ud800"}',
    b'{"name": ' + b"[" * 100_000,
    b'{"vcpus": ' + b"9" * 10_000 + b"}",
]


@pytest.mark.parametrize("body", BAD_JSON, ids=range(len(BAD_JSON)))
def test_a_body_that_is_not_a_json_object_is_refused(script: Client, body: bytes) -> None:
    answer = script.post("/jobs/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize("path", ["/jobs/", "/queues/", "/access/tokens/", "/login/"])
@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape", "utf-16", "latin-1"])
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_form_in_another_encoding_is_refused(
    page: Client, path: str, encoding: str, accept: str
) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n+2AA-\\ud800\r\n--x--\r\n'
    kind = f"multipart/form-data; boundary=x; charset={encoding}"
    answer = page.post(path, part, content_type=kind, headers={"Accept": accept})
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith(accept)


BAD_VALUES: list[tuple[str, Any]] = [
    ("name", "a\0b"),
    ("name", ""),
    ("name", 5),
    ("name", "x" * 200),
    ("queue", "no-such\0"),
    ("queue", ["default"]),
    ("definition", "hello:99999999999999999999"),
    ("definition", {"a": 1}),
    ("command", "echo 'unclosed"),
    ("command", ["a", 1]),
    ("command", ["\0"]),
    ("command", "x" * 25_000),
    ("vcpus", 1e400),
    ("vcpus", -1),
    ("vcpus", "1e3"),
    ("vcpus", True),
    ("memory_mib", 10**30),
    ("memory_mib", "12.5"),
    ("memory_mib", "١٢"),
    ("attempts", 0),
    ("environment", {"AWS_BATCH_X": "1"}),
    ("environment", [["a", "b"]]),
    ("environment", {"A": "\0"}),
    ("image", "a b"),
    ("no_such_field", "1"),
]


@pytest.mark.parametrize(("field", "value"), BAD_VALUES)
def test_a_bad_value_is_named_with_its_field(script: Client, field: str, value: Any) -> None:
    fields = {"name": "ok", "queue": "default", "definition": "hello", field: value}
    answer = script.post("/jobs/", json.dumps(fields), content_type="application/json")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/?before=nonsense",
        "/jobs/?limit=-1",
        "/jobs/?limit=0",
        "/jobs/?limit=1e400",
        "/jobs/?limit=" + "9" * 400,
        "/jobs/?status=DONE",
        "/live/",
        "/live/?" + "topic=jobs&" * 200,
        "/login/?" + "next=/&" * 2000,
        "/jobs/?" + "format=json&" * 2000,
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_bad_query_is_a_400(page: Client, path: str, accept: str) -> None:
    assert page.get(path, headers={"Accept": accept}).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        f"/jobs/{NIL}/",
        "/jobs/nonsense/",
        "/jobs/%00/",
        "/jobs/%FF%FE/",
        f"/jobs/{NIL}/attempts/1/log/",
        f"/jobs/{NIL}/attempts/99999999999999999999999/log/",
        f"/submit/?again={NIL}",
        "/submit/?again=nonsense",
        "/no-such-page/",
        "/definitions/no-such/",
        "/queues/%00/",
        "/environments/no-such/",
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_what_does_not_exist_is_a_404(page: Client, path: str, accept: str) -> None:
    answer = page.get(path, headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith(accept)


@pytest.mark.parametrize(
    "query", ["name=a%00b", "queue=%FF", "definition=x:%00", "definition=x:9" * 9]
)
def test_a_filter_that_fits_nothing_gives_an_empty_list(script: Client, query: str) -> None:
    answer = script.get(f"/jobs/?{query}")
    assert answer.status_code == 200
    assert answer.json() == {"results": [], "next": None, "is_cut": False}


def test_a_wrong_method_is_a_readable_405(page: Client, script: Client) -> None:
    answer = page.delete("/jobs/", headers=HTML)
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, POST"
    assert b"Only GET, POST here." in answer.content
    assert script.get(f"/jobs/{NIL}/cancel/").json() == {"message": "Only POST here."}


def test_a_job_cannot_be_cancelled_by_a_link(page: Client) -> None:
    job = a_job(status="RUNNABLE")
    assert page.get(f"/jobs/{job.pk}/cancel/").status_code == 405


@pytest.mark.parametrize("ids", [[], ["nonsense"], ["\0"]])
def test_bad_ids_in_bulk_are_refused(script: Client, ids: list[str]) -> None:
    answer = script.post("/jobs/bulk/", {"action": "cancel", "job": ids})
    assert answer.status_code == 400
    assert "job" in answer.json()["errors"]


def test_too_many_ids_in_bulk_are_refused(script: Client) -> None:
    body = {"action": "cancel", "job": [NIL] * 10_001}
    answer = script.post("/jobs/bulk/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"] == {"job": ["At most 10000 jobs at once."]}


def test_an_unknown_bulk_action_is_refused(script: Client) -> None:
    answer = script.post("/jobs/bulk/", {"action": "explode", "job": [NIL]})
    assert list(answer.json()["errors"]) == ["action"]


@pytest.mark.parametrize("reason", ["x" * 1025, "a\0b"])
@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_a_bad_reason_is_refused_and_nothing_typed_is_lost(
    page: Client, verb: str, reason: str
) -> None:
    job = a_job(status="RUNNABLE")
    answer = page.post(f"/jobs/{job.pk}/{verb}/", {"reason": reason}, headers=HTML)
    assert answer.status_code == 400
    assert answer.context["reason"] == reason
    assert answer.context["errors"]["reason"]
    job.refresh_from_db()
    assert job.status == "RUNNABLE"


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("application/json", True),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/json;q=0.5,text/html", False),
        ("*/*", False),
        ("nonsense", False),
    ],
)
def test_the_form_of_an_answer_follows_accept(page: Client, accept: str, is_json: bool) -> None:
    answer = page.get("/jobs/", headers={"Accept": accept})
    assert (answer["Content-Type"] == "application/json") is is_json
    assert "Accept" in answer["Vary"]


def test_a_token_without_accept_gets_json(script: Client) -> None:
    assert script.get("/jobs/", headers={"Accept": "*/*"}).json()["results"] == []


def test_a_part_of_a_page_is_that_part_alone(page: Client) -> None:
    job = a_job()
    part = page.get("/jobs/", headers={"HX-Request": "true", "HX-Target": "div#jobs-table"})
    html = part.content.decode().strip()
    assert html.startswith('<div id="jobs-table"')
    assert f'id="job-{job.pk}"' in html
    assert "<html" not in html


def test_an_error_in_a_part_goes_to_the_toasts_and_not_in_its_place(page: Client) -> None:
    headers = {"HX-Request": "true", "HX-Target": "div#jobs-table"}
    answer = page.get("/jobs/?before=nonsense", headers=headers)
    assert answer.status_code == 400
    assert answer["HX-Retarget"] == "#toasts"
    assert "<html" not in answer.content.decode()


def test_live_parts_are_asked_for_together_and_each_goes_to_its_place(page: Client) -> None:
    job = a_job(status="RUNNABLE")
    wanted = {"HX-Request": "true", "X-Live-Regions": "job-state job-cost no-such"}
    html = page.get(f"/jobs/{job.pk}/", headers=wanted).content.decode()
    assert html.count('<template hx type="partial"') == 2
    assert 'hx-target="#job-state" hx-swap="outerMorph"><div id="job-state"' in html
    assert 'hx-target="#job-cost" hx-swap="outerMorph"><div id="job-cost"' in html
    assert "job-attempts" not in html


def test_an_error_while_live_parts_are_renewed_changes_nothing_on_the_page(page: Client) -> None:
    wanted = {"HX-Request": "true", "X-Live-Regions": "jobs-table"}
    answer = page.get("/jobs/?before=nonsense", headers=wanted)
    assert answer.status_code == 400
    assert answer["HX-Reswap"] == "none"


@pytest.mark.parametrize("query", ["", "topic=jobs&" * 200])
def test_topics_that_cannot_be_followed_are_told_by_name(page: Client, query: str) -> None:
    answer = page.get(f"/live/?{query}", headers={"Accept": "text/event-stream"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["topic"])


@pytest.mark.parametrize("sender", ["script", "page"])
def test_who_sends_too_much_is_told_the_limit(
    sender: str, script: Client, page: Client, settings: Settings
) -> None:
    browser = Client(enforce_csrf_checks=True)
    # With it the check reads the body before any view does.
    browser.cookies["csrftoken"] = "a" * 32
    client = script if sender == "script" else browser
    too_long = client.post("/jobs/", {"name": "x" * 3_000_000}, headers=JSON)
    assert (too_long.status_code, too_long.json()["message"]) == (
        413,
        "A request has at most 2.5 MiB.",
    )
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 5
    fields = {f"field{number}": "1" for number in range(6)}
    for answer in (
        client.post("/jobs/", fields, headers=JSON),
        client.post("/jobs/", urlencode(fields), content_type=URLENCODED, headers=JSON),
    ):
        assert (answer.status_code, answer.json()["message"]) == (
            400,
            "A form has at most 5 fields.",
        )
    assert "A form has at most 5 fields." in page.post("/jobs/", fields).text
