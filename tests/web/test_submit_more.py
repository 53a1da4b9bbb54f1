"""The submit form's further fields: arrays, dependencies, parameters, shares, tags, several containers."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import Job, JobDefinition, JobQueue
from jobs.web.contexts.submit import ROWS, TEXT_FIELDS
from tests.builders import (
    a_consumable,
    a_definition,
    a_job,
    a_policy,
    a_queue,
    an_array,
)

HTMX = {"HX-Request": "true", "Accept": "text/html"}


@pytest.fixture(autouse=True)
def queue(db: None) -> JobQueue:
    return a_queue(name="default")


@pytest.fixture(autouse=True)
def hello(db: None) -> JobDefinition:
    return a_definition(
        name="hello",
        command=["render", "Ref::scene", "--at", "Ref::frame", "Ref::scene"],
        parameters={"scene": "forest", "unused": "x"},
    )


def container(name: str, **members: Any) -> dict[str, Any]:
    needs = [{"type": "VCPU", "value": "0.5"}, {"type": "MEMORY", "value": "64"}]
    return {"name": name, "image": "busybox", "resourceRequirements": needs, **members}


def filled(**fields: Any) -> dict[str, Any]:
    return {"name": "first", "queue": "default", "definition": "hello", "loaded": "hello", **fields}


def submitted(page: Client, **fields: Any) -> Job:
    answer = page.post("/jobs/", filled(**fields))
    assert answer.status_code == 302, answer.context["errors"]
    return Job.objects.filter(parent=None).order_by("-pk")[0]


def test_an_array_is_submitted_and_leads_to_its_page(page: Client) -> None:
    job = submitted(page, array_size="3", sequential="true")
    assert (job.array_size, job.children.count(), job.spec.sequential) == (3, 3, True)
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "array of 3" in html
    again = page.get("/submit/", {"again": str(job.pk)}).context["values"]
    assert (again["array_size"], again["sequential"]) == ("3", True)
    child = page.get("/submit/", {"again": f"{job.pk}:1"}).context["values"]
    assert (child["array_size"], child["sequential"]) == ("", False)


def test_jobs_to_wait_for_come_in_rows_or_as_json(page: Client, script: Client) -> None:
    one, other = a_job(status="RUNNING"), an_array(2)
    rows = {
        "depends_on_job": [str(one.pk), "", str(other.pk)],
        "depends_on_type": ["", "", "N_TO_N"],
    }
    job = submitted(page, array_size="2", **rows)
    found = {(edge.on_id, edge.type) for edge in job.dependencies.all()}
    assert found == {(one.pk, ""), (other.pk, "N_TO_N")}
    body = filled(depends_on=[{"job_id": str(one.pk)}])
    del body["loaded"]
    made = script.post("/jobs/", body, content_type="application/json").json()
    told = script.get(made["url"]).json()["depends_on"]
    assert [each["id"] for each in told] == [str(one.pk)]


def test_a_wrong_dependency_is_told_beside_its_rows_which_stay(page: Client) -> None:
    one = a_job(status="RUNNING")
    answer = page.post(
        "/jobs/", filled(depends_on_job=[str(one.pk)], depends_on_type=["N_TO_N"], sequential="on")
    )
    assert answer.status_code == 400
    assert set(answer.context["errors"]) == {"depends_on"}
    assert answer.context["array_open"]
    html = answer.content.decode()
    assert f'value="{one.pk}"' in html
    assert '<option value="N_TO_N" selected>' in html
    assert answer.context["values"]["sequential"]
    assert not Job.objects.filter(name="first").exists()


def test_parameters_are_asked_for_by_the_names_in_the_command(page: Client) -> None:
    shown = page.get("/submit/?definition=hello").context["values"]["parameters"]
    assert shown == {"scene": "forest", "frame": "", "unused": "x"}
    rows = {"parameter_name": ["scene", "frame"], "parameter_value": ["sea", ""]}
    job = submitted(page, **rows)
    assert job.command == ["render", "sea", "--at", "Ref::frame", "sea"]
    refused = page.post("/jobs/", filled(name="a b", **rows))
    assert refused.context["values"]["parameters"] == {"scene": "sea", "frame": "", "unused": "x"}


def test_a_share_is_asked_for_where_the_queue_has_a_policy(page: Client) -> None:
    policy = a_policy(share_distribution=[{"shareIdentifier": "blue", "weightFactor": 1.0}])
    a_queue(name="fair", scheduling_policy=policy)
    assert 'name="share_identifier"' not in page.get("/submit/?queue=default").content.decode()
    html = page.get("/submit/?queue=fair&definition=hello").content.decode()
    assert 'name="share_identifier"' in html
    assert '<option value="blue">' in html
    # The estimate needs no share.
    assert "per hour" in html
    refused = page.post("/jobs/", filled(queue="fair"))
    assert set(refused.context["errors"]) == {"share_identifier", "scheduling_priority"}
    job = submitted(page, queue="fair", share_identifier="blue", scheduling_priority="5")
    assert (job.share_identifier, job.scheduling_priority) == ("blue", 5)
    again = page.get("/submit/", {"again": str(job.pk)}).context["values"]
    assert (again["share_identifier"], again["scheduling_priority"]) == ("blue", "5")


def test_tags_consumables_and_gpus_lie_under_more(page: Client, hello: JobDefinition) -> None:
    a_consumable(name="licence", total_quantity=2)
    needed = '[{"consumableResource": "licence", "quantity": 2}]'
    job = submitted(
        page,
        tag_name=["team", ""],
        tag_value=["blue", ""],
        consumables=needed,
        gpus="1",
        propagate_tags="true",
    )
    assert (job.spec.tags, job.gpus, job.spec.propagate_tags) == ({"team": "blue"}, 1, True)
    assert job.spec.consumables == json.loads(needed)
    html = page.get(f"/jobs/{job.pk}/").content.decode()
    assert "2 × licence" in html
    assert "1 GPU" in html
    again = page.get("/submit/", {"again": str(job.pk)})
    assert json.loads(again.context["values"]["consumables"]) == json.loads(needed)
    assert again.context["values"]["tags"] == {"team": "blue"}
    assert again.context["more_open"]


def test_a_box_that_is_not_marked_says_no(page: Client, hello: JobDefinition) -> None:
    JobDefinition.objects.filter(pk=hello.pk).update(propagate_tags=True)
    assert page.get("/submit/?definition=hello").context["values"]["propagate_tags"]
    # As a browser sends it: the hidden input alone.
    assert not submitted(page, propagate_tags="false").spec.propagate_tags
    assert submitted(page).spec.propagate_tags


def test_several_containers_are_overridden_by_json_and_cloned_with_it(page: Client) -> None:
    task = {"containers": [container("web"), container("db", command=["db"])]}
    a_definition(name="pair", ecs_properties={"taskProperties": [task]})
    html = page.get("/submit/?definition=pair").content.decode()
    assert 'name="ecs_overrides"' in html
    for absent in ('name="command"', 'name="vcpus"', 'name="image"', "environment_name"):
        assert absent not in html
    overrides = {"taskProperties": [{"containers": [{"name": "db", "command": ["db", "-v"]}]}]}
    job = submitted(page, definition="pair", ecs_overrides=json.dumps(overrides))
    assert job.spec.ecs_properties["taskProperties"][0]["containers"][1]["command"] == ["db", "-v"]
    again = page.get("/submit/", {"again": str(job.pk)}).context["values"]
    assert json.loads(again["ecs_overrides"]) == overrides
    assert again["command"] == ""
    refused = page.post("/jobs/", filled(definition="pair", ecs_overrides='{"a": 1}'))
    assert set(refused.context["errors"]) == {"ecs_overrides"}


def test_a_multi_node_job_is_cloned_with_its_number_of_nodes(page: Client) -> None:
    properties = {
        "numNodes": 2,
        "mainNode": 0,
        "nodeRangeProperties": [
            {
                "targetNodes": "0:",
                "container": {
                    name: value for name, value in container("x").items() if name != "name"
                },
            }
        ],
    }
    a_definition(name="mpi", type="multinode", node_properties=properties)
    html = page.get("/submit/?definition=mpi").content.decode()
    # Two nodes of half a vCPU and 64 MiB.
    assert "1 vCPU, 128 MiB on each kind" in html
    overrides = {
        "nodePropertyOverrides": [
            {"targetNodes": "0:", "containerOverrides": {"command": ["mpirun"]}}
        ],
        "numNodes": 3,
    }
    job = submitted(page, definition="mpi", node_overrides=json.dumps(overrides))
    assert job.node_count == 3
    again = page.get("/submit/", {"again": str(job.pk)}).context["values"]
    assert json.loads(again["node_overrides"]) == overrides
    assert "3 nodes" in page.get("/jobs/").content.decode()


def test_the_estimate_is_for_all_children(page: Client, hello: JobDefinition) -> None:
    for _ in range(3):
        job = a_job(definition=hello, status="SUCCEEDED")
        Job.objects.filter(pk=job.pk).update(started_at=job.created_at)
    html = page.post("/submit/check/", filled(array_size="100"), headers=HTMX).content.decode()
    assert "for all 100 children" in html


def test_recent_jobs_are_offered_to_wait_for(page: Client, admin: User) -> None:
    mine = a_job(name="prepare", owner=admin, status="RUNNING")
    a_job(name="lost", owner=admin, status="FAILED")
    a_job(name="theirs", status="RUNNING")
    html = page.get("/submit/").content.decode()
    assert f'<option value="{mine.pk}">prepare, RUNNING</option>' in html
    assert "lost, " not in html
    assert "theirs, " not in html


def test_an_example_in_an_empty_field_is_shown_whole(page: Client) -> None:
    html = page.get("/submit/?definition=hello").content.decode()
    assert 'placeholder="[{&quot;consumableResource&quot;: ' in html


def test_the_form_has_an_input_for_every_field(page: Client) -> None:
    a_queue(name="fair", scheduling_policy=a_policy())
    a_definition(name="pair", ecs_properties={"taskProperties": [{"containers": [container("a")]}]})
    one = page.get("/submit/?queue=fair&definition=hello").content.decode()
    several = page.get("/submit/?queue=fair&definition=pair").content.decode()
    rows = {name for row in ROWS.values() for name in row}
    # Overrides of nodes stand in the place of those of containers.
    for field in {*TEXT_FIELDS, *rows, "sequential", "propagate_tags"} - {"node_overrides"}:
        assert f'name="{field}"' in (one if field != "ecs_overrides" else several), field
    assert "{%" not in one + several


def test_a_job_to_wait_for_may_be_named_if_it_is_the_only_one_of_that_name(
    page: Client, admin: User
) -> None:
    one = a_job(name="prepare", owner=admin, status="RUNNING")
    for _ in range(2):
        a_job(name="twice", owner=admin, status="RUNNING")
    job = submitted(page, depends_on_job=["prepare"], depends_on_type=[""])
    assert [each.on_id for each in job.dependencies.all()] == [one.pk]
    for name in ("twice", "nobody"):
        answer = page.post("/jobs/", filled(depends_on_job=[name], depends_on_type=[""]))
        assert answer.context["errors"]["depends_on"] == [
            f"{name} is no job's id. Choose the job from the list, or paste its id."
        ]


def test_the_priority_is_marked_as_needed_where_the_definition_has_none(page: Client) -> None:
    a_queue(name="fair", scheduling_policy=a_policy())
    a_definition(name="ranked", scheduling_priority=3)
    for name, needed in (("hello", True), ("ranked", False)):
        context = page.get("/submit/", {"queue": "fair", "definition": name}).context
        assert context["needs_priority"]() is needed


def test_a_job_that_would_wait_for_a_failed_one_is_foretold_to_fail(page: Client) -> None:
    failed, ended = a_job(name="prepare", status="FAILED"), a_job(status="SUCCEEDED")

    def told(on: Job) -> str:
        fields = filled(depends_on_job=[str(on.pk)], depends_on_type=[""])
        return page.post("/submit/check/", fields, headers=HTMX).content.decode()

    assert "It would fail at once" in told(failed)
    assert "It would fail at once" not in told(ended)
    assert 'id="outlook"' in told(ended)


def test_what_a_job_has_to_wait_for_is_told_by_name_with_what_comes_then(page: Client) -> None:
    first = a_job(name="long-prep", status="RUNNING")
    fields = filled(depends_on_job=[str(first.pk)], depends_on_type=[""])
    answer = page.post("/submit/check/", fields, headers=HTMX)
    told = " ".join(re.sub("<[^>]*>", "", answer.content.decode()).split())
    assert "First long-prep (RUNNING) has to succeed. As if that were so already:" in told
    assert "There is room: it would start at once." in told
    assert "the start as if what it waits for had succeeded" in told


def test_words_of_a_job_to_wait_for_are_no_error_before_the_form_is_sent(page: Client) -> None:
    fields = filled(depends_on_job=["prep"], depends_on_type=[""])
    answer = page.post("/submit/check/", fields, headers=HTMX)
    assert answer.context["errors"] == {}
    assert "per hour" in answer.content.decode()
    assert "depends_on" in page.post("/jobs/", fields).context["errors"]


def test_a_clone_runs_with_the_parameter_that_was_changed(page: Client) -> None:
    a_definition(name="sum", command=["seq", "1", "Ref::n"], parameters={"n": "5"})
    job = submitted(page, definition="sum", command="", parameters='{"n": "20"}')
    assert job.spec.command == ["seq", "1", "20"]
    context = page.get("/submit/", {"again": str(job.pk)}).context
    assert context["values"]["command"] == "seq 1 Ref::n"
    assert context["values"]["parameters"] == {"n": "20"}
    assert not context["is_replaced"]
    again = submitted(
        page, definition="sum", command=context["values"]["command"], parameters='{"n": "4"}'
    )
    assert again.spec.command == ["seq", "1", "4"]


def test_a_clone_keeps_a_command_of_its_own_and_says_that_parameters_are_in_it(
    page: Client,
) -> None:
    a_definition(name="sum", command=["seq", "1", "Ref::n"], parameters={"n": "5"})
    job = submitted(page, definition="sum", command="echo Ref::n")
    answer = page.get("/submit/", {"again": str(job.pk)})
    assert answer.context["values"]["command"] == "echo 5"
    assert "its parameters replaced" in answer.content.decode()


def test_a_clone_of_several_containers_overrides_no_command_for_its_parameters(
    page: Client,
) -> None:
    containers = [container(name, command=["echo", "Ref::n"]) for name in ("web", "db")]
    a_definition(name="pair", ecs_properties={"taskProperties": [{"containers": containers}]})
    job = submitted(page, definition="pair", parameters='{"n": "20"}')
    values = page.get("/submit/", {"again": str(job.pk)}).context["values"]
    assert values["ecs_overrides"] == ""
    assert values["parameters"] == {"n": "20"}


def test_jobs_to_wait_for_are_searched_by_what_is_typed(
    page: Client, bobs_page: Client, admin: User
) -> None:
    wanted = a_job(name="prepare-data", owner=admin, status="RUNNING")
    a_job(name="prepare-ill", owner=admin, status="FAILED")
    a_job(name="other", owner=admin, status="RUNNING")
    chosen = str(wanted.pk)
    query = {"depends_on_job": [chosen, "prep"]}
    html = page.get("/submit/jobs/", query, headers=HTMX).content.decode()
    assert re.findall("<option.*?</option>", html) == [
        f'<option value="{wanted.pk}">prepare-data, RUNNING</option>'
    ]
    told = page.get("/submit/jobs/", {**query, "format": "json"}).json()
    assert told == {"jobs": [{"id": chosen, "name": "prepare-data", "status": "RUNNING"}]}
    a_job(name="of-prepare", owner=admin, status="RUNNING", definition=a_definition(name="zebra"))
    assert "<option" not in page.get("/submit/jobs/", {"depends_on_job": "zebra"}).content.decode()
    ill = page.get("/submit/jobs/", {"depends_on_job": "prepare-ill"}).content.decode()
    assert "prepare-ill has failed" in ill
    newest = page.get("/submit/jobs/", {"depends_on_job": ""}).content.decode()
    assert "other" in newest
    assert "<option" not in bobs_page.get("/submit/jobs/", query).content.decode()
