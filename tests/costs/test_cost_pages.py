"""The page of costs: every figure leads to rows that add up to it exactly."""

import csv
import gc
import io
import re
from datetime import datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.test.signals import template_rendered
from django.utils import timezone

from jobs.models import Attempt, Capacity, Instance, InstanceState, JobStatus
from jobs.selectors.costs import Ledger
from jobs.selectors.costs import rows as costs_rows
from jobs.services.costs.rollup import add_up_costs
from jobs.web.contexts.costs import hours_text
from tests.builders import (
    a_definition,
    a_job,
    a_queue,
    a_user,
    an_attempt,
    an_instance,
    an_instance_type,
)

pytestmark = pytest.mark.django_db
FIGURE = re.compile(r'href="(/costs/rows/[^"]*)"[^>]*data-figure="([^"]*)"')


def ago(hours: float) -> datetime:
    return timezone.now() - timedelta(hours=hours)


def ended(hours_ago: float, usd: str, *, idle: str = "0", **fields: Any) -> Attempt:
    values: dict[str, Any] = {
        name: fields.pop(name) for name in ("instance", "capacity") if name in fields
    }
    if "instance" in values:
        values["environment"] = values["instance"].environment
    at = ago(hours_ago)
    job = a_job(status=JobStatus.SUCCEEDED, attempts_made=1, **fields)
    return an_attempt(
        job=job,
        started_at=at - timedelta(minutes=10),
        stopped_at=at,
        ended_at=at,
        cost_usd=Decimal(usd),
        on_demand_usd=Decimal(usd) * 3,
        idle_usd=Decimal(idle),
        **values,
    )


def ended_instance(hours_ago: float, *, uncharged: str = "0", **fields: Any) -> Instance:
    return an_instance(
        state=InstanceState.ENDED,
        launched_at=ago(hours_ago + 1),
        ended_at=ago(hours_ago),
        idle_charged_at=ago(hours_ago),
        uncharged_idle_usd=Decimal(uncharged),
        **fields,
    )


def some_history(owner: User) -> None:
    """Costs of three days, some of hours that are added up, some of what lives; most of it is the owner's."""
    queue, definition = a_queue(), a_definition()
    shared: dict[str, Any] = {"queue": queue, "definition": definition, "owner": owner}
    for hours in (50, 49, 30, 5, 3, 0.2):
        ended(hours, f"0.{int(hours * 10) + 1:09d}", tags={"team": "a=b"}, **shared)
    ended(26, "1.5", capacity=Capacity.SPOT, tags={"team": "c", "cost": "x y"}, owner=owner)
    instance = ended_instance(25, uncharged="0.000000007", is_spot=True)
    ended(25.5, "0.3", idle="0.1", instance=instance, capacity=Capacity.SPOT, **shared)
    ended(26, "0.7", tags={"team": "a=b"})
    ended_instance(2, uncharged="0.04")
    living = an_instance(launched_at=ago(4))
    for each in (owner, a_user()):
        job = a_job(status=JobStatus.RUNNING, attempts_made=1, tags={"team": "c"}, owner=each)
        an_attempt(
            job=job,
            environment=living.environment,
            started_at=ago(3),
            instance=living,
            capacity=Capacity.EC2,
            milli_vcpus=500,
        )
    add_up_costs(now=ago(4))


def all_rows(client: Client, url: str) -> tuple[Decimal, Decimal, int]:
    """What the page of a figure says, what its rows add up to, and how many pages they are."""
    said, found, pages = set(), Decimal(0), 0
    following: str | None = url
    while following:
        answer = client.get(following, headers={"Accept": "application/json"}).json()
        said.add(answer["usd"])
        found += sum((Decimal(row["usd"]) for row in answer["results"]), Decimal(0))
        following, pages = answer["next"], pages + 1
    assert len(said) == 1
    return Decimal(said.pop()), found, pages


@pytest.mark.parametrize("is_staff", [True, False])
def test_every_figure_leads_to_rows_that_add_up_to_it_exactly(
    client: Client, is_staff: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs_rows, "PAGE_SIZE", 3)
    user = a_user(is_staff=is_staff)
    some_history(user)
    client.force_login(user)
    html = client.get("/costs/").content.decode()
    figures = [(unescape(url), Decimal(usd)) for url, usd in FIGURE.findall(html)]
    # Totals, days, queues, environments, kinds, definitions, tags.
    assert len(figures) > 30
    most = 0
    for url, usd in figures:
        said, found, pages = all_rows(client, url)
        assert (said, found) == (usd, usd), url
        most = max(most, pages)
    assert most > 3


def test_the_rows_say_of_how_many_attempts_they_are_and_their_exact_sum(
    client: Client, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs_rows, "PAGE_SIZE", 2)
    for _ in range(3):
        ended(2, "0.000170982")
    add_up_costs(now=ago(0))
    client.force_login(boss)
    html = " ".join(client.get("/costs/rows/?part=cost").text.split())
    assert "Exactly $0.000512946, of 3 attempts: the sum of the rows below, on all pages." in html
    assert "of 3 attempts" not in client.get("/costs/rows/?part=idle").text


def test_a_row_says_how_long_it_ran_and_on_what_in_words(client: Client, boss: User) -> None:
    ended(2, "0.5", owner=boss)
    client.force_login(boss)
    html = client.get("/costs/rows/").text
    assert "<span>10 min 0 s</span>" in html
    assert "The engine&#x27;s machines as they are" in html
    assert "UNMANAGED" not in html


def test_a_figure_stays_what_it_was_while_work_goes_on(client: Client, boss: User) -> None:
    some_history(boss)
    before = client.get("/costs/?format=json").json()["total"]
    # It began after that.
    ended(-0.5, "9")
    Attempt.objects.filter(ended_at=None).update(
        ended_at=ago(0), stopped_at=ago(0), cost_usd=Decimal(5)
    )
    said, found, _ = all_rows(client, before["rows"])
    assert said == found == Decimal(before["total_usd"])


def test_who_is_no_administrator_sees_only_what_is_his(client: Client, visitor: User) -> None:
    some_history(a_user())
    ended(3, "0.25", owner=visitor, tags={"team": "a=b"})
    answer = client.get("/costs/?format=json").json()
    assert answer["total"]["total_usd"] == "0.250000000"
    assert "by_owner" not in answer
    assert [line["total_usd"] for line in answer["by_tag"]] == ["0.250000000"]
    other = Attempt.objects.exclude(job__owner=visitor).first()
    assert other is not None
    query = {"from": ago(72).date(), "owner": other.job.owner_id}
    rows = client.get(f"/costs/rows/?{urlencode(query)}&format=json").json()
    assert rows["usd"] == "0.250000000"
    assert len(rows["results"]) == 1
    query = {"from": ago(72).date(), "job": "none", "format": "json"}
    assert client.get(f"/costs/rows/?{urlencode(query)}").json()["results"] == []


def test_the_page_and_its_rows_are_drawn(client: Client, boss: User) -> None:
    an_instance_type("m5.large")
    some_history(boss)
    html = client.get("/costs/?range=30d").content.decode()
    for text in ("By queue", "Idle time that no job is charged with", "Saved by Spot", "m5.large"):
        assert text in html
    rows = client.get(f"/costs/rows/?from={ago(72).date()}").content.decode()
    assert "Idle time, charged to an attempt" in rows
    assert "attempt 1" in rows
    empty = client.get("/costs/rows/?from=2001-01-01&to=2001-01-01").content.decode()
    assert "Nothing here" in empty


def test_the_table_for_spreadsheets_adds_up_to_the_total(client: Client, boss: User) -> None:
    some_history(boss)
    owner = a_user(username="=cmd\x1b")
    ended(3, "1", owner=owner)
    total = client.get("/costs/?format=json").json()["total"]
    answer = client.get("/costs/?format=csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    # What lives has grown a little in between.
    spent = sum(Decimal(row["usd"]) + Decimal(row["idle_usd"]) for row in rows)
    assert abs(spent - Decimal(total["total_usd"])) < Decimal("0.01")
    assert {row["owner"] for row in rows} >= {"'=cmd\u241b", boss.username, ""}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "range=year",
            "range: There is no range 'year': use today, yesterday, 7d, last-week, 30d, month.",
        ),
        ("from=yesterday", "from: This is a day, such as 2026-01-31."),
        ("to=tomorrow", "to: This is a day, such as 2026-01-31."),
        ("to=2026-01-31", "from: Give the first day as well, such as 2026-01-31."),
        ("at=noon", "at: This is a moment, such as 2026-01-31T12:00 or 2026-01-31T12:00:00Z."),
        ("from=2026-01-02&to=2026-01-01", "to: The last day, 2026-01-01, is before the first"),
        ("from=2020-01-01&to=2026-01-01", "from: Ask for at most 400 days at once."),
        (
            "from=2026-01-01&at=2026-01-02T00:00:00%2B00:00",
            "at: What ran at a moment can be asked for within 24 hours: open the page of costs again",
        ),
        (
            "from=2026-01-01&at=noon",
            "at: This is a moment, such as 2026-01-31T12:00 or 2026-01-31T12:00:00Z.",
        ),
        ("from=2026-01-01&to=2026-01-02&part=half", "part: Use one of all, cost, idle, saving."),
        ("from=2026-01-01&to=2026-01-02&capacity=SUN", "capacity: Use one of UNMANAGED, EC2"),
        ("from=2026-01-01&to=2026-01-02&queue=a", "queue: This is a whole number, 0 or more."),
        ("from=2026-01-01&to=2026-01-02&after=9_1_", "after: Take the URL of the next page"),
        ("from=2026-01-01&to=2026-01-02&after=x", "after: Take the URL of the next page"),
    ],
)
def test_bad_queries_name_the_parameter_and_the_fix(
    client: Client, boss: User, query: str, text: str
) -> None:
    answer = client.get(f"/costs/rows/?{query}", headers={"Accept": "application/json"})
    assert answer.status_code == 400
    assert text in answer.json()["message"]


def test_pages_take_as_many_queries_however_much_there_is(
    client: Client, boss: User, django_assert_max_num_queries: Any
) -> None:
    some_history(boss)
    for _ in range(2):
        with django_assert_max_num_queries(27):
            client.get("/costs/")
        with django_assert_max_num_queries(24):
            client.get(f"/costs/rows/?from={ago(72).date()}")
        some_history(boss)


@pytest.mark.parametrize("path", ["/costs/", "/costs/rows/"])
def test_what_a_page_has_read_is_gone_with_its_answer(
    boss: User, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    some_history(boss)
    page = Client(headers={"Accept": "text/html"})
    page.force_login(boss)
    # As in a server: the tests' own listener keeps a copy of each context.
    monkeypatch.setattr(template_rendered, "send", lambda **_: None)
    gone: list[str] = []
    monkeypatch.setattr(Ledger, "__del__", lambda _: gone.append(path), raising=False)
    gc.disable()
    try:
        assert page.get(path).status_code == 200
        assert gone, "it is left to the collector of garbage"
    finally:
        gc.enable()


def test_days_that_make_no_range_are_told_in_the_form_which_keeps_them(
    client: Client, boss: User
) -> None:
    some_history(boss)
    answer = client.get("/costs/?from=2026-02-02&to=2026-02-01")
    assert answer.status_code == 400
    html = answer.text
    assert "The last day, 2026-02-01, is before the first, 2026-02-02." in html
    assert 'value="2026-02-02"' in html
    assert 'value="2026-02-01"' in html
    assert "data-figure" not in html
    answer = client.get("/costs/?from=2026-02-02&to=2026-02-01&format=csv")
    assert answer.status_code == 400


def test_yesterday_is_one_day_that_is_over_and_has_no_chart(client: Client, boss: User) -> None:
    some_history(boss)
    yesterday = ago(24).date().isoformat()
    answer = client.get("/costs/?range=yesterday&format=json").json()
    assert (answer["from"], answer["to"], answer["at"]) == (yesterday, yesterday, None)
    assert [line["key"] for line in answer["by_day"]] == [yesterday]
    html = client.get("/costs/?range=yesterday").text
    assert "bw-cost-chart" not in html
    assert "bw-cost-chart" in client.get("/costs/").text


def test_what_spot_saved_is_told_with_what_was_paid_and_would_have_been(
    client: Client, boss: User
) -> None:
    ended(2, "0.25", capacity=Capacity.SPOT)
    day = ago(2).date()
    url = f"/costs/rows/?from={day}&part=saving"
    (row,) = client.get(url, headers={"Accept": "application/json"}).json()["results"]
    assert (row["on_demand_usd"], row["paid_usd"], row["usd"]) == (
        "0.750000000",
        "0.250000000",
        "0.500000000",
    )
    html = client.get(url).text
    assert "0.750000000" in html
    # An attempt's number says what it is.
    assert ">Attempt<" not in html


def test_idle_time_that_is_not_charged_yet_is_told_apart(client: Client, boss: User) -> None:
    ended_instance(2, uncharged="0.04")
    assert "not charged yet" not in client.get("/costs/").text
    an_instance(launched_at=ago(1))
    assert "not charged yet: of instances that still run" in client.get("/costs/").text
    answer = client.get("/costs/?format=json").json()
    (line,) = [line for line in answer["by_queue"] if line["key"] == "none"]
    yet = Decimal(answer["uncharged_yet_usd"])
    assert yet > 0
    assert Decimal(line["total_usd"]) - yet == Decimal("0.04")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, ""), (3600, "1.00"), (4_000_000, "1,111.11"), (43, "0.012"), (1, "0.00028")],
)
def test_hours_have_as_many_decimals_as_say_something(seconds: int, told: str) -> None:
    assert hours_text(Decimal(seconds)) == told
