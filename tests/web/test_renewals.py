"""Renewals of live parts: drawn once for all who would see the same, and for nobody else."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import get_script_prefix, reverse, set_script_prefix
from django.utils import timezone

from jobs.engines.fake.world import forget_world
from jobs.models import JobStatus
from jobs.services.search.follow import index_again
from jobs.web import renewing
from jobs.web.answers import LIVE_REGIONS
from jobs.web.renewals import (
    AnyViewer,
    PersonalError,
    SharedAnswer,
    SharedRenewalMiddleware,
    View,
    Work,
)
from jobs.web.streaming import StreamingASGIHandler
from tests import pages
from tests.builders import a_job, a_secret, a_user
from tests.world import build_world

from .asgi import open_stream

LIVE_PART = re.compile(r'<div id="([^"]+)" class="bw-live[^"]*" data-live=')
TOKEN = re.compile(r'name="(?:csrfmiddlewaretoken|request_token)" value="([^"]*)"')


class Viewer:
    """A browser that is logged in, and has been on a page with a form."""

    def __init__(self, user: User) -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"Accept": "text/html"})
        self.client.force_login(user)
        self.client.get(reverse("submit"))
        self.cookie = "; ".join(
            f"{name}={each.value}" for name, each in self.client.cookies.items()
        )

    def parts_of(self, path: str) -> str:
        return " ".join(LIVE_PART.findall(self.client.get(path).content.decode()))

    def renewed_alone(self, path: str, parts: str) -> str:
        """As Django answers it, without any sharing."""
        asked = {"HX-Request": "true", "X-Live-Regions": parts}
        return self.client.get(path, headers=asked).content.decode()

    async def renewed(
        self, path: str, parts: str, server: StreamingASGIHandler | None = None
    ) -> tuple[int, str]:
        headers = {"accept": "text/html", "hx-request": "true", "x-live-regions": parts}
        stream_of = open_stream(path, cookie=self.cookie, headers=headers, server=server)
        async with stream_of as stream:
            body = (await stream.body()).decode()
            assert "content-length" not in stream.headers or int(
                stream.headers["content-length"]
            ) == len(body.encode())
            return stream.status, body


def without_tokens(html: str) -> str:
    """What is random in two drawings, and the clock, left out; its parts in the order of their names."""
    html = TOKEN.sub("", html)
    html = re.sub(r'value="[\w-]+" data-keep', "", html)
    html = re.sub(r"\d+ s|\d+ s ago|just now|\d\d:\d\d:\d\d[.\d]*", "", html)
    return "".join(sorted(html.split("</template>")))


@contextmanager
def counted_drawings() -> Iterator[list[tuple[tuple[str, ...], bool]]]:
    drawn: list[tuple[tuple[str, ...], bool]] = []
    draw = Work.draw

    def counting(self: Work, parts: tuple[str, ...], *, for_any: bool) -> object:
        drawn.append((tuple(parts), for_any))
        return draw(self, parts, for_any=for_any)

    with patch.object(Work, "draw", counting):
        yield drawn


def ask_all(*asked: Awaitable[tuple[int, str]]) -> list[tuple[int, str]]:
    async def together() -> list[tuple[int, str]]:
        return list(await asyncio.gather(*asked))

    return asyncio.run(together())


@pytest.mark.parametrize(
    "template",
    [
        "{{ user }}",
        "{{ user.pk }}",
        "{% if user.pk == 3 %}{% endif %}",
        "{% if not user.pk %}{% endif %}",
        "{% if user.is_staff and user.pk %}{% endif %}",
        "{% if user == other %}{% endif %}",
        "{% if user in others %}{% endif %}",
    ],
)
def test_no_template_goes_on_as_if_it_knew_who_looks(template: str) -> None:
    viewer = AnyViewer(is_staff=True, is_superuser=False)
    with pytest.raises(PersonalError):
        Template(template).render(Context({"user": viewer, "other": object(), "others": [1]}))


def asked_of(view: View, *parts: str, known: SharedRenewalMiddleware) -> HttpResponseBase | None:
    """What stands for the answer to a renewal; None where the view is to answer itself."""
    headers = {"Accept": "text/html", "HX-Request": "true", LIVE_REGIONS: " ".join(parts)}
    request = RequestFactory().get("/", headers=headers)
    request.META["CSRF_COOKIE"] = "c" * 32
    request.user = User(pk=7, is_staff=True)
    request.resolver_match = None
    request.may_share = True  # type: ignore[attr-defined]
    return known.process_view(request, view, (), {})


def test_what_turns_out_to_be_personal_is_found_once_and_remembered() -> None:
    rows: list[str] = []
    known = SharedRenewalMiddleware(lambda _: HttpResponse())

    def view(request: HttpRequest) -> HttpResponse:
        is_asked = "of-one" in request.headers[LIVE_REGIONS].split()
        return HttpResponse(str(request.user.pk) if rows and is_asked else "nobody's")

    def groups() -> list[tuple[tuple[str, ...], object]]:
        answer = asked_of(view, "of-all", "of-one", known=known)
        assert isinstance(answer, SharedAnswer)
        drawn = [(each.parts, answer.work.draw_group(each)) for each in answer.groups]
        return [(parts, drawing and drawing.content) for parts, drawing in drawn]

    assert groups() == [(("of-all", "of-one"), "nobody's")]
    rows.append("somebody's")
    assert groups() == [(("of-all", "of-one"), None)]
    assert groups() == [(("of-all",), "nobody's"), (("of-one",), "7")]
    rows.clear()
    assert groups() == [(("of-all",), "nobody's"), (("of-one",), "nobody's")]


def test_links_begin_with_the_servers_own_path_whichever_thread_draws() -> None:
    known = SharedRenewalMiddleware(lambda _: HttpResponse())
    before = get_script_prefix()
    set_script_prefix("/batch/")
    try:
        answer = asked_of(lambda _: HttpResponse(reverse("jobs")), "links", known=known)
    finally:
        set_script_prefix(before)
    assert isinstance(answer, SharedAnswer)
    with ThreadPoolExecutor(1) as threads:
        drawing = threads.submit(answer.work.draw_group, answer.groups[0]).result()
    assert drawing
    assert drawing.content == "/batch/jobs/"


def test_nothing_is_remembered_of_a_part_that_could_not_be_drawn() -> None:
    known = SharedRenewalMiddleware(lambda _: HttpResponse())
    problems = [OSError("no database")]

    def view(request: HttpRequest) -> HttpResponse:
        if problems:
            raise problems.pop()
        return HttpResponse(str(request.user.pk))

    assert asked_of(view, "of-one", known=known) is None
    answer = asked_of(view, "of-one", known=known)
    assert isinstance(answer, SharedAnswer)
    assert [each.who for each in answer.groups] == [7]


@pytest.mark.django_db(transaction=True)
class TestOnPages:
    @pytest.mark.parametrize("query", ["", "?q=seen", "?tag=team"])
    def test_many_viewers_of_a_page_are_served_by_one_drawing(
        self, query: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(renewing, "PATIENCE_SECONDS", 60)
        job = a_job(name="seen-by-all", tags={"team": "film"})
        with transaction.atomic():
            index_again([job.pk])
        viewers = [Viewer(a_user(is_staff=True)) for _ in range(3)]
        path = reverse("jobs") + query
        server = StreamingASGIHandler()
        # Once it is known which parts can be shared.
        ask_all(viewers[0].renewed(path, viewers[0].parts_of(path), server))
        parts = "jobs-table jobs-tabs"
        with counted_drawings() as drawn:
            found = ask_all(*(each.renewed(path, parts, server) for each in viewers * 10))
        assert all(status == 200 and "seen-by-all" in html for status, html in found)
        assert drawn == [(("jobs-table", "jobs-tabs"), True)]

    def test_many_pages_of_one_user_are_served_by_one_drawing(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(renewing, "PATIENCE_SECONDS", 60)
        viewers = [Viewer(a_user()) for _ in range(3)]
        path, parts, server = reverse("jobs"), "jobs-table jobs-tabs", StreamingASGIHandler()
        ask_all(viewers[0].renewed(path, parts, server))
        with counted_drawings() as drawn:
            ask_all(*(each.renewed(path, parts, server) for each in viewers * 10))
        assert drawn == [(("jobs-table", "jobs-tabs"), False)] * 3

    def test_what_is_shared_is_what_each_would_be_shown_alone_on_every_page(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # What is told of the last hours is told of the same hours in both.
        now = timezone.now()
        monkeypatch.setattr(timezone, "now", lambda: now)
        owner = a_user(is_staff=True)
        world = build_world(owner)
        first = Viewer(owner)
        paths = [path for path in pages.addresses(world) if first.parts_of(path)]
        assert len(paths) > 20
        # What is remembered of one viewer must hold for all of his kind.
        server = StreamingASGIHandler()
        for is_staff in (True, False):
            User.objects.filter(pk=owner.pk).update(is_staff=is_staff)
            viewers = [Viewer(owner), Viewer(a_user(is_staff=is_staff))]
            for path, viewer in product(paths, viewers):
                parts = viewer.parts_of(path)
                # Others have no such page.
                if parts:
                    ((status, shared),) = ask_all(viewer.renewed(path, parts, server))
                    alone = viewer.renewed_alone(path, parts)
                    assert (status, without_tokens(shared)) == (200, without_tokens(alone)), path
        forget_world(world.environment.engine.url.removeprefix("fake://"))

    def test_nobody_is_shown_what_is_anothers(self) -> None:
        bob, eve = a_user(), a_user()
        a_job(owner=bob, name="of-bob")
        a_job(owner=eve, name="of-eve")
        a_secret(owner=bob, name="secret-of-bob")
        path = reverse("jobs")
        bobs, eves = Viewer(bob), Viewer(eve)
        parts = bobs.parts_of(path)
        found = ask_all(*(each.renewed(path, parts) for each in [bobs, eves] * 5))
        for number, (_, html) in enumerate(found):
            assert ("of-bob" in html, "of-eve" in html) == (number % 2 == 0, number % 2 == 1)

    def test_a_form_in_a_shared_part_carries_the_tokens_of_its_viewer(self) -> None:
        job = a_job(status=JobStatus.RUNNABLE)
        viewers = [Viewer(a_user(is_staff=True)) for _ in range(2)]
        path = reverse("job", args=[job.pk])
        parts = viewers[0].parts_of(path)
        found = ask_all(*(each.renewed(path, parts) for each in viewers))
        tokens = [set(TOKEN.findall(html)) for _, html in found]
        assert tokens[0]
        assert not tokens[0] & tokens[1]
        for viewer, (_, html) in zip(viewers, found, strict=True):
            token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]*)"', html)[0]
            sent = viewer.client.post(
                reverse("job_terminate", args=[job.pk]),
                {"csrfmiddlewaretoken": token, "reason": "enough"},
            )
            assert sent.status_code != 403

    def test_a_request_for_more_parts_than_any_page_has_is_drawn_once(self) -> None:
        viewer = Viewer(a_user(is_staff=True))
        made_up = " ".join(f"part-{number}" for number in range(500))
        with counted_drawings() as drawn:
            ((status, html),) = ask_all(viewer.renewed(reverse("jobs"), f"jobs-table {made_up}"))
        assert (status, drawn) == (200, [])
        assert 'hx-target="#jobs-table"' in html

    def test_parts_that_all_may_see_are_tried_out_in_one_drawing(self) -> None:
        viewer = Viewer(a_user(is_staff=True))
        path = reverse("overview")
        parts = viewer.parts_of(path)
        with counted_drawings() as drawn:
            ask_all(viewer.renewed(path, parts))
        assert len(drawn) == 2

    def test_what_is_gone_is_told_as_ever(self) -> None:
        job = a_job()
        viewer = Viewer(a_user(is_staff=True))
        path = reverse("job", args=[job.pk])
        parts = viewer.parts_of(path)
        job.transitions.all().delete()
        job.delete()
        ((status, _),) = ask_all(viewer.renewed(path, parts))
        assert status == 404

    def test_a_stranger_is_sent_to_log_in(self) -> None:
        async def asked() -> tuple[int, str]:
            headers = {"hx-request": "true", "x-live-regions": "jobs-table"}
            async with open_stream(reverse("jobs"), cookie="", headers=headers) as stream:
                return stream.status, (await stream.body()).decode()

        ((status, _),) = ask_all(asked())
        assert status == 401


def test_the_server_starts_without_django_being_set_up_before() -> None:
    code = "import batchweb.asgi"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "batchweb.settings.test"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)
