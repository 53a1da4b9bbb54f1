"""An action on all that match: how its jobs are chosen."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from jobs.domain import reasons
from jobs.models import BulkAction
from jobs.selectors.listing import pages as job_pages
from jobs.selectors.listing.pages import Matching
from jobs.services.search.follow import index_history
from jobs.web.contexts import bulk as contexts
from tests.builders import a_job, an_array

ALL = {"action": "rerun", "all": "true", "confirmed": "true", "request_token": "t"}
HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def index_jobs() -> None:
    while index_history():
        pass


@pytest.mark.django_db(transaction=True)
def test_its_jobs_are_chosen_before_anything_is_written(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = a_job(status="FAILED")
    within: list[bool] = []

    def noted(**_: object) -> Matching:
        within.append(connection.in_atomic_block)
        return Matching([job.pk])

    monkeypatch.setattr(contexts, "matching_ids", noted)
    page.post("/jobs/bulk/", ALL)
    assert within == [False]
    assert BulkAction.objects.count() == 1


def test_sent_twice_it_is_one_action_even_if_nothing_matches_any_more(page: Client) -> None:
    job = a_job(status="FAILED")
    first = page.post("/jobs/bulk/", ALL)
    job.delete()
    second = page.post("/jobs/bulk/", ALL)
    assert first["Location"] == second["Location"]
    assert BulkAction.objects.count() == 1


@pytest.mark.parametrize("names", [["rare", "common", "rare"], ["rare", "common", "common"]])
def test_where_older_jobs_may_match_it_says_so(
    page: Client, script: Client, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_pages, "LOOKED_AT", 2)
    monkeypatch.setattr(job_pages, "PORTIONS", 1)
    for name in names:
        a_job(name=name, status="FAILED")
    told = "The newest 2 jobs were looked at; there may be older ones that match."
    fields = {**ALL, "query": "name=rare"}
    asked = page.post("/jobs/bulk/", {**fields, "confirmed": "false"}).content.decode()
    assert told in asked
    started = page.post("/jobs/bulk/", fields, follow=True)
    answer = script.post("/jobs/bulk/", {**fields, "all": True}, content_type="application/json")
    assert told in started.content.decode()
    if names[-1] == "rare":
        assert "Rerun 1 job?" in asked
        assert (answer.status_code, answer.json()["is_cut"]) == (202, True)
    else:
        assert (answer.status_code, started.status_code) == (400, 400)
        assert not BulkAction.objects.exists()


@pytest.mark.parametrize("query", ["", "name=night", "q=night"])
def test_what_is_submitted_while_the_question_stands_open_is_not_among_them(
    page: Client, query: str
) -> None:
    asked_about = an_array(2, name="night", children="RUNNABLE")
    index_jobs()
    fields = {"action": "terminate", "all": "true", "query": query}
    html = page.post("/jobs/bulk/", fields).content.decode()
    assert "Terminate 1 job?" in html
    a_job(name="night-later", status="RUNNABLE")
    index_jobs()
    page.post("/jobs/bulk/", dict(HIDDEN.findall(html)))
    assert BulkAction.objects.get().job_ids == [str(asked_about.pk)]


def test_a_bound_that_is_no_jobs_id_is_refused(script: Client) -> None:
    body = {"action": "terminate", "all": True, "newest": "x"}
    answer = script.post("/jobs/bulk/", body, content_type="application/json")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["newest"]


def test_an_action_of_before_results_were_kept_says_that_it_is_too_old_to_be_taken_back(
    page: Client, script: Client, admin: User
) -> None:
    now, job = timezone.now(), a_job(status="FAILED")
    action = BulkAction.objects.create(
        kind="CANCEL",
        owner=admin,
        total=1,
        done=1,
        changed=1,
        job_ids=[str(job.pk)],
        created_at=now,
        updated_at=now,
        finished_at=now,
    )
    url = f"/jobs/bulk/{action.pk}/"
    assert f"{url}undo/" not in page.get(url).content.decode()
    answer = script.post(f"{url}undo/")
    assert answer.status_code == 409
    assert answer.json() == {"message": reasons.TOO_OLD_TO_UNDO}
    # With results it is there.
    action.results.create(position=0, job=job.pk, outcome="CHANGED")
    assert f"{url}undo/" in page.get(url).content.decode()
