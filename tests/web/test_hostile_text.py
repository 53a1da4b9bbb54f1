"""Whatever others write, a page shows it as text: no markup, nothing that a screen obeys, nothing unseen."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

import tests.world
from jobs.engines.fake.world import forget_world
from jobs.web.plaintext import visible
from tests import hostile
from tests.builders import a_definition, a_job, a_queue
from tests.pages import addresses
from tests.world import build_world

HTML = {"Accept": "text/html"}


@pytest.mark.parametrize("kind", hostile.TEXTS)
def test_nothing_of_a_text_is_obeyed_or_unseen(kind: str) -> None:
    text = hostile.TEXTS[kind].replace("\n", "")
    assert not hostile.UNSHOWN.search(visible(text))
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize("text", [hostile.SHORT, hostile.LONG], ids=["short", "long"])
def test_every_page_shows_what_others_wrote_as_text(
    text: str, page: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tests.world, "LOG", hostile.LOG)
    world = build_world(admin)
    hostile.poison(text)
    problems: list[str] = []
    for path in addresses(world):
        answer = page.get(path, headers=HTML)
        problems += [] if answer.status_code == 200 else [f"{path} {answer.status_code}"]
        problems += [f"{path} {each}" for each in hostile.told(answer.content.decode())]
    forget_world(world.environment.engine.url.removeprefix("fake://"))
    assert problems == []


@pytest.mark.parametrize("text", [hostile.SHORT, hostile.LONG], ids=["short", "long"])
def test_a_refused_form_shows_what_was_typed_as_text(text: str, page: Client) -> None:
    a_queue(name="default")
    a_definition(name="hello")
    fields = dict.fromkeys(
        (
            "name",
            "queue",
            "definition",
            "vcpus",
            "command",
            "image",
            "share_identifier",
            "evaluate_on_exit",
            "tag_name",
            "tag_value",
            "parameter_name",
            "parameter_value",
            "environment_name",
            "environment_value",
            "depends_on_job",
        ),
        text,
    )
    for path, changed in (
        ("/jobs/", {}),
        ("/jobs/", {"queue": "default", "definition": "hello", "loaded": "hello"}),
        ("/submit/check/", {}),
        ("/submit/fill/", {"definition": "hello"}),
        ("/access/tokens/", {}),
        ("/budgets/", {}),
        ("/queues/", {}),
    ):
        answer = page.post(path, {**fields, **changed}, headers=HTML)
        assert answer.status_code < 500, path
        assert hostile.told(answer.content.decode()) == [], path


@pytest.mark.parametrize("text", [hostile.SHORT, hostile.LONG], ids=["short", "long"])
def test_what_is_not_there_is_named_as_text(text: str, page: Client) -> None:
    for path in ("/jobs/", "/search/", "/events/", "/costs/", "/access/audit/", "/submit/"):
        for name in ("q", "queue", "name", "tag", "definition", "again", "depends_on_job"):
            answer = page.get(path, {name: text[:150]}, headers=HTML)
            assert answer.status_code < 500, (path, name)
            assert hostile.told(answer.content.decode()) == [], (path, name)


@pytest.mark.parametrize("bad", ["nul\0", "broken\ud800"], ids=["nul", "surrogate"])
def test_what_no_database_stores_is_refused_in_words(
    bad: str, script: Client, page: Client
) -> None:
    a_queue(name="default")
    a_definition(name="hello")
    job = a_job(status="RUNNING")
    fields = {"name": "first", "queue": "default", "definition": "hello"}
    for path, body in (
        ("/jobs/", {**fields, "name": bad}),
        ("/jobs/", {**fields, "tags": {bad: "x"}}),
        ("/jobs/", {**fields, "tags": {"x": bad}}),
        ("/jobs/", {**fields, "environment": [{"name": "A", "value": bad}]}),
        ("/jobs/", {**fields, "parameters": {"a": bad}}),
        ("/jobs/", {**fields, "command": ["echo", bad]}),
        ("/jobs/", {**fields, "image": bad}),
        ("/jobs/", {**fields, "queue": bad}),
        (f"/jobs/{job.pk}/terminate/", {"reason": bad}),
        ("/access/tokens/", {"name": bad}),
        ("/jobs/views/", {"name": bad, "query": "status=FAILED"}),
        ("/budgets/", {"name": bad, "usd": "1"}),
        ("/definitions/", {"name": "new", "image": bad}),
    ):
        answer = script.post(path, body, content_type="application/json")
        assert answer.status_code in {400, 404}, (path, body, answer.content)
        assert answer.json()
    for path in ("/jobs/", "/search/", "/events/", "/submit/", "/access/audit/"):
        for name in ("q", "queue", "name", "definition", "tag", "again"):
            assert page.get(path, {name: "nul\0"}, headers=HTML).status_code < 500, (path, name)
