"""Arrays: the page of the whole, the grid, its children, and the ways to end and to rerun them."""

import re
from collections.abc import Iterable
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs import changes
from jobs.domain import ids, reasons
from jobs.engines.base import LogFrame, LogSource
from jobs.models import ArraySummary, Job, StopKind
from jobs.scheduling.plan import Wait, WaitCode
from jobs.selectors import arrays as selectors
from jobs.services.passes.wait_reasons import record_waits
from jobs.web.contexts.arrays import KINDS_WITH_LAST_LINE
from tests.builders import NOW, a_job, an_array, an_attempt
from tests.joblogs.writing import Writer, frame, numbered

JSON = {"Accept": "application/json"}
# Session, user, the job; then the grid, failures, children, cost, history, reruns, logins of registries.
PAGE_QUERIES = 12
# And what the first children that failed printed last: their tries, whose logs, and the ends of these.
LINES_QUERIES = 3
LIST_QUERIES = 9
# And: pace, the first child that waits, its needs and place among all queues that share its machines.
LIVE_QUERIES = 23
MAX_BYTES = 100_000


def mixed(size: int = 10, **fields: object) -> Job:
    """A FAILED array whose children 3 and 4 failed with exit code 1, and 7 with 137."""
    array = an_array(size, children="SUCCEEDED", **fields)
    Job.objects.filter(pk=array.pk).update(status="FAILED")
    for index, code in ((3, 1), (4, 1), (7, 137)):
        Job.objects.filter(pk=ids.child_id(array.pk, index)).update(
            status="FAILED", exit_code=code, status_reason=reasons.ESSENTIAL_EXITED, cost_usd=1
        )
    ArraySummary.objects.filter(job=array).update(succeeded=size - 3, failed=3)
    return array


def test_the_grid_has_a_character_for_each_child(db: None) -> None:
    array = mixed()
    assert selectors.grid_of(array) == "5556655655"
    Job.objects.filter(pk=ids.child_id(array.pk, 0)).delete()
    assert selectors.grid_of(array).startswith(selectors.NO_CHILD)


def test_the_page_shows_counts_failures_and_children(page: Client) -> None:
    array = mixed()
    html = page.get(f"/jobs/{array.pk}/").content.decode()
    for told in (
        "array of 10",
        "100% ended",
        'data-grid="5556655655"',
        "Exit code 1",
        "Exit code 137",
    ):
        assert told in html
    assert f'href="/jobs/{array.pk}:3/"' in html
    assert "Rerun failed children" in html
    groups = page.get(f"/jobs/{array.pk}/").context["failures"]()
    assert [(each.group.reason, each.group.count, each.group.first_index) for each in groups] == [
        ("Exit code 1", 2, 3),
        ("Exit code 137", 1, 7),
    ]


@pytest.mark.parametrize("size", [20, 2000])
def test_the_page_costs_as_many_queries_for_many_children_as_for_few(
    page: Client, size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    array = mixed(size)
    with django_assert_num_queries(PAGE_QUERIES):
        page.get(f"/jobs/{array.pk}/")


@pytest.mark.parametrize("size", [20, 300])
def test_so_does_the_page_of_an_array_that_goes_on(
    page: Client, size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    array = an_array(size, children="RUNNABLE")
    child = Job.objects.get(pk=ids.child_id(array.pk, 0))
    child.status, child.started_at, child.stopped_at = "SUCCEEDED", NOW, NOW
    child.save()
    ArraySummary.objects.filter(job=array).update(runnable=size - 1, succeeded=1)
    with django_assert_num_queries(LIVE_QUERIES):
        page.get(f"/jobs/{array.pk}/")


def failed_with(array: Job, index: int, *frames: LogFrame) -> None:
    """A child that failed at its first try, having printed this."""
    child = Job.objects.get(pk=ids.child_id(array.pk, index))
    Job.objects.filter(pk=child.pk).update(status="FAILED", attempts_made=1)
    attempt = an_attempt(job=child, started_at=NOW, ended_at=NOW, exit_code=child.exit_code)
    Writer(attempt).write(list(frames))


def test_each_kind_of_failure_tells_what_its_first_child_printed_last(
    page: Client, script: Client
) -> None:
    array = mixed()
    error = frame(b"no <b>input</b>\n", source=LogSource.STDERR)
    failed_with(array, 3, error, *numbered(2))
    failed_with(array, 4, frame(b"of another child\n"))
    failed_with(array, 7, *numbered(3))
    html = page.get(f"/jobs/{array.pk}/").text
    assert f'href="/jobs/{array.pk}:3/#L1"' in html
    assert "no &lt;b&gt;input&lt;/b&gt;</code>" in html
    assert "line 2</code>" in html
    assert "of another child" not in html
    told = script.get(f"/jobs/{array.pk}/").json()["failures"]
    assert [each["last_line"] for each in told] == ["no <b>input</b>", "line 2"]


@pytest.mark.parametrize("kinds", [1, 9])
def test_many_kinds_of_failures_cost_as_many_queries_as_one(
    page: Client, kinds: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    array = an_array(20, children="FAILED")
    for index in range(kinds):
        Job.objects.filter(pk=ids.child_id(array.pk, index)).update(status_reason=f"Kind {index}")
        failed_with(array, index, frame(b"printed\n"))
    Job.objects.filter(parent=array, attempts_made=0).update(status="SUCCEEDED")
    ArraySummary.objects.filter(job=array).update(failed=kinds, succeeded=20 - kinds)
    with django_assert_num_queries(PAGE_QUERIES + LINES_QUERIES):
        html = page.get(f"/jobs/{array.pk}/").text
    assert html.count("printed</code>") == min(kinds, KINDS_WITH_LAST_LINE)


def test_the_page_of_the_largest_array_stays_light(page: Client) -> None:
    array = an_array(10_000)
    assert len(page.get(f"/jobs/{array.pk}/").content) < MAX_BYTES


def test_a_change_brings_the_grid_alone(
    page: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    array = mixed()
    headers = {"HX-Request": "true", "X-Live-Regions": "array-grid"}
    with django_assert_num_queries(4):
        html = page.get(f"/jobs/{array.pk}/", headers=headers).content.decode()
    assert "data-grid=" in html
    assert "Why children failed" not in html


def test_why_the_first_child_waits_is_renewed_when_the_scheduler_says_it_anew(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = an_array(3, children="RUNNABLE")
    html = page.get(f"/jobs/{array.pk}/").content.decode()
    (heard,) = re.findall(r'id="array-waits"[^>]* data-live="([^"]*)"', html)
    told: list[str] = []

    def publish(topics: Iterable[str]) -> None:
        told.extend(topics)

    monkeypatch.setattr(changes, "publish", publish)
    child = ids.child_id(array.pk, 0)
    wait = Wait(child, array.queue_id, WaitCode.ENVIRONMENT_FULL, "No room.")
    record_waits([(wait, None)], NOW)
    assert set(told) & set(heard.split())


def test_an_array_is_one_row_of_the_list_with_a_bar(
    page: Client, script: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    arrays = [mixed() for _ in range(3)]
    with django_assert_num_queries(LIST_QUERIES):
        html = page.get("/jobs/").content.decode()
    assert html.count("bw-array-bar") == 3
    assert "7 SUCCEEDED, 3 FAILED" in html
    rows = script.get("/jobs/").json()["results"]
    assert [row["id"] for row in rows] == [str(array.pk) for array in reversed(arrays)]
    assert rows[0]["array"]["status_summary"]["FAILED"] == 3


def test_children_are_narrowed_by_status_and_paged_by_index(script: Client, page: Client) -> None:
    array = mixed(60)
    url, found = f"/jobs/{array.pk}/children/?status=succeeded", []
    while url:
        answer = script.get(url).json()
        found += [row["array"]["index"] for row in answer["results"]]
        url = answer["next"]
    assert found == [index for index in range(60) if index not in {3, 4, 7}]
    html = page.get(f"/jobs/{array.pk}/?status=FAILED").content.decode()
    assert "Children that are FAILED" in html
    assert 'id="child-3"' in html
    assert 'id="child-5"' not in html
    nothing = page.get(f"/jobs/{array.pk}/?status=RUNNING").content.decode()
    assert "No child is RUNNING" in nothing


@pytest.mark.parametrize("query", ["status=odd", "after=x", "after=-1", "after=" + "9" * 20])
def test_a_bad_query_names_its_parameter(script: Client, query: str) -> None:
    array = an_array(2)
    for url in (f"/jobs/{array.pk}/children/", f"/jobs/{array.pk}/"):
        answer = script.get(f"{url}?{query}")
        assert answer.status_code == 400
        assert set(answer.json()["errors"]) == {query.partition("=")[0]}


def test_a_job_that_is_no_array_has_no_children(script: Client) -> None:
    assert script.get(f"/jobs/{a_job().pk}/children/").status_code == 404


def test_a_child_is_had_by_both_its_ids(page: Client, script: Client) -> None:
    array = an_array(3)
    child = ids.child_id(array.pk, 1)
    by_index = f"/jobs/{array.pk}:1/"
    told = script.get(f"/jobs/{child}/").json()
    assert (told["id"], told["uuid"], told["url"]) == (f"{array.pk}:1", str(child), by_index)
    assert told["array"] == {"size": 3, "index": 1, "parent": str(array.pk)}
    html = page.get(by_index).content.decode()
    for link in (f"/jobs/{array.pk}/", f"/jobs/{array.pk}:0/", f"/jobs/{array.pk}:2/"):
        assert f'href="{link}"' in html
    assert f"{array.pk}:1" in html
    assert page.post(f"{by_index}cancel/")["Location"] == by_index


@pytest.mark.parametrize("index", ["3", "9999", "99999", "x", "-1"])
def test_a_child_that_there_is_not_is_not_found(script: Client, index: str) -> None:
    array = an_array(3)
    assert script.get(f"/jobs/{array.pk}:{index}/").status_code == 404
    child = ids.child_id(array.pk, 1)
    assert script.get(f"/jobs/{child}:1/").status_code == 404


def test_a_stranger_sees_neither_array_nor_children(bobs_page: Client, admin: User) -> None:
    array = an_array(2, owner=admin)
    for path in ("", ":0", "/children"):
        assert bobs_page.get(f"/jobs/{array.pk}{path}/").status_code == 404
    assert bobs_page.post(f"/jobs/{array.pk}/rerun/").status_code == 404


def test_failed_children_are_run_again_with_one_click(page: Client, script: Client) -> None:
    array = mixed()
    answer = page.post(f"/jobs/{array.pk}/rerun/")
    again = Job.objects.get(rerun_of=array)
    assert answer["Location"] == f"/jobs/{again.pk}/"
    assert selectors.grid_of(again) == "...11..1.."
    html = page.get(f"/jobs/{again.pk}/").content.decode()
    assert f'href="/jobs/{array.pk}/"' in html
    assert "3 failed children are submitted again. This is the new " in html
    assert "3 of an array of 10" in html
    assert "3 of 10" in page.get("/jobs/").content.decode()
    html = page.get(f"/jobs/{array.pk}/").content.decode()
    assert f'as <a href="/jobs/{again.pk}/"' in html
    assert "Rerun failed children once more" in html


def test_an_array_that_has_succeeded_runs_once_more_as_a_whole(
    page: Client, script: Client
) -> None:
    fine = an_array(2, children="SUCCEEDED")
    html = page.get(f"/jobs/{fine.pk}/").content.decode()
    assert "Rerun all children" in html
    answer = script.post(f"/jobs/{fine.pk}/rerun/")
    assert answer.status_code == 201
    again = Job.objects.get(rerun_of=fine)
    assert selectors.grid_of(again) == "11"
    refused = script.post(f"/jobs/{again.pk}/rerun/")
    assert refused.status_code == 409
    assert "has not ended yet" in refused.json()["message"]


def test_a_cancelled_array_may_still_be_terminated(page: Client) -> None:
    array = an_array(4, children="RUNNING")
    html = page.get(f"/jobs/{array.pk}/").content.decode()
    assert "Cancel waiting" in html
    assert "Terminate all" in html
    Job.objects.filter(pk=array.pk).update(
        stop_requested_at=array.created_at, stop_kind=StopKind.CANCEL, stop_reason="night"
    )
    html = page.get(f"/jobs/{array.pk}/").content.decode()
    assert "what runs goes on" in html
    assert "Cancel waiting" not in html
    assert "Terminate all" in html


def test_the_json_tells_the_array_and_its_failures(script: Client) -> None:
    array = mixed()
    for index, capacity in ((3, "UNMANAGED"), (7, "SPOT")):
        an_attempt(
            job=Job.objects.get(pk=ids.child_id(array.pk, index)),
            capacity=capacity,
            ended_at=NOW,
            cost_usd=Decimal("1.5"),
            on_demand_usd=Decimal(4),
            idle_usd=Decimal("0.25"),
        )
    told = script.get(f"/jobs/{array.pk}/").json()
    assert told["array"]["size"] == 10
    first = {"reason": "Exit code 1", "count": 2, "first_index": 3, "last_line": None}
    assert told["failures"][0] == first
    costs = [told[name] for name in ("cost_usd", "idle_usd", "saving_usd")]
    assert costs == ["3.000000000", "0.500000000", "2.500000000"]
    assert told["children_url"] == f"/jobs/{array.pk}/children/"


def test_the_children_of_a_sequential_array_say_whom_they_wait_for(page: Client) -> None:
    array = an_array(3, children="PENDING", sequential=True)
    first = page.get(f"/jobs/{array.pk}:0/").content.decode()
    assert "It is the first" in first
    second = page.get(f"/jobs/{array.pk}:1/")
    html = second.content.decode()
    assert "Waiting for a job to succeed." in html
    assert f'href="/jobs/{array.pk}:0/"' in html


def test_pages_of_arrays_hold_no_inline_script_or_style(page: Client) -> None:
    array = mixed(3000, sequential=True)
    for url in (f"/jobs/{array.pk}/", f"/jobs/{array.pk}:3/", "/jobs/"):
        html = page.get(url).content.decode()
        for banned in ("<script>", " style=", " onclick=", " hx-on"):
            assert banned not in html


def test_the_way_of_a_child_begins_where_it_was_born(page: Client) -> None:
    array = an_array(2, children="RUNNABLE")
    child = Job.objects.get(pk=ids.child_id(array.pk, 0))
    child.transitions.update(to_status="PENDING")
    steps = page.get(f"/jobs/{array.pk}:0/").context["steps"]()
    assert [step.status for step in steps][:2] == ["PENDING", "RUNNABLE"]
