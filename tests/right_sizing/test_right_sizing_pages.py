"""The pages of right-sizing: the list, a definition with its runs, a run's samples, the panel, the next revision."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from jobs.models import Attempt, JobDefinition
from tests.builders import a_definition, a_user

from .runs import a_run, looked_at

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


def five_runs(
    definition: JobDefinition, *, owner: User | None = None, **fields: Any
) -> list[Attempt]:
    job = {"owner": owner} if owner else {}
    runs = [a_run(definition, [(300, 700), (900, 800)], job=job, **fields) for _ in range(5)]
    looked_at(definition)
    return runs


@pytest.fixture
def large() -> JobDefinition:
    return a_definition(name="large", milli_vcpus=4000, memory_mib=8192)


def test_the_list_has_the_largest_saving_first(
    client: Client, visitor: User, large: JobDefinition
) -> None:
    assert "Nothing measured yet" in client.get("/right-sizing/").text
    small = a_definition(name="small", milli_vcpus=1000, memory_mib=1024)
    few = a_definition(name="few")
    five_runs(small)
    for _ in range(3):
        a_run(few)
    looked_at(few)
    five_runs(large)
    a_definition(name="unused")
    found = client.get("/right-sizing/", headers=JSON).json()["results"]
    assert [row["definition"] for row in found] == ["large", "small", "few"]
    assert found[0]["fits"] == {"vcpus": "1", "memory_mib": 960}
    assert found[2]["trouble"] == "3 runs with measurements; at least 5 are needed."
    assert found[2]["saving_usd_30_days"] is None
    page = client.get("/right-sizing/").text
    assert page.index(">large<") < page.index(">small<") < page.index(">few<")
    assert "3 runs with measurements; at least 5 are needed." in page
    assert "unused" not in page
    assert "No definition matches" in client.get("/right-sizing/?q=zzz").text


def test_the_list_takes_as_many_queries_however_long_it_is(
    client: Client, visitor: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    five_runs(a_definition())
    five_runs(a_definition())
    # Session, user, what was found, and the newest revisions.
    with django_assert_num_queries(4):
        client.get("/right-sizing/")


def test_a_definition_shows_its_runs_and_of_others_only_how_many(
    client: Client, visitor: User, large: JobDefinition
) -> None:
    mine = five_runs(large, owner=visitor)[0]
    hidden = five_runs(large, owner=a_user())[0]
    page = client.get("/right-sizing/large/").text
    assert f"/jobs/{mine.job_id}/" in page
    assert f"/jobs/{hidden.job_id}/" not in page
    assert "and 5 runs of other people’s jobs" in page
    assert "1 vCPU and 960 MiB" in page
    found = client.get("/right-sizing/large/", headers=JSON).json()
    assert (len(found["runs"]), found["other_runs"]) == (5, 5)
    samples = f"/right-sizing/large/{mine.pk}/"
    assert samples in page
    assert "700 MiB" in client.get(samples).text
    usage = client.get(samples, headers=JSON).json()["usage"]
    assert [each["memory_mib"] for each in usage] == [700, 800]
    assert client.get(f"/right-sizing/large/{hidden.pk}/").status_code == 404
    assert client.get("/right-sizing/large/0/").status_code == 404
    assert client.get("/right-sizing/nothing/").status_code == 404


def test_an_administrator_makes_a_revision_with_the_request_that_fits(
    client: Client, boss: User, large: JobDefinition
) -> None:
    five_runs(large)
    url = "/new/definition/?from=large%3A1&vcpus=1&memory_mib=960"
    for path in ("/right-sizing/large/", "/definitions/large/"):
        page = client.get(path)
        assert url.replace("&", "&amp;") in page.text
    form = client.get(url)
    assert form.context["values"]["vcpus"] == "1"
    assert form.context["values"]["memory_mib"] == "960"
    assert form.context["values"]["image"] == large.image
    a_definition(name="large", revision=2, milli_vcpus=1000, memory_mib=960)
    assert "It asks for what fits." in client.get("/right-sizing/large/").text
    assert url not in client.get("/right-sizing/large/").text


def test_others_are_offered_no_revision(
    client: Client, visitor: User, large: JobDefinition
) -> None:
    five_runs(large)
    for path in ("/right-sizing/large/", "/definitions/large/"):
        page = client.get(path).text
        assert "would fit" in page
        assert "Make a revision" not in page


def test_a_definition_that_runs_out_of_memory_is_told_so(client: Client, boss: User) -> None:
    five_runs(a_definition(name="tight", memory_mib=512), oom_killed=True)
    page = client.get("/definitions/tight/").text
    assert "It needs more memory:" in page
    assert "5 runs ran out of it" in page
    assert "It would have cost, in the last 30 days:" in page
    assert "$-" not in client.get("/right-sizing/").text


def test_a_definition_without_runs_has_no_panel(client: Client, visitor: User) -> None:
    definition = a_definition(name="fresh")
    assert "Asked for and used" not in client.get("/definitions/fresh/").text
    looked_at(definition)
    assert "Asked for and used" not in client.get("/definitions/fresh/").text


def test_the_administration_shows_what_was_found(
    client: Client, boss: User, large: JobDefinition
) -> None:
    five_runs(large)
    assert "large" in client.get(reverse("admin:jobs_rightsizing_changelist")).text


def test_a_definition_that_asks_for_what_fits_is_behind_those_that_a_revision_would_change(
    client: Client, boss: User
) -> None:
    fits = a_definition(name="fits", milli_vcpus=1000, memory_mib=1024)
    for _ in range(4):
        a_run(fits, [(900, 850)])
    a_run(fits, [(900, 850)], milli_vcpus=8000, memory_mib=8192, cost_usd=Decimal(9))
    looked_at(fits)
    five_runs(a_definition(name="wide", milli_vcpus=1000, memory_mib=2048))
    found = client.get("/right-sizing/", headers=JSON).json()["results"]
    assert [row["definition"] for row in found] == ["wide", "fits"]
    assert Decimal(found[1]["saving_usd_30_days"]) == 0
    assert Decimal(found[1]["overrides_saving_usd_30_days"]) == Decimal("7.875")
    assert "overrides: $7.88" in client.get("/right-sizing/").text
    page = client.get("/right-sizing/fits/").text
    assert "It asks for what fits." in page
    assert "$7.88" in page
