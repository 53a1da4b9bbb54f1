"""Tries of several containers and nodes: rows, logs, costs, and why they run or wait."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.models import Attempt, Job
from jobs.selectors.waiting import front
from jobs.web.contexts import job as contexts
from jobs.web.contexts.attempts import chosen, tries_of
from jobs.web.contexts.job_cost import cost_of
from tests.builders import NOW, a_job, an_attempt
from tests.joblogs.writing import Writer, numbered

PAGE_QUERIES = 15
NAMES = ("web", "init", "metrics")


def several(number: int, job: Job, **fields: Any) -> list[Attempt]:
    """A try of three containers, of which the first is essential."""
    return [
        an_attempt(
            job=job,
            number=number,
            container_index=index,
            container_name=name,
            essential=name == "web",
            **fields,
        )
        for index, name in enumerate(NAMES)
    ]


def ended(**fields: Any) -> dict[str, Any]:
    return {
        "started_at": NOW,
        "stopped_at": NOW + timedelta(seconds=70),
        "ended_at": NOW + timedelta(seconds=71),
        **fields,
    }


def two_tries() -> tuple[Job, list[Attempt], list[Attempt]]:
    job = a_job(status="RUNNING", attempts_made=2, attempts_allowed=3, started_at=NOW)
    first = several(1, job, **ended(exit_code=0, cost_usd=Decimal("0.25")))
    Attempt.objects.filter(pk=first[0].pk).update(exit_code=3, explanation="Web ended with 3.")
    return job, first, several(2, job, started_at=timezone.now())


def test_containers_stand_below_their_try(page: Client) -> None:
    job, first, second = two_tries()
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    for attempt in second:
        assert f'id="attempt-{attempt.pk}"' in html
    # Of the earlier try only what it came to.
    assert "Web ended with 3." in html
    assert f'id="attempt-{first[1].pk}"' not in html
    earlier = page.get(f"/jobs/{job.pk}/?attempt=1").content.decode()
    assert f'id="attempt-{first[1].pk}"' in earlier
    assert html.count("not essential") == 2


def test_the_log_is_switched_between_containers_and_tries(page: Client) -> None:
    job, first, second = two_tries()
    for query, shown in (
        ("", second[0]),
        ("2", second[0]),
        ("2.0.2", second[2]),
        ("1", first[0]),
        ("1.0.1", first[1]),
        ("#0", second[0]),
        ("7", second[0]),
        ("2.9.9", second[0]),
        ("nonsense", second[0]),
    ):
        answer = page.get(f"/jobs/{job.pk}/", {"attempt": query})
        assert answer.context["shown_attempt"]().pk == shown.pk, query
    html = page.get(f"/jobs/{job.pk}/?attempt=2.0.1").content.decode()
    assert f'data-log-rows="/jobs/{job.pk}/attempts/2/0/1/log/rows/"' in html
    assert "Log of attempt 2 · init" in html
    assert 'href="?attempt=2.0.2"' in html


def test_each_container_has_a_log_of_its_own(page: Client, script: Client) -> None:
    job, _, second = two_tries()
    Writer(second[0]).write(numbered(2))
    Writer(second[1]).write(numbered(5))
    own, other = f"/jobs/{job.pk}/attempts/2/log/", f"/jobs/{job.pk}/attempts/2/0/1/log/"
    assert script.get(own).json()["line_count"] == 2
    assert script.get(f"/jobs/{job.pk}/attempts/2/0/0/log/").json()["line_count"] == 2
    assert script.get(other).json()["line_count"] == 5
    assert script.get(f"{other}rows/").json()["last"] == 5
    assert "init" in page.get(other).content.decode()
    name = page.get(f"{other}download/")["Content-Disposition"]
    assert name == f'attachment; filename="{job.name}-{job.pk}-2.0.1.log"'
    assert script.get(f"/jobs/{job.pk}/attempts/2/0/3/log/").status_code == 404
    told = script.get(f"/jobs/{job.pk}/").json()["attempts"]
    assert [each["log_url"] for each in told[3:5]] == [own, other]
    assert [each["container"] for each in told[3:]] == list(NAMES)


def test_the_nodes_of_a_job_have_ids_and_pages(page: Client, script: Client) -> None:
    job = a_job(
        status="RUNNING",
        attempts_made=1,
        node_count=2,
        node_properties={
            "numNodes": 2,
            "mainNode": 1,
            "nodeRangeProperties": [
                {
                    "targetNodes": "0:",
                    "container": {
                        "image": "mpi:1",
                        "resourceRequirements": [
                            {"type": "VCPU", "value": "1"},
                            {"type": "MEMORY", "value": "64"},
                        ],
                    },
                }
            ],
        },
    )
    nodes = [an_attempt(job=job, node_index=index, started_at=NOW) for index in (0, 1)]
    answer = page.get(f"/jobs/{job.pk}%230/", follow=True)
    assert answer.context["shown_attempt"]().pk == nodes[0].pk
    # Without a choice the main node's.
    shown = page.get(f"/jobs/{job.pk}/")
    assert shown.context["shown_attempt"]().pk == nodes[1].pk
    html = shown.content.decode()
    assert "Nodes 0 to 1 (main: 1)" in html
    assert "2 nodes, each at most" in html
    told = script.get(f"/jobs/{job.pk}/").json()["attempts"]
    assert [each["node_id"] for each in told] == [f"{job.pk}#0", f"{job.pk}#1"]


@pytest.mark.django_db
def test_what_a_job_costs_is_what_all_its_containers_cost() -> None:
    job, first, second = two_tries()
    now = timezone.now()
    whole = cost_of([*first, *second], now)
    assert whole.so_far_usd > sum((each.cost_usd for each in first), Decimal(0))
    assert whole.since == now
    one = cost_of([*first, second[0]], now)
    assert (one.base_usd, one.since) == (Decimal("0.75"), second[0].started_at)
    assert whole.usd_per_second is not None
    assert one.usd_per_second is not None
    assert whole.usd_per_second == 3 * one.usd_per_second
    assert cost_of(first, now).usd_per_second is None
    assert [each.cost_usd for each in tries_of(job, first, now)] == [Decimal("0.75")]


@pytest.mark.django_db
def test_a_job_without_attempts_has_nothing_to_choose_from() -> None:
    job = a_job()
    assert chosen(job, [], "1") is None
    assert tries_of(job, [], NOW) == []


def test_a_container_that_waits_for_others_says_so(page: Client) -> None:
    job = a_job(status="STARTING", attempts_made=1)
    several(1, job, waits_for_others=True)
    assert "waits for other containers" in page.get(f"/jobs/{job.pk}/").content.decode()


@pytest.mark.parametrize("tries", [1, 8])
def test_the_page_takes_as_many_queries_for_many_tries_as_for_one(
    page: Client, tries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = a_job(status="SUCCEEDED", attempts_made=tries, attempts_allowed=10)
    for number in range(1, tries + 1):
        several(number, job, **ended(exit_code=0))
    with django_assert_num_queries(PAGE_QUERIES):
        page.get(f"/jobs/{job.pk}/")


def test_a_job_deep_in_its_queue_says_so(
    page: Client, script: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "position_of", lambda **_: None)
    monkeypatch.setattr(contexts, "position_of", lambda **_: None)
    job = a_job(status="RUNNABLE")
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert 'Behind number <span class="bw-num">10000</span> in its queue' in html
    assert "at least 10000 jobs come before it" in html
    told = script.get(f"/jobs/{job.pk}/").json()
    assert (told["position_in_queue"], told["position_is_more_than"]) == (None, 10_000)
    assert told["wait_reason"]["code"] == "QUEUED:BEHIND_EARLIER_JOBS"


def test_a_waiting_job_tells_its_place_and_likely_start(page: Client, script: Client) -> None:
    first = a_job(status="RUNNABLE")
    second = a_job(status="RUNNABLE", queue=first.queue)
    html = page.get(f"/jobs/{second.pk}/").content.decode()
    assert 'Number <span class="bw-num">2</span> in its queue' in html
    told = script.get(f"/jobs/{second.pk}/").json()
    assert told["position_in_queue"] == 2
    assert "estimated_start" in told
    running = a_job(status="RUNNING", attempts_made=1)
    assert script.get(f"/jobs/{running.pk}/").json()["position_in_queue"] is None


def test_a_try_runs_while_a_container_of_it_runs(page: Client) -> None:
    now = timezone.now()
    job = a_job(status="RUNNING", attempts_made=1, started_at=NOW)
    web, init, metrics = several(1, job, started_at=NOW)
    ends = {"exit_code": 0, "stopped_at": now, "ended_at": now}
    Attempt.objects.filter(pk__in=[web.pk, init.pk]).update(**ends)
    Attempt.objects.filter(pk=metrics.pk).update(stop_asked_at=now)
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    row = html.partition(f'id="attempt-{web.pk}-try"')[2].partition("</tr>")[0]
    assert "RUNNING" in row
    assert "SUCCEEDED" not in row
    sidecar = html.partition(f'id="attempt-{metrics.pk}"')[2].partition("</tr>")[0]
    assert "Asked to stop" in sidecar
    assert "because web had ended." in sidecar


@pytest.mark.parametrize(("status", "attempts_made"), [("RUNNABLE", 1), ("STARTING", 2)])
def test_an_interrupted_job_says_on_top_that_it_goes_on_and_the_reason_once(
    page: Client, status: str, attempts_made: int
) -> None:
    job = a_job(status=status, attempts_made=attempts_made, attempts_allowed=3)
    reason = "A job of the queue urgent needed its room."
    told = {"interrupted_at": NOW, "interruption_reason": reason}
    an_attempt(job=job, number=1, **ended(exit_code=143, explanation=reason, **told))
    if status == "STARTING":
        an_attempt(job=job, number=2)
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "the job goes on as attempt 2" in html
    assert html.count(reason) == 1


def test_how_a_job_is_billed_is_not_said_before_it_is_placed(page: Client) -> None:
    job = a_job(status="RUNNABLE")
    assert "by the second" not in page.get(f"/jobs/{job.pk}/").content.decode()
    an_attempt(job=job, number=1)
    assert "by the second" in page.get(f"/jobs/{job.pk}/").content.decode()
