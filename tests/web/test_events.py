"""The endpoint `/events/`: pages, the live stream, who may, and rows that are committed out of order."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from jobs import changes
from jobs.domain.states import JobStatus
from jobs.models import Job, JobQueue, Transition
from jobs.selectors.events import history as events
from jobs.selectors.events.history import (
    NOTHING_READ,
    EventFilters,
    EventPage,
    Ids,
    read_events,
    settled_ids,
)
from jobs.services.writing.transition import transition
from tests.builders import NOW, a_job, a_user, an_array
from tests.services.stepping import submitted

from .asgi import Stream, open_stream
from .conftest import script_of
from .test_live import cookie_of, run

pytestmark = pytest.mark.django_db(transaction=True)

STREAM = {"accept": "text/event-stream"}


def move(job: Job, new: JobStatus = JobStatus.RUNNABLE) -> None:
    assert transition(job_ids=[job.id], old=JobStatus(job.status), new=new, now=NOW)


async def in_thread(function: Any, *args: Any) -> None:
    def work() -> None:
        try:
            function(*args)
        finally:
            connections.close_all()

    await asyncio.get_running_loop().run_in_executor(None, work)


async def next_event(stream: Stream) -> dict[str, Any]:
    """The next event with its id; blocks that only keep the place are passed over."""
    async with asyncio.timeout(20):
        while True:
            block = await stream._block()
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "data" in fields:
                found: dict[str, Any] = json.loads(fields["data"])
                return {**found, "cursor": fields["id"]}


def test_a_script_reads_page_by_page(script: Client) -> None:
    jobs = [a_job() for _ in range(3)]
    first = script.get("/events/?limit=2").json()
    assert [each["detail"]["jobId"] for each in first["events"]] == [str(j.id) for j in jobs[:2]]
    assert first["more"]
    second = script.get("/events/", {"after": first["cursor"]}).json()
    assert [each["detail"]["jobId"] for each in second["events"]] == [str(jobs[2].id)]
    assert not second["more"]
    third = script.get("/events/", {"after": second["cursor"]}).json()
    assert third == {"events": [], "cursor": second["cursor"], "more": False}


@pytest.mark.parametrize("after", [f"{2**63 - 1}-0-0", "{next}-0-0", "0-999999-0", "0-0-999999"])
def test_a_cursor_beyond_the_newest_event_is_refused(script: Client, after: str) -> None:
    a_job()
    newest = script.get("/events/?after=now").json()["cursor"].split("-")[0]
    refused = script.get("/events/", {"after": after.format(next=int(newest) + 1)})
    assert refused.status_code == 400
    assert "beyond the newest event" in refused.json()["errors"]["after"][0]
    assert script.get("/events/", {"after": f"{newest}-0-0"}).status_code == 200


def test_from_now_on_nothing_old_is_told(script: Client) -> None:
    a_job()
    now = script.get("/events/?after=now").json()
    assert now["events"] == []
    a_job(name="new")
    page = script.get("/events/", {"after": now["cursor"]}).json()
    assert [each["detail"]["jobName"] for each in page["events"]] == ["new"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("limit=00000000500000", "limit"),
        ("limit=000000001" + "9" * 4400, "limit"),
        ("status=DONE", "status"),
        ("detail-type=x", "detail-type"),
        ("name=%00", "name"),
        ("queue=%00", "queue"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(script: Client, query: str, field: str) -> None:
    answer = script.get(f"/events/?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    stream = script.get(f"/events/?{query}", headers={"Accept": "text/event-stream"})
    assert stream.status_code == (200 if field == "limit" else 400)
    stream.close()


def test_a_queue_may_be_named_by_its_arn(script: Client) -> None:
    job = a_job()
    a_job()
    arn = f"arn:aws:batch:us-east-1:123456789012:job-queue/{job.queue.name}"
    found = script.get("/events/", {"queue": arn, "detail-type": "Batch Job State Change"}).json()
    assert [each["detail"]["jobId"] for each in found["events"]] == [str(job.id)]
    other = arn.replace("123456789012", "210987654321")
    refused = script.get("/events/", {"queue": other})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["queue"])


def test_all_that_is_wrong_with_a_question_is_told_by_its_names(script: Client) -> None:
    wrong = {
        "detail_type": "x",
        "detail-type": "y",
        "queue": "none",
        "status": "DONE",
        "after": "z",
        "limit": "0",
    }
    for accept in ("application/json", "text/event-stream"):
        refused = script.get("/events/", wrong, headers={"Accept": accept})
        assert refused.status_code == 400
        asked = set(wrong) - ({"limit"} if accept == "text/event-stream" else set())
        assert set(refused.json()["errors"]) == asked
    assert "detail_type: There are only after, limit, queue" in refused.json()["message"]


def test_events_of_a_deleted_queue_can_be_asked_for(script: Client) -> None:
    job = a_job()
    JobQueue.objects.filter(pk=job.queue_id).update(status="DELETED", state="DISABLED")
    found = script.get("/events/", {"queue": job.queue.name}).json()["events"]
    assert {each["detail"]["jobId"] for each in found} == {str(job.id)}


def test_a_script_without_a_token_is_told_so_and_a_browser_is_sent_to_the_form(
    db: None, client: Client
) -> None:
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "text/event-stream"}):
        answer = client.get("/events/", headers=headers)
        assert answer.status_code == 401
        assert "Authorization: Bearer bw_" in answer.json()["message"]
    browser = client.get("/events/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert browser.status_code == 302


def test_a_stranger_reads_nothing(db: None, client: Client) -> None:
    assert client.get("/events/", headers={"Accept": "application/json"}).status_code == 401
    assert client.get("/events/", headers={"Accept": "text/event-stream"}).status_code == 401
    assert client.post("/events/").status_code in {302, 401, 403}


def test_a_user_reads_of_his_own_jobs_only() -> None:
    bob = a_user()
    mine, _ = a_job(owner=bob), a_job()
    events = script_of(bob).get("/events/").json()["events"]
    assert [each["detail"]["jobId"] for each in events] == [str(mine.id)]


def test_a_follower_is_told_at_once_and_may_go_on_later() -> None:
    cookie = cookie_of(a_user(is_staff=True))
    job = a_job()

    async def test() -> None:
        async with open_stream("/events/", cookie=cookie, headers=STREAM) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            await in_thread(move, job)
            event = await next_event(stream)
            assert event["detail"]["status"] == "RUNNABLE"
        await in_thread(a_job)
        headers = {**STREAM, "last-event-id": event["cursor"]}
        async with open_stream("/events/?after=now", cookie=cookie, headers=headers) as stream:
            assert (await next_event(stream))["detail"]["status"] == "SUBMITTED"

    run(test)


def test_a_follower_from_the_beginning_is_told_all_of_a_burst(monkeypatch: Any) -> None:
    monkeypatch.setattr("jobs.web.events.STREAM_PAGE", 7)
    cookie = cookie_of(a_user(is_staff=True))
    parent = an_array(50)

    async def test() -> None:
        after = NOTHING_READ.as_text()
        async with open_stream(f"/events/?after={after}", cookie=cookie, headers=STREAM) as stream:
            found = [(await next_event(stream))["detail"]["jobId"] for _ in range(51)]
        assert found == [str(parent.id), *(f"{parent.id}:{index}" for index in range(50))]

    run(test)


def test_who_sees_nothing_of_what_happens_still_keeps_his_place() -> None:
    bob = a_user()
    cookie = cookie_of(bob)

    async def test() -> None:
        async with open_stream("/events/?after=", cookie=cookie, headers=STREAM) as stream:
            assert await stream._block() == f"id: {NOTHING_READ.as_text()}"
            await in_thread(submitted)
            assert await stream._block() != ": still here"

    run(test)


def test_who_reads_slowly_settles_nothing_that_began_meanwhile(monkeypatch: Any) -> None:
    """Two threads of one process: the first one's look at the writers is older than what the second awaits."""
    watermark = events._Watermark()
    looks = iter([(Ids(10, 0, 0), frozenset({"a"})), (Ids(20, 0, 0), frozenset({"b"}))])
    monkeypatch.setattr(events, "_newest_ids_and_writers", lambda: next(looks))
    assert watermark.read().ids == NOTHING_READ

    def slow_look() -> tuple[Ids, frozenset[str]]:
        # Between the first look and what is made of it, another thread settles 10 and awaits "b" for 20.
        assert watermark.read().ids == Ids(10, 0, 0)
        return Ids(12, 0, 0), frozenset({"c"})

    def first_slow_then_others() -> tuple[Ids, frozenset[str]]:
        monkeypatch.setattr(events, "_newest_ids_and_writers", lambda: next(looks))
        return slow_look()

    monkeypatch.setattr(events, "_newest_ids_and_writers", first_slow_then_others)
    assert watermark.read().ids == Ids(10, 0, 0)
    monkeypatch.setattr(
        events, "_newest_ids_and_writers", lambda: (Ids(30, 0, 0), frozenset({"d"}))
    )
    assert watermark.read().ids == Ids(20, 0, 0)


class Other:
    """Another connection to the same database, in a transaction of its own until `commit`."""

    def __init__(self) -> None:
        self.connection = connection.copy()
        self.connection.inc_thread_sharing()
        self.connection.set_autocommit(False)
        self.cursor = self.connection.cursor()

    def write(self, job: Job) -> int:
        self.cursor.execute(
            "INSERT INTO jobs_transition (job_id, attempt_number, from_status, to_status, reason, at) "
            "VALUES (%s, 0, '', 'RUNNABLE', '', %s) RETURNING id",
            [job.id, NOW],
        )
        row_id: int = self.cursor.fetchone()[0]
        return row_id

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()


if connection.vendor == "postgresql":

    @pytest.fixture
    def others() -> Iterator[list[Other]]:
        opened = [Other() for _ in range(3)]
        yield opened
        for other in opened:
            other.connection.close()

    def page_after(after: Ids) -> EventPage:
        user = a_user(is_staff=True)
        return read_events(user=user, filters=EventFilters(), after=after, limit=100)

    def ids_in(page: EventPage) -> list[int]:
        return [row.pk for _, row in page.rows]

    def test_a_row_that_is_committed_late_is_not_missed(others: list[Other]) -> None:
        job = a_job()
        start = settled_ids().ids
        slow, fast, _ = others
        late = slow.write(job)
        early = fast.write(job)
        assert late < early
        fast.commit()
        # The newer row can be seen already, but the older one may still come.
        page = page_after(start)
        assert (ids_in(page), page.cursor, page.pending) == ([], start, True)
        slow.commit()
        page = page_after(start)
        assert (ids_in(page), page.pending) == ([late, early], False)
        assert ids_in(page_after(page.cursor)) == []

    def test_a_row_that_is_rolled_back_holds_nobody_up(others: list[Other]) -> None:
        job = a_job()
        start = settled_ids().ids
        slow, fast, _ = others
        slow.write(job)
        early = fast.write(job)
        fast.commit()
        assert ids_in(page_after(start)) == []
        slow.rollback()
        assert ids_in(page_after(start)) == [early]

    def test_those_who_never_stop_writing_hold_nobody_up(others: list[Other]) -> None:
        job = a_job()
        start = settled_ids().ids
        first, second, third = others
        old = first.write(job)
        second.write(job)
        first.commit()
        assert ids_in(page_after(start)) == []
        # Before the second ends a third has begun: there is always somebody.
        third.write(job)
        second.commit()
        page = page_after(start)
        assert ids_in(page) == [old]
        assert page.pending
        third.commit()
        assert len(ids_in(page_after(page.cursor))) == 2

    def test_who_only_changes_other_tables_holds_nobody_up(others: list[Other]) -> None:
        job = a_job()
        others[0].cursor.execute("UPDATE jobs_job SET name = 'x' WHERE id = %s", [job.id])
        page = page_after(NOTHING_READ)
        assert (len(page.rows), page.pending) == (1, False)
        others[0].rollback()

    def test_a_follower_hears_of_what_was_held_up_as_soon_as_it_may(others: list[Other]) -> None:
        cookie = cookie_of(a_user(is_staff=True))
        job = a_job()
        slow, fast, _ = others

        async def test() -> None:
            async with open_stream("/events/", cookie=cookie, headers=STREAM) as stream:
                written: list[int] = []

                def one_after_the_other() -> None:
                    written.extend((slow.write(job), fast.write(job)))
                    fast.commit()
                    changes.publish([changes.JOBS])
                    slow.commit()

                await in_thread(one_after_the_other)
                cursors = [(await next_event(stream))["cursor"] for _ in range(2)]
                assert [int(each.split("-")[0]) for each in cursors] == written

        run(test)

else:

    def test_what_is_seen_on_sqlite_is_complete() -> None:
        submitted(size=3)
        settled = settled_ids()
        assert settled.ids == settled.newest
        assert settled.ids.transitions == Transition.objects.latest("id").pk
