"""How long a job would wait on each kind of capacity, beside the form to submit it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from jobs.models import Job, JobDefinition
from jobs.selectors.waiting.front import estimated_starts
from jobs.web.contexts.forecast_waits import KindWait, _wait
from tests.builders import (
    a_definition,
    a_job,
    a_node,
    a_queue,
    an_attempt,
    an_engine,
    an_environment,
)
from tests.remembered import forget_all

HTMX = {"HX-Request": "true", "Accept": "text/html"}


@pytest.fixture(autouse=True)
def hello(db: None) -> None:
    a_definition(name="hello", milli_vcpus=500, memory_mib=256)


def waits(page: Client, **fields: Any) -> dict[str, str]:
    """What the estimate says of the start, by kind."""
    forget_all()
    form = {"name": "first", "queue": "default", "definition": "hello", "loaded": "hello"}
    html = page.post("/submit/check/", {**form, **fields}, headers=HTMX).content.decode()
    rows = re.findall(r'<th scope="row">(.*?)</th>\s*<td>(.*?)</td>', html, re.DOTALL)
    return {kind: re.sub(r"<[^>]*>|\s+", " ", cell).strip() for kind, cell in rows}


def test_the_wait_is_told_for_each_kind_of_capacity(page: Client) -> None:
    own = an_environment(name="own")
    queue = a_queue(own, name="default")
    fargate = {"type": "FARGATE", "maxvCpus": 4}
    a_queue(
        an_environment(name="fast", type="MANAGED", compute_resources=fargate), name="elsewhere"
    )
    told = waits(page)
    assert told["own"] == "at once"
    assert told["Fargate"] == "at once"
    assert told["Fargate Spot"] == "– no queue has it"
    running = a_job(status="RUNNING", queue=queue, milli_vcpus=4000, attempts_made=1)
    an_attempt(job=running, environment=own, milli_vcpus=4000, started_at=timezone.now())
    told = waits(page)
    assert told["own"] == "not known"
    assert told["Fargate"] == "at once"
    Job.objects.filter(pk=running.pk).update(timeout_seconds=600)
    assert waits(page)["own"] == "in 10 min"
    assert waits(page, vcpus="64")["own"] == "cannot start"


def test_the_page_of_a_waiting_job_tells_its_start_as_the_form_does_for_the_next(
    page: Client, admin: User
) -> None:
    """Of runs that differ much, the short ones do not make the page promise what the form does not."""
    now = timezone.now()
    definition = JobDefinition.objects.get(name="hello")
    for seconds in [1] * 15 + [125] * 5:
        stopped = now - timedelta(minutes=5)
        started = stopped - timedelta(seconds=seconds)
        a_job(definition=definition, status="SUCCEEDED", started_at=started, stopped_at=stopped)
    own = an_environment(name="own", engine=a_node(milli_vcpus=500).engine)
    fields = {"queue": a_queue(own, name="default"), "definition": definition, "owner": admin}
    running = a_job(status="RUNNING", attempts_made=1, **fields)
    an_attempt(job=running, environment=own, milli_vcpus=500, started_at=now)
    jobs = [a_job(status="RUNNABLE", milli_vcpus=500, memory_mib=256, **fields) for _ in range(2)]
    assert waits(page)["own"] == "in 6 min"
    starts = estimated_starts(queue_id=jobs[0].queue_id, now=now)
    assert [round((starts[job.id] - now).total_seconds()) for job in jobs] == [125, 250]


@pytest.mark.parametrize(("backfill", "told"), [(True, "at once"), (False, "in 12 min")])
def test_without_backfill_the_start_is_behind_those_that_wait(
    page: Client, backfill: bool, told: str
) -> None:
    own = an_environment(name="own", engine=a_node(milli_vcpus=1000).engine)
    queue = a_queue(own, name="default", backfill=backfill)
    running = a_job(status="RUNNING", queue=queue, attempts_made=1, timeout_seconds=600)
    an_attempt(job=running, environment=own, milli_vcpus=500, started_at=timezone.now())
    a_job(status="RUNNABLE", queue=queue, milli_vcpus=1000, memory_mib=256, timeout_seconds=90)
    assert waits(page, timeout_seconds="100")["own"] == told


def test_where_there_is_room_one_decision_tells_of_all_kinds(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_queue(an_environment(name="own"), name="default")
    fargate = {"type": "FARGATE", "maxvCpus": 4}
    a_queue(an_environment(type="MANAGED", compute_resources=fargate), name="elsewhere")
    asked: list[object] = []

    def wait(*place: object) -> KindWait:
        asked.append(place)
        return _wait(*place)  # type: ignore[arg-type]

    monkeypatch.setattr("jobs.web.contexts.forecast_waits._wait", wait)
    told = waits(page)
    assert (told["own"], told["Fargate"], asked) == ("at once", "at once", [])


def test_kinds_that_share_the_last_room_are_each_told_of_it(page: Client) -> None:
    engine = an_engine()
    a_node(engine=engine, milli_vcpus=4000)
    a_queue(an_environment(name="own", engine=engine), name="default")
    fargate = {"type": "FARGATE", "maxvCpus": 4}
    a_queue(
        an_environment(engine=engine, type="MANAGED", compute_resources=fargate), name="elsewhere"
    )
    told = waits(page, vcpus="4", memory_mib="8192")
    assert (told["own"], told["Fargate"]) == ("at once", "at once")
