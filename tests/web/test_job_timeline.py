"""The timeline: when a job, those around it, or an array's children waited, started and ran."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.domain import ids
from jobs.models import Job, JobDependency, Transition
from jobs.selectors.timelines import Run
from jobs.web.contexts.timeline import Scale, pack
from tests.builders import NOW, a_group, a_job, an_array, containers_of

# Session, user, the job; then runs, a page of children, and their history.
ARRAY_QUERIES = 6
MAX_BYTES = 100_000


def history(job: Job, *steps: tuple[str, int]) -> None:
    """Statuses, each entered so many seconds after NOW; the first line is there."""
    Transition.objects.bulk_create(
        Transition(job=job, to_status=status, at=NOW + timedelta(seconds=seconds))
        for status, seconds in steps
    )


def ran(array: Job, *, every: int, seconds: int) -> None:
    """All children ran, one begun after the other, each for so long."""
    children = list(Job.objects.filter(parent=array))
    for child in children:
        begun = NOW + timedelta(seconds=every * (child.array_index or 0))
        child.started_at, child.stopped_at = begun, begun + timedelta(seconds=seconds)
    Job.objects.bulk_update(children, ["started_at", "stopped_at"], batch_size=500)


def bars(client: Client, job: Job) -> list[tuple[str, dict[str, float]]]:
    told = client.get(f"/jobs/{job.pk}/timeline/", {"format": "json"}).json()
    return [(bar["label"], bar["seconds"]) for bar in told["bars"]]


def test_a_job_waited_started_and_ran(page: Client) -> None:
    job = a_job(name="solve", status="FAILED", stopped_at=NOW + timedelta(seconds=60))
    history(job, ("RUNNABLE", 1), ("STARTING", 11), ("RUNNING", 15), ("FAILED", 60))
    assert bars(page, job) == [("solve", {"queued": 10, "starting": 4, "ran": 45})]
    html = page.get(f"/jobs/{job.pk}/timeline/").text
    assert 'class="bw-failed bw-ran" x="250"' in html
    assert "queued 10 s, starting 4.0 s, ran 45 s" in html


def test_a_job_of_several_containers_has_a_row_for_each(page: Client) -> None:
    group = a_group(ecs_properties=containers_of({"name": "web"}, {"name": "metrics"}))
    labels = [label for label, _ in bars(page, group[0].job)]
    assert labels == [group[0].job.name, "web", "metrics"]


def test_the_jobs_around_it_are_rows_in_the_order_of_their_turns(page: Client) -> None:
    before, job, after = (
        a_job(name=name, status="PENDING", has_dependents=True) for name in ("load", "fit", "plot")
    )
    JobDependency.objects.create(job=job, on=before)
    JobDependency.objects.create(job=after, on=job)
    assert [label for label, _ in bars(page, job)] == ["load", "fit", "plot"]


def test_a_small_array_has_a_row_for_each_child(page: Client) -> None:
    array = an_array(3, children="SUCCEEDED")
    ran(array, every=1, seconds=5)
    html = page.get(f"/jobs/{array.pk}/timeline/").text
    assert html.count('<li id="bar-') == 3
    assert "bw-lanes" not in html


@pytest.mark.parametrize("size", [60, 600])
def test_a_large_array_is_packed_and_its_rows_are_paged(
    page: Client, size: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    array = an_array(size, children="SUCCEEDED")
    ran(array, every=1, seconds=4)
    with django_assert_num_queries(ARRAY_QUERIES):
        html = page.get(f"/jobs/{array.pk}/timeline/").text
    assert f"{size} runs in" in html
    assert "at most 4 at once" in html
    assert html.count('<li id="bar-') == 25
    following = page.get(f"/jobs/{array.pk}/timeline/", {"after": "24"}).text
    assert f'href="/jobs/{array.pk}:25/"' in following
    assert f'href="/jobs/{array.pk}:24/"' not in following


def test_ten_thousand_runs_stay_light() -> None:
    runs = [Run(n / 7, n, "SUCCEEDED", n / 7 + 30 + n % 11) for n in range(10_000)]
    packed = pack(runs, Scale(0, 1500), 1500.0)
    assert packed.most > 200
    assert sum(len(lane.path) for lane in packed.lanes) < MAX_BYTES / 2


def test_runs_that_do_not_overlap_share_a_lane() -> None:
    runs = [
        Run(0, 0, "SUCCEEDED", 10),
        Run(2, 1, "FAILED", 4),
        Run(5, 2, "SUCCEEDED", 9),
        Run(10, 3, "RUNNING", None),
    ]
    packed = pack(runs, Scale(0, 20), 20.0)
    assert packed.most == 2
    paths = {lane.status: lane.path for lane in packed.lanes}
    assert paths == {
        "SUCCEEDED": "M0 6.0h500M250 18.0h200",
        "FAILED": "M100 18.0h100",
        "RUNNING": "M500 18.0h500",
    }
    assert [run.array_index for run in packed.longest] == [0, 3, 2, 1]


def test_the_place_of_every_bar_is_within_the_drawing(page: Client) -> None:
    array = an_array(60, children="RUNNING")
    Job.objects.filter(pk=ids.child_id(array.pk, 1)).update(started_at=NOW)
    html = page.get(f"/jobs/{array.pk}/timeline/").text
    for x, width in re.findall(r'x="(-?\d+)" width="(-?\d+)"', html):
        assert 0 <= int(x) < 1000
        assert 0 < int(width) <= 1000


def test_a_stranger_sees_no_timeline(bobs_page: Client) -> None:
    assert bobs_page.get(f"/jobs/{a_job().pk}/timeline/").status_code == 404
