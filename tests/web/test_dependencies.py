"""What a job waits for, what waits for it, and the graph of both."""

import itertools

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.domain import ids
from jobs.models import Job, JobDependency
from jobs.selectors.dependencies import LEVEL_SIZE, graph_of, waited_for_by
from tests.builders import a_job, an_array

# One hop each way, however many jobs are there: what it waits for, what waits for it, two levels.
GRAPH_QUERIES = 4


def depend(job: Job, on: Job, kind: str = "", *, met: bool = False) -> None:
    JobDependency.objects.create(job=job, on=on, type=kind, met=met)
    Job.objects.filter(pk=on.pk).update(has_dependents=True)
    on.has_dependents = True


def chain(length: int) -> list[Job]:
    """Each waits for the one before."""
    jobs = [a_job(name=f"link-{place}", status="PENDING") for place in range(length)]
    for before, after in itertools.pairwise(jobs):
        depend(after, before)
    return jobs


def test_a_pending_job_says_which_jobs_it_waits_for_now(page: Client, script: Client) -> None:
    job, done = a_job(status="PENDING"), a_job(name="prepare", status="SUCCEEDED")
    running = a_job(name="load", status="RUNNING", attempts_made=1)
    array = an_array(3, name="render")
    depend(job, done, met=True)
    depend(job, running)
    depend(job, array)
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    notice = html[html.index('id="why-pending"') : html.index("bw-job-columns")]
    assert "Waiting for 2 jobs to succeed." in notice
    assert "load" in notice
    assert "render" in notice
    assert "prepare" not in notice
    assert "all its children must succeed" in html
    told = script.get(f"/jobs/{job.pk}/").json()
    assert [(each["name"], each["met"]) for each in told["depends_on"]] == [
        ("prepare", True),
        ("load", False),
        ("render", False),
    ]


def test_a_child_waits_for_its_counterpart(page: Client) -> None:
    first, second = an_array(3, name="split"), an_array(3, name="merge", children="PENDING")
    depend(second, first, "N_TO_N")
    Job.objects.filter(pk=ids.child_id(first.pk, 1)).update(
        status="SUCCEEDED", stopped_at=first.created_at
    )
    waiting = page.get(f"/jobs/{second.pk}:0/").content.decode()
    assert f'href="/jobs/{first.pk}:0/"' in waiting
    assert "its counterpart, must succeed" in waiting
    assert 'id="why-pending"' in waiting
    free = page.get(f"/jobs/{second.pk}:1/").content.decode()
    assert 'id="why-pending"' not in free
    whole = page.get(f"/jobs/{second.pk}/").content.decode()
    assert "child i here waits for child i there" in whole


def test_what_waits_is_listed_and_counted(page: Client, script: Client, admin: User) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    for _ in range(13):
        depend(a_job(status="PENDING"), job)
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "13 jobs wait for it" in html
    assert "and 3 more" in html
    assert script.get(f"/jobs/{job.pk}/").json()["dependent_count"] == 13
    found = waited_for_by(job=job, user=admin)
    assert (len(found.edges), found.count, found.is_capped) == (10, 13, False)


def test_a_stranger_s_jobs_are_not_shown(bob: User, bobs_page: Client) -> None:
    mine, theirs = a_job(owner=bob, status="RUNNING"), a_job(name="zzz-hidden", status="PENDING")
    depend(theirs, mine)
    assert "zzz-hidden" not in bobs_page.get(f"/jobs/{mine.pk}/").content.decode()
    assert not graph_of(job=mine, user=bob)


def test_the_graph_goes_as_many_steps_as_asked_for(admin: User, page: Client) -> None:
    jobs = chain(9)
    middle = jobs[4]

    def names(hops: int) -> list[str]:
        graph = graph_of(job=middle, user=admin, hops=hops)
        return [job.name for level in graph.levels for job in level.jobs]

    assert names(1) == ["link-3", "link-4", "link-5"]
    assert names(3) == [f"link-{place}" for place in range(1, 8)]
    near = page.get(f"/jobs/{middle.pk}/").content.decode()
    assert "Show 3 steps each way" in near
    far = page.get(f"/jobs/{middle.pk}/?hops=3").content.decode()
    assert "link-1" in far
    assert "Show 5 steps each way" in far
    assert "link-0" not in far
    assert page.get(f"/jobs/{middle.pk}/?hops=99").status_code == 400


def test_a_diamond_is_drawn_once_with_all_its_edges(admin: User, page: Client) -> None:
    top, left, right, bottom = (a_job(name=name, status="PENDING") for name in "abcd")
    for job, on in ((left, top), (right, top), (bottom, left), (bottom, right)):
        depend(job, on)
    graph = graph_of(job=top, user=admin, hops=2)
    assert [[job.name for job in level.jobs] for level in graph.levels] == [
        ["a"],
        ["b", "c"],
        ["d"],
    ]
    drawing = page.get(f"/jobs/{top.pk}/?hops=2").context["graph"]()
    assert (len(drawing.boxes), len(drawing.curves)) == (4, 4)
    assert [box.label for box in drawing.boxes if box.is_centre] == ["a"]


def test_a_wide_level_says_that_not_all_is_drawn(page: Client) -> None:
    job = a_job(status="RUNNING", attempts_made=1)
    for _ in range(LEVEL_SIZE + 2):
        depend(a_job(status="PENDING"), job)
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "Not all jobs are drawn." in html


@pytest.mark.parametrize("count", [1, 9])
def test_the_graph_takes_as_many_queries_for_many_jobs_as_for_one(
    page: Client, admin: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = a_job(status="PENDING")
    for _ in range(count):
        depend(job, a_job(status="RUNNING"))
        depend(a_job(status="PENDING"), job)
    headers = {"HX-Request": "true", "X-Live-Regions": "job-dependencies"}
    with django_assert_num_queries(3 + GRAPH_QUERIES):
        page.get(f"/jobs/{job.pk}/", headers=headers)


def test_a_job_by_itself_has_no_such_part(page: Client) -> None:
    assert 'id="dependencies"' not in page.get(f"/jobs/{a_job().pk}/").content.decode()
