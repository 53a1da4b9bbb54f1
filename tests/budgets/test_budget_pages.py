"""The pages of budgets, who sees which, and the warnings on other pages."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.domain.budgets import month_of
from jobs.models import Budget, BudgetAction
from jobs.selectors.budgets import warnings_seen
from tests.builders import NOW, a_budget, a_definition, a_queue, a_user

from .conftest import Spend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("spend")]
JSON = {"Accept": "application/json"}
FORM = {
    "name": "lab",
    "scope": "QUEUE",
    "queue": "fast",
    "owner": "",
    "tag_key": "",
    "tag_value": "",
    "usd_per_month": "250",
    "warn_percentage": "80",
    "action": "REFUSE",
}


def spent(usd: int, **fields: Any) -> Budget:
    """A budget of 10 dollars as the scheduler has left it."""
    marks = {"warned_at": NOW if usd >= 8 else None, "exceeded_at": NOW if usd >= 10 else None}
    now = timezone.now()
    found = {"spent_usd": usd, "month": month_of(now), "spent_as_of": now}
    return a_budget(**{**marks, **found, **fields})


def test_a_budget_is_made_changed_and_deleted_with_plain_forms(
    client: Client, boss: User, spend: Spend
) -> None:
    a_queue(name="fast")
    assert client.get("/new/budget/").status_code == 200
    spend("200")
    assert client.post("/budgets/", FORM).headers["Location"] == "/budgets/lab/"
    page = client.get("/budgets/lab/").text
    assert "$200.00 of $250.00" in page
    assert "at its warning" in page
    edit = client.get("/budgets/lab/edit/").text
    assert 'value="250.00"' in edit
    assert "<option selected>fast</option>" in edit
    changed = client.post("/budgets/lab/", {**FORM, "usd_per_month": "500"}, follow=True).text
    assert "The budget lab is changed." in changed
    assert "in bounds" in changed
    assert client.post("/budgets/lab/delete/").headers["Location"] == "/budgets/"
    assert not Budget.objects.exists()


def test_a_refused_form_keeps_what_was_typed(client: Client, boss: User) -> None:
    page = client.post("/budgets/", {**FORM, "usd_per_month": "lots"})
    assert page.status_code == 400
    assert set(page.context["errors"]) == {"queue", "usd_per_month"}
    assert 'value="lots"' in page.text
    assert "There is no job queue named fast." in page.text
    budget = a_budget(name="kept")
    again = client.post("/budgets/kept/", {"warn_percentage": "0"})
    assert again.status_code == 400
    budget.refresh_from_db()
    assert budget.warn_percentage == 80


def test_a_script_makes_reads_and_changes_a_budget(client: Client, boss: User) -> None:
    fields = {"name": "b", "scope": "TAG", "tag_key": "team", "usd_per_month": 10}
    made = client.post("/budgets/", fields, content_type="application/json", headers=JSON)
    assert (made.status_code, made.headers["Location"]) == (201, "/budgets/b/")
    assert Decimal(made.json()["usd_per_month"]) == 10
    changed = client.post("/budgets/b/", {"action": "CANCEL"}, headers=JSON).json()
    assert (changed["action"], changed["tag_key"]) == ("CANCEL", "team")
    found = client.get("/budgets/", headers=JSON).json()["results"]
    assert [(row["name"], row["spent_percentage"]) for row in found] == [("b", 0)]
    wrong = client.post("/budgets/b/", {"action": "STOP"}, headers=JSON)
    assert wrong.json()["errors"] == {"action": ["The action is WARN, REFUSE or CANCEL."]}
    assert client.get("/budgets/nothing/", headers=JSON).status_code == 404


def test_users_see_the_budgets_that_may_refuse_their_jobs(client: Client, visitor: User) -> None:
    spent(9, name="mine", owner=visitor)
    spent(9, name="queue", queue=a_queue())
    spent(9, name="tag")
    spent(9, name="somebody-elses", owner=a_user())
    names = [row["name"] for row in client.get("/budgets/", headers=JSON).json()["results"]]
    assert names == ["mine", "queue", "tag"]
    assert "somebody-elses" not in client.get("/").text
    assert client.get("/budgets/mine/").status_code == 200
    assert client.get("/budgets/somebody-elses/").status_code == 404


def test_only_administrators_change_budgets(client: Client, visitor: User) -> None:
    a_budget(name="b")
    assert "New budget" not in client.get("/budgets/").text
    assert "Delete" not in client.get("/budgets/b/").text
    for path in ("/new/budget/", "/budgets/b/edit/"):
        assert client.get(path).status_code == 403
    for path in ("/budgets/", "/budgets/b/", "/budgets/b/delete/"):
        assert client.post(path, FORM).status_code == 403


def test_the_list_is_searched_and_says_what_to_do_when_empty(client: Client, boss: User) -> None:
    assert "Make a budget" in client.get("/budgets/").text
    a_budget(name="research")
    assert "No budget matches" in client.get("/budgets/?q=zzz").text
    assert "research" in client.get("/budgets/?q=sear").text


def test_overview_and_queue_show_the_budgets_that_are_at_their_warning(
    client: Client, boss: User
) -> None:
    queue = a_queue(name="fast")
    spent(8, name="warned", queue=queue)
    spent(7, name="quiet", queue=queue)
    spent(11, name="tagged", action=BudgetAction.REFUSE)
    first = client.get("/").text
    assert "80 % spent:" in first
    assert "New jobs are refused." in first
    assert "quiet" not in first
    page = client.get("/queues/fast/").text
    assert "warned" in page
    assert "tagged" not in page, "it is no budget of this queue"


@pytest.mark.parametrize("count", [1, 5])
def test_warnings_cost_one_query_however_many_there_are(
    client: Client, boss: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        spent(9, queue=a_queue())
    with django_assert_num_queries(1):
        assert [row.queue.name for row in warnings_seen(user=boss) if row.queue]


def test_the_submit_form_warns_of_queue_user_and_tag(client: Client, visitor: User) -> None:
    queue, definition = a_queue(name="fast"), a_definition()
    spent(8, name="of-queue", queue=queue)
    spent(8, name="of-user", owner=visitor)
    spent(8, name="of-tag", tag_value="blue")
    spent(8, name="of-other", queue=a_queue())
    fields = {"name": "job", "queue": "fast", "definition": definition.name}
    page = client.get("/submit/", fields).text
    assert "of-queue" in page
    assert "of-user" in page
    assert "of-tag" not in page
    assert "of-other" not in page
    tags = {"tag_name": "team", "tag_value": "blue"}
    assert "of-tag" in client.post("/submit/check/", {**fields, **tags}).text


def test_the_administration_makes_changes_and_deletes_budgets(client: Client, boss: User) -> None:
    a_queue(name="fast")
    assert client.post(reverse("admin:jobs_budget_add"), FORM).status_code == 302
    budget = Budget.objects.get()
    change = reverse("admin:jobs_budget_change", args=[budget.pk])
    form = client.get(change).context["adminform"].form
    assert form["queue"].initial == "fast"
    client.post(change, {**FORM, "usd_per_month": "12.50"})
    budget.refresh_from_db()
    assert budget.usd_per_month == Decimal("12.50")
    wrong = client.post(change, {**FORM, "scope": "OWNER", "owner": "nobody"})
    assert set(wrong.context["adminform"].form.errors) == {"queue", "owner"}
    assert client.get(reverse("admin:jobs_budget_changelist")).status_code == 200
    delete = reverse("admin:jobs_budget_delete", args=[budget.pk])
    client.post(delete, {"post": "yes"})
    assert not Budget.objects.exists()


def test_what_is_spent_opens_the_rows_that_it_is_the_sum_of(client: Client, boss: User) -> None:
    queue = a_queue()
    of_queue = spent(9, name="of-queue", queue=queue)
    spent(9, name="of-tag", tag_value="blue & red")
    spent(9, name="of-any-value")
    a_budget(name="not-added-up")
    page = client.get("/budgets/of-queue/")
    url = page.context["rows_url"]
    assert of_queue.spent_as_of
    parts = {"from": of_queue.month, "at": of_queue.spent_as_of.isoformat()}
    assert url.startswith(f"/costs/rows/?{urlencode(parts)}")
    assert url.endswith(f"&queue={queue.pk}")
    assert "What it is the sum of" in page.text
    assert client.get(url).status_code == 200
    tagged = client.get("/budgets/of-tag/").context["rows_url"]
    assert tagged.endswith("&tag=team&value=blue+%26+red")
    # What ran then can not be told for ever.
    spent(9, name="long-ago", queue=queue, spent_as_of=timezone.now() - timedelta(hours=25))
    for name in ("of-any-value", "not-added-up", "long-ago"):
        assert client.get(f"/budgets/{name}/").context["rows_url"] == ""


def test_who_does_not_see_all_rows_is_offered_none(client: Client, visitor: User) -> None:
    spent(9, name="mine", owner=visitor)
    spent(9, name="of-queue", queue=a_queue())
    assert client.get("/budgets/mine/").context["rows_url"]
    assert client.get("/budgets/of-queue/").context["rows_url"] == ""


def test_an_administrator_is_led_to_the_budget_that_refuses_and_all_figures_are_the_same(
    client: Client, boss: User
) -> None:
    queue, definition = a_queue(name="fast"), a_definition()
    spent(
        12,
        name="lab",
        queue=queue,
        action=BudgetAction.REFUSE,
        spent_usd=Decimal("0.0164"),
        usd_per_month=Decimal("0.01"),
    )
    form = {"name": "job", "queue": queue.name, "definition": definition.name}
    page = client.post("/jobs/", form).text
    assert "or raise the budget." in page
    assert "an administrator" not in page
    assert page.count("$0.0164 of $0.0100") == 2
    assert 'href="/budgets/lab/edit/">Raise it</a>' in page
    assert "every 15 s" in client.get("/budgets/lab/").text
    client.force_login(a_user())
    assert "Raise it" not in client.post("/jobs/", form).text
