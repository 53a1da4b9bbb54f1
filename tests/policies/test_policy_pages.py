"""The pages of scheduling policies: shares as rows, what a policy means in words, refusals."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import SchedulingPolicy
from tests.builders import a_policy, a_queue

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


def test_a_policy_is_made_and_changed_with_plain_forms(client: Client, boss: User) -> None:
    assert client.get("/new/policy/").status_code == 200
    form = {
        "name": "teams",
        "share_decay_seconds": "3600",
        "compute_reservation": "50",
        "share_identifier": ["", "teamA", "user*", ""],
        "weight_factor": ["", "0.5", "", ""],
    }
    assert client.post("/policies/", form).headers["Location"] == "/policies/teams/"
    policy = SchedulingPolicy.objects.get()
    assert (policy.share_decay_seconds, policy.compute_reservation) == (3600, 50)
    assert policy.share_distribution == [
        {"shareIdentifier": "teamA", "weightFactor": 0.5},
        {"shareIdentifier": "user*", "weightFactor": 1.0},
    ]
    page = client.get("/policies/teams/").text
    assert "2 ×" in page
    assert "25 % of the maximum while 2 shares are active" in page
    shown = client.get("/policies/teams/edit/").context["shares"]
    assert [each["shareIdentifier"] for each in shown] == ["teamA", "user*"]
    # A form of which every row was removed.
    client.post("/policies/teams/", {"share_identifier": [""], "weight_factor": [""]})
    policy.refresh_from_db()
    assert (policy.share_distribution, policy.compute_reservation) == ([], 50)
    assert "all weigh 1" in client.get("/policies/teams/").text


def test_tags_are_lines_of_a_form(client: Client, boss: User) -> None:
    client.post("/policies/", {"name": "p", "tags": "team=blue\nempty="})
    policy = SchedulingPolicy.objects.get()
    assert policy.tags == {"team": "blue", "empty": ""}
    assert client.get("/policies/p/edit/").context["values"]["tags"] == "team=blue\nempty="
    assert "team" in client.get("/policies/p/").text
    refused = client.post("/policies/p/", {"tags": "aws:x=1"})
    assert refused.status_code == 400
    assert list(refused.context["errors"]) == ["tags"]
    client.post("/policies/p/", {"tags": ""})
    policy.refresh_from_db()
    assert policy.tags == {}


def test_a_policy_for_quota_shares_says_that_nothing_is_scheduled_by_it(
    client: Client, boss: User
) -> None:
    a_policy(name="quota", quota_share_policy={"idleResourceAssignmentStrategy": "FIFO"})
    assert "nothing is scheduled by it" in client.get("/policies/quota/").text
    refused = client.post("/policies/quota/", {"share_decay_seconds": "60"})
    assert refused.status_code == 400
    assert "A policy for quota shares stays one" in refused.text


def test_a_refused_form_keeps_what_was_typed(client: Client, boss: User) -> None:
    form = {
        "name": "p",
        "compute_reservation": "100",
        "share_identifier": ["team-a"],
        "weight_factor": ["2"],
    }
    page = client.post("/policies/", form)
    assert page.status_code == 400
    assert 'value="team-a"' in page.text
    assert "A share identifier has 1 to 255 letters and digits" in page.text
    assert list(page.context["errors"]) == ["compute_reservation", "share_distribution"]
    assert not SchedulingPolicy.objects.exists()
    a_policy(name="p")
    page = client.post("/policies/p/", {"share_decay_seconds": "x"})
    assert page.status_code == 400
    assert 'value="x"' in page.text


def test_a_script_makes_changes_and_deletes_a_policy(client: Client, boss: User) -> None:
    fields = {"name": "p", "share_distribution": [{"shareIdentifier": "a", "weightFactor": 2}]}
    made = client.post("/policies/", fields, content_type="application/json", headers=JSON)
    assert (made.status_code, made.headers["Location"]) == (201, "/policies/p/")
    assert made.json()["share_distribution"] == [{"shareIdentifier": "a", "weightFactor": 2.0}]
    changed = client.post("/policies/p/", {"compute_reservation": 5}, headers=JSON).json()
    assert (changed["compute_reservation"], len(changed["share_distribution"])) == (5, 1)
    bad = client.post("/policies/p/", {"weight": "1"}, headers=JSON)
    assert (bad.status_code, bad.json()["errors"]) == (400, {"weight": ["There is no such field."]})
    assert client.get("/policies/p/", headers=JSON).json()["queues"] == []
    assert client.post("/policies/p/delete/", headers=JSON).json() == {}
    assert client.get("/policies/p/", headers=JSON).status_code == 404


def test_a_policy_in_use_is_not_deleted_and_the_page_says_by_which_queue(
    client: Client, boss: User
) -> None:
    policy = a_policy(name="p")
    a_queue(name="research", scheduling_policy=policy)
    page = client.post("/policies/p/delete/")
    assert page.status_code == 409
    assert "The queue research uses the policy p." in page.text
    assert client.post("/policies/p/delete/", headers=JSON).status_code == 409
    assert "research" in client.get("/policies/").text
    assert "research" in client.get("/policies/p/").text


def test_only_administrators_make_and_change_policies(client: Client, visitor: User) -> None:
    a_policy(name="p")
    assert client.get("/policies/").status_code == 200
    page = client.get("/policies/p/")
    assert page.status_code == 200
    assert "Edit" not in page.text
    for path in ("/new/policy/", "/policies/p/edit/"):
        assert client.get(path).status_code == 403
    for path in ("/policies/", "/policies/p/", "/policies/p/delete/"):
        assert client.post(path, {"name": "q"}).status_code == 403
    assert list(SchedulingPolicy.objects.values_list("name", flat=True)) == ["p"]


def test_the_list_is_searched_and_paged_and_says_what_to_do_when_empty(
    client: Client, boss: User
) -> None:
    assert "Make a policy" in client.get("/policies/").text
    for number in range(51):
        a_policy(name=f"policy-{number:02}")
    first = client.get("/policies/", headers=JSON).json()
    assert len(first["results"]) == 50
    assert len(client.get(first["next"], headers=JSON).json()["results"]) == 1
    assert "No policy matches" in client.get("/policies/?q=nothing").text
