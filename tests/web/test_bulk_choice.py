"""An action on all that match: how its jobs are chosen."""

import pytest
from django.db import connection
from django.test import Client

from jobs.models import BulkAction
from jobs.selectors import job_pages
from jobs.selectors.job_pages import Matching
from jobs.web.contexts import bulk as contexts
from tests.builders import a_job

ALL = {"action": "rerun", "all": "true", "confirmed": "true", "request_token": "t"}


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
