"""The pages of environments: what is used of what there is, why one is INVALID, and changes."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.domain.resources import Resources
from jobs.domain.states import JobStatus
from jobs.models import ComputeEnvironment, EngineStatus
from jobs.selectors.environments import find_environment, list_environments, list_nodes
from jobs.web.contexts.environments import resources_of
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_node,
    a_queue,
    an_attempt,
    an_engine,
    an_environment,
)

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


def run_in(
    environment: ComputeEnvironment, *, owner: User | None = None, name: str = "job"
) -> None:
    """A running attempt of 1 vCPU and 512 MiB, and one that has ended."""
    queue = a_queue(environment)
    for ended_at in (None, NOW):
        job = a_job(
            queue=queue,
            status=JobStatus.RUNNING,
            attempts_made=1,
            definition=a_definition(),
            name=name,
            owner=owner,
        )
        an_attempt(job=job, ended_at=ended_at)


def test_used_is_what_live_attempts_hold_and_total_what_ready_nodes_have() -> None:
    engine = an_engine()
    a_node(engine=engine, milli_vcpus=4000, memory_mib=8000)
    a_node(engine=engine, milli_vcpus=2000, memory_mib=4000)
    a_node(engine=engine, state="DOWN", milli_vcpus=9000, memory_mib=9000)
    free, capped = an_environment(engine=engine), an_environment(engine=engine)
    ComputeEnvironment.objects.filter(pk=capped.pk).update(max_milli_vcpus=2500)
    run_in(free)
    rows = {row.environment.pk: row for row in list_environments().rows}
    assert rows[free.pk].used == Resources(1000, 512)
    assert rows[free.pk].total == Resources(6000, 12000)
    assert (rows[free.pk].live_attempts, rows[free.pk].nodes_ready) == (1, 2)
    assert rows[capped.pk].used == Resources(0, 0)
    assert rows[capped.pk].total == Resources(2500, 12000)


def test_a_node_shows_what_this_and_what_other_environments_hold(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    engine = a_node().engine
    mine, other = an_environment(engine=engine), an_environment(engine=engine)
    run_in(mine)
    run_in(other)
    with django_assert_num_queries(5):
        (node,) = list_nodes(environment=mine, now=NOW)
        assert [attempt.job.queue.name for attempt in node.attempts]
    assert (node.used_here, node.used_by_others) == (Resources(1000, 512), Resources(1000, 512))
    assert (node.live_attempts, node.hidden_attempts) == (1, 0)


def test_the_list_costs_as_many_queries_for_many_rows_as_for_one(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(6):
        run_in(an_environment())
    with django_assert_num_queries(3):
        rows = list_environments().rows
        assert all(row.environment.engine.name for row in rows)
    assert [row.live_attempts for row in rows] == [1] * 6


def test_a_list_and_a_page_answer_people_and_scripts(client: Client, visitor: User) -> None:
    environment = an_environment(name="here", max_milli_vcpus=2500)
    run_in(environment)
    (row,) = client.get("/environments/", headers=JSON).json()["results"]
    assert (row["name"], row["used_vcpus"], row["total_vcpus"]) == ("here", "1", "2.5")
    assert row["usd_per_vcpu_hour"] == "0.04048"
    one = client.get("/environments/here/", headers=JSON).json()
    assert one["nodes"][0]["live_attempts"] == 1
    assert len(one["queues"]) == 1
    page = client.get("/environments/here/")
    assert page.status_code == 200
    assert "$0.04048 a vCPU-hour" in page.text
    assert client.get("/environments/none/").status_code == 404


def test_an_invalid_environment_says_why_and_what_to_do(client: Client, boss: User) -> None:
    engine = an_engine(
        name="far", kind="docker", url="tcp://far:2376", status=EngineStatus.UNREACHABLE
    )
    an_environment(name="there", engine=engine, status="INVALID", status_reason="No <answer>.")
    page = client.get("/environments/there/").text
    assert "INVALID:</strong> No &lt;answer&gt;." in page
    assert "See that Docker Engine runs there (tcp://far:2376)" in page
    assert f"/admin/jobs/engine/{engine.pk}/change/" in page
    assert "INVALID" in client.get("/environments/").text


def test_other_peoples_jobs_have_no_name(client: Client, visitor: User) -> None:
    environment = an_environment(name="here")
    run_in(environment, name="secret-plan")
    run_in(environment, name="mine", owner=visitor)
    page = client.get("/environments/here/").text
    assert "secret-plan" not in page
    assert "mine" in page


def test_an_environment_is_made_changed_and_deleted_with_plain_forms(
    client: Client, boss: User
) -> None:
    an_engine(name="local")
    values = client.get("/new/environment/").context["values"]
    assert (values["engine"], values["usd_per_gib_hour"]) == ("local", "0.004445")
    made = client.post("/environments/", {**values, "name": "here", "max_vcpus": "1.5"})
    assert made.headers["Location"] == "/environments/here/"
    values = client.get("/environments/here/edit/").context["values"]
    assert values["max_vcpus"] == "1.5"
    changed = client.post(
        "/environments/here/", {"state": "DISABLED", "max_vcpus": ""}, follow=True
    )
    assert "Nothing new is placed here." in changed.text
    row = find_environment(name="here")
    assert row is not None
    assert row.environment.max_milli_vcpus is None
    gone = client.post("/environments/here/delete/", follow=True)
    assert "The environment here is being deleted." in gone.text


def test_a_refused_form_keeps_what_was_typed(client: Client, boss: User) -> None:
    an_environment(name="here")
    page = client.post("/environments/", {"name": "here", "max_vcpus": "all"})
    assert page.status_code == 400
    assert page.context["errors"]["engine"] == ["Choose an engine."]
    assert 'value="all"' in page.text
    page = client.post("/environments/here/", {"usd_per_vcpu_hour": "-1"})
    assert page.status_code == 400
    assert 'value="-1"' in page.text
    page = client.post("/environments/here/delete/")
    assert page.status_code == 409
    assert "is enabled. Disable it before you delete it." in page.text


def test_a_managed_environment_shows_its_compute_resources(client: Client, boss: User) -> None:
    resources = {
        "type": "SPOT",
        "maxvCpus": 16,
        "instanceTypes": ["m4.large", "c5"],
        "subnets": [],
        "tags": {"Name": "x"},
    }
    an_environment(
        name="here",
        type="MANAGED",
        compute_resources=resources,
        max_milli_vcpus=16_000,
        tags={"a": "b"},
    )
    page = client.get("/environments/here/").text
    assert "MANAGED SPOT" in page
    assert "<dt>instanceTypes</dt><dd>m4.large, c5</dd>" in page
    assert "maxvCpus of its compute resources" in client.get("/environments/here/edit/").text
    assert "MANAGED SPOT on" in client.get("/environments/").text
    found = client.get("/environments/here/", headers=JSON).json()
    assert (found["compute_resources"], found["tags"]) == (resources, {"a": "b"})


def test_an_environment_that_is_being_deleted_says_so(client: Client, boss: User) -> None:
    an_environment(name="here", state="DISABLED", status="DELETING")
    page = client.get("/environments/here/").text
    assert "Being deleted." in page
    assert "/environments/here/edit/" not in page
    assert client.post("/environments/here/enable/", headers=JSON).status_code == 409


def test_a_script_enables_and_disables(client: Client, boss: User) -> None:
    an_environment(name="here")
    assert client.post("/environments/here/disable/", headers=JSON).json()["state"] == "DISABLED"
    assert client.post("/environments/here/enable/", headers=JSON).json()["state"] == "ENABLED"
    refused = client.post("/environments/here/", {"state": "off"}, headers=JSON)
    assert refused.json()["errors"] == {"state": ["The state is ENABLED or DISABLED."]}


def test_only_an_administrator_changes_anything(client: Client, visitor: User) -> None:
    an_environment(name="here")
    for path in ("/new/environment/", "/environments/here/edit/"):
        assert client.get(path).status_code == 403
    for path in ("", "here/", "here/enable/", "here/disable/", "here/delete/"):
        assert client.post(f"/environments/{path}", {"state": "DISABLED"}).status_code == 403
    assert ComputeEnvironment.objects.get().state == "ENABLED"


def test_compute_resources_show_what_was_given_before_the_defaults(
    client: Client,
    boss: User,
) -> None:
    given = {"type": "EC2", "maxvCpus": 4, "instanceTypes": ["m4.large"], "minvCpus": 0}
    environment = an_environment(
        name="managed",
        type="MANAGED",
        compute_resources={"allocationStrategy": "BEST_FIT", "desiredvCpus": 0, **given},
    )
    rows = resources_of(environment)
    assert rows[:3] == [
        ("type", "EC2", False),
        ("maxvCpus", "4", False),
        ("instanceTypes", "m4.large", False),
    ]
    assert {name for name, _, is_default in rows if is_default} == {
        "allocationStrategy",
        "desiredvCpus",
        "minvCpus",
    }
    html = client.get("/environments/managed/").text
    assert "BEST_FIT (default)" in html
    assert html.count(">VALID<") == 1
