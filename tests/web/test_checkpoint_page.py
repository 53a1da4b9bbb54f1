"""A job's checkpoint directory in the browser and for scripts, and what its page says of interruptions."""

import asyncio
import io
import tarfile
import threading
from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.domain import names
from jobs.engines.fake.files import FakeFile, Files
from jobs.engines.fake.world import forget_world, world
from jobs.models import Attempt, Capacity, Checkpoint, Instance, Job
from jobs.web import checkpoints as pages
from jobs.web.contexts import checkpoints as contexts
from tests.builders import NOW, a_job, an_attempt, an_engine

from .asgi import open_stream
from .test_live import cookie_of, run

ONLY_IN_ARCHIVE = "only in the archive of all"
HOSTILE = ("<script>alert(1)", "new\nline\u202e", "\udcff", "-rf *", "a&b=c#d?e%2F+f")


def a_checkpoint(**fields: Any) -> tuple[Checkpoint, Files]:
    """One with the volume of a fake engine, and nothing in it."""
    fields = {"status": "SUCCEEDED", "stopped_at": NOW, "attempts_made": 1, **fields}
    job = a_job(**fields)
    engine = an_engine()
    row = Checkpoint.objects.create(
        job=job,
        engine=engine,
        volume=names.checkpoint_volume(job.pk),
        created_at=NOW,
        measured_at=NOW,
        size_bytes=2048,
        file_count=3,
    )
    files = world(engine.url.removeprefix("fake://")).belongings.files
    files._files[row.volume] = {"checkpoint": FakeFile()}
    return row, files


@pytest.fixture
def kept(bob: User) -> Iterator[tuple[Checkpoint, Files]]:
    row, files = a_checkpoint(owner=bob)
    yield row, files
    forget_world(row.engine.url.removeprefix("fake://"))


def write(kept: tuple[Checkpoint, Files], path: str, data: bytes = b"12345") -> None:
    row, files = kept
    files.write(row.volume, f"checkpoint/{path}", FakeFile(data, modified_at=1_700_000_000))


def url(kept: tuple[Checkpoint, Files], rest: str = "") -> str:
    return f"/jobs/{kept[0].pk}/checkpoint/{rest}"


class TestLooking:
    def test_directories_are_listed_with_what_is_below_them(
        self, script: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        write(kept, "state", b"x" * 10)
        write(kept, "deep/er/a", b"x" * 20)
        write(kept, "deep/b", b"x" * 30)
        told = script.get(url(kept)).json()
        assert [
            (each["name"], each["kind"], each["size_bytes"], each["file_count"])
            for each in told["files"]
        ] == [("deep", "directory", 50, 2), ("state", "file", 10, 1)]
        assert told["files"][1]["modified_at"] == "2023-11-14T22:13:20Z"
        deeper = script.get(told["files"][0]["url"]).json()
        assert [each["name"] for each in deeper["files"]] == ["er", "b"]
        assert deeper["path"] == "deep"

    def test_a_large_directory_comes_in_pages(
        self, script: Client, page: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        for number in range(contexts.PAGE + 5):
            write(kept, f"part-{number:04}", b"1")
        first = script.get(url(kept)).json()
        second = script.get(first["next"]).json()
        listed = [each["name"] for each in [*first["files"], *second["files"]]]
        assert listed == [f"part-{number:04}" for number in range(contexts.PAGE + 5)]
        assert second["next"] is None
        assert "part-0104" in page.get(first["next"]).content.decode()

    def test_hostile_names_are_shown_and_not_obeyed(
        self, page: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        for name in HOSTILE:
            write(kept, f"folder/{name}")
        row, files = kept
        files.write(row.volume, "checkpoint/folder/link", FakeFile(target="/etc/<i>passwd"))
        html = page.get(url(kept, "?path=folder")).content.decode()
        assert "<script>alert" not in html
        assert "<i>passwd" not in html
        assert "new\u240aline[U+202E]" in html
        assert "not followed" in html

    def test_each_name_that_is_text_can_be_opened_by_its_link(
        self, script: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        for name in HOSTILE[3:]:
            write(kept, f"{name}/inside")
        write(kept, "\udcff")
        row, files = kept
        files.write(row.volume, "checkpoint/link", FakeFile(target="state"))
        told = {each["name"]: each for each in script.get(url(kept)).json()["files"]}
        for name in HOSTILE[3:]:
            inside = script.get(told[name]["url"]).json()
            assert [each["name"] for each in inside["files"]] == ["inside"]
        assert told["\ufffd"]["url"] is None
        assert (told["link"]["url"], told["link"]["target"]) == (None, "state")

    @pytest.mark.parametrize(
        "query",
        [
            *(
                "?path=none",
                "?path=..",
                "?path=../../etc",
                "?path=link/x",
                "?path=link",
                "?path=state",
            ),
            pytest.param(f"?path={256 * 'n'}", id="too long a name"),
            pytest.param(f"?path={300 * 'd/'}", id="too deep"),
        ],
    )
    def test_what_is_no_directory_is_not_found(
        self, script: Client, kept: tuple[Checkpoint, Files], query: str
    ) -> None:
        write(kept, "state")
        row, files = kept
        files.write(row.volume, "checkpoint/link", FakeFile(target="/"))
        assert script.get(url(kept, query)).status_code == 404

    def test_what_is_too_deep_to_be_opened_is_told_without_a_link(
        self, script: Client, page: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        path = "/".join(["d"] * 238)
        write(kept, f"{path}/last", b"")
        row, files = kept
        there = files._files[row.volume]
        there[f"checkpoint/{path}/last"] = FakeFile()
        there[f"checkpoint/{path}/last/too deep"] = FakeFile(b"1")
        (last,) = script.get(url(kept, f"?path={path}")).json()["files"]
        (too_deep,) = script.get(last["url"]).json()["files"]
        assert (too_deep["name"], too_deep["url"]) == ("too deep", None)
        assert ONLY_IN_ARCHIVE in page.get(last["url"]).content.decode()

    def test_what_has_a_name_that_is_no_text_is_told_to_be_in_the_archive(
        self, page: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        write(kept, "state")
        assert ONLY_IN_ARCHIVE not in page.get(url(kept)).content.decode()
        write(kept, "\udcff")
        assert ONLY_IN_ARCHIVE in page.get(url(kept)).content.decode()

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("?page=x", "page: This is a whole number from 1 to 999999."),
            ("?page=0", "page: This is a whole number from 1 to 999999."),
            ("?page=-1", "page: This is a whole number from 1 to 999999."),
            ("?node=-1", "node: This is a whole number, 0 or more."),
            ("?node=1e3", "node: This is a whole number, 0 or more."),
            ("?node=\u0661", "node: This is a whole number, 0 or more."),
        ],
    )
    def test_what_is_no_such_number_is_refused(
        self, script: Client, kept: tuple[Checkpoint, Files], query: str, said: str
    ) -> None:
        answer = script.get(url(kept, query))
        assert (answer.status_code, answer.json()["message"]) == (400, said)

    @pytest.mark.parametrize("rest", ["", "archive/", "file/"])
    def test_a_node_that_there_is_not_is_not_found(
        self, script: Client, kept: tuple[Checkpoint, Files], rest: str
    ) -> None:
        answer = script.get(url(kept, f"{rest}?path=x&node=1"))
        assert answer.status_code == 404
        assert answer.json()["message"] == "This job has no node 1: its last is 0."

    def test_an_engine_that_is_away_is_a_readable_error(
        self, page: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        world(kept[0].engine.url.removeprefix("fake://")).vanish()
        answer = page.get(url(kept))
        assert answer.status_code == 503
        assert "does not give them just now" in answer.content.decode()

    @pytest.mark.parametrize("rest", ["", "file/?path=state", "archive/", "delete/"])
    def test_it_is_there_for_its_owner_and_administrators_only(
        self, page: Client, bobs_page: Client, kept: tuple[Checkpoint, Files], rest: str
    ) -> None:
        other, _ = a_checkpoint()
        assert bobs_page.get(f"/jobs/{other.pk}/checkpoint/{rest}").status_code == 404
        assert bobs_page.post(f"/jobs/{other.pk}/checkpoint/delete/").status_code == 404
        write(kept, "state")
        assert Client().get(url(kept, rest)).status_code == 302
        for client in (page, bobs_page):
            if "file" not in rest and "archive" not in rest:
                assert client.get(url(kept, rest)).status_code == 200

    def test_what_was_deleted_is_not_found(
        self, page: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        Checkpoint.objects.update(removed_at=NOW)
        assert page.get(url(kept)).status_code == 404


@pytest.mark.django_db(transaction=True)
class TestDownloads:
    def test_a_file_is_saved_byte_for_byte_and_never_shown(
        self, kept: tuple[Checkpoint, Files]
    ) -> None:
        data = bytes(range(256)) * 1000
        write(kept, "deep/<b>.html", data)
        cookie = cookie_of(kept[0].job.owner)

        async def test() -> None:
            path = url(kept, "file/?path=deep%2F%3Cb%3E.html")
            async with open_stream(path, cookie=cookie) as stream:
                assert await stream.body() == data
                assert stream.headers["content-disposition"] == 'attachment; filename="<b>.html"'
                assert stream.headers["content-type"] == "application/octet-stream"
                assert stream.headers["content-length"] == str(len(data))
                assert "sandbox" in stream.headers["content-security-policy"]

        run(test)

    def test_all_files_come_as_an_archive(self, kept: tuple[Checkpoint, Files]) -> None:
        write(kept, "state", b"1")
        write(kept, "deep/more", b"22")
        cookie = cookie_of(kept[0].job.owner)

        async def test() -> None:
            async with open_stream(url(kept, "archive/"), cookie=cookie) as stream:
                with tarfile.open(fileobj=io.BytesIO(await stream.body())) as tar:
                    root = f"checkpoint-{kept[0].pk}"
                    assert tar.getnames() == [
                        *(root, f"{root}/deep", f"{root}/deep/more", f"{root}/state")
                    ]
                assert f"{root}.tar" in stream.headers["content-disposition"]

        run(test)


def test_a_viewer_who_leaves_in_the_middle_of_a_block_ends_the_read() -> None:
    entered, leave, closed = threading.Event(), threading.Event(), threading.Event()

    def blocks() -> Generator[bytes, None, None]:
        try:
            yield b"first"
            entered.set()
            assert leave.wait(60)
            yield b"second"
        finally:
            closed.set()

    async def test() -> None:
        download = pages._in_thread(blocks())
        assert await anext(download) == b"first"
        waiting = asyncio.ensure_future(anext(download))
        assert await asyncio.to_thread(entered.wait, 10)
        waiting.cancel()
        leave.set()
        await asyncio.wait([waiting])
        assert waiting.cancelled()

    run(test)
    assert closed.is_set()


class TestDeleting:
    def test_it_asks_first_and_then_says_so(
        self, bobs_page: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        asked = bobs_page.get(url(kept, "delete/")).content.decode()
        assert "It cannot be brought back" in asked
        said = bobs_page.post(url(kept, "delete/"), follow=True).content.decode()
        assert "is being deleted" in said
        assert Checkpoint.objects.get().remove_asked_at is not None

    def test_while_the_job_lives_it_is_refused(
        self, script: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        Job.objects.update(status="RUNNING", stopped_at=None)
        answer = script.post(url(kept, "delete/"))
        assert answer.status_code == 409
        assert "has not ended" in answer.json()["message"]
        assert Checkpoint.objects.get().remove_asked_at is None


class TestTheJobsPage:
    def test_it_tells_what_is_kept(self, page: Client, kept: tuple[Checkpoint, Files]) -> None:
        html = page.get(f"/jobs/{kept[0].pk}/").content.decode()
        assert "2.0\xa0KB" in html
        assert "3 files" in html
        assert url(kept) in html
        told = page.get(f"/jobs/{kept[0].pk}/?format=json").json()["checkpoint"]
        assert (told["size_bytes"], told["file_count"]) == (2048, 3)
        Checkpoint.objects.update(removed_at=NOW)
        html = page.get(f"/jobs/{kept[0].pk}/").content.decode()
        assert "It was deleted" in html
        assert url(kept) not in html

    def test_an_empty_directory_is_not_mentioned(
        self, page: Client, kept: tuple[Checkpoint, Files]
    ) -> None:
        Checkpoint.objects.update(size_bytes=0, file_count=0)
        assert "checkpoint-title" not in page.get(f"/jobs/{kept[0].pk}/").content.decode()

    def test_an_interruption_counts_down_until_it_is_over(self, page: Client) -> None:
        now = timezone.now()
        job = a_job(status="RUNNING", attempts_made=1, attempts_allowed=2, started_at=NOW)
        attempt = an_attempt(
            job=job,
            started_at=NOW,
            interrupted_at=now,
            interruption_kill_at=now + timedelta(seconds=100),
            interruption_reason="Job <b> needs its room.",
        )
        html = page.get(f"/jobs/{job.pk}/").content.decode()
        assert 'id="interruption"' in html
        assert "in 1 min" in html
        assert "Job &lt;b&gt; needs its room." in html
        told = page.get(f"/jobs/{job.pk}/?format=json").json()["attempts"][0]
        assert told["interruption_reason"] == "Job <b> needs its room."
        assert told["interrupted_at"]
        Attempt.objects.filter(pk=attempt.pk).update(ended_at=now)
        assert 'id="interruption"' not in page.get(f"/jobs/{job.pk}/").content.decode()

    def test_the_history_says_where_it_was_resumed(self, page: Client) -> None:
        job = a_job(status="RUNNING", attempts_made=2, attempts_allowed=3, started_at=NOW)
        an_attempt(
            job=job,
            number=1,
            capacity=Capacity.SPOT,
            started_at=NOW,
            stopped_at=NOW,
            ended_at=NOW,
            interrupted_at=NOW,
            interruption_kill_at=NOW,
            interruption_reason="The price passed the bid.",
        )
        second = an_attempt(job=job, number=2, capacity=Capacity.SPOT)
        html = page.get(f"/jobs/{job.pk}/").content.decode()
        assert "Interrupted at" in html
        assert "Resumed at" not in html
        second.instance = Instance.objects.create(
            instance_id="i-0123456789abcdef0",
            environment=second.environment,
            node=second.node,
            type_name="c5.xlarge",
            milli_vcpus=4000,
            memory_mib=8192,
            is_spot=True,
            usd_per_hour="0.17",
            launched_at=NOW,
        )
        second.started_at = NOW
        second.save()
        html = page.get(f"/jobs/{job.pk}/").content.decode()
        assert "Resumed at" in html
        assert "i-0123456789abcdef0</span> (c5.xlarge)." in html
