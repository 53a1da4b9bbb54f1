"""The pages of job definitions, their JSON, and what they cost in queries."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.domain.states import JobStatus
from jobs.models import JobDefinition
from jobs.selectors.definitions import list_definitions
from jobs.web.contexts.definition_form import BOXES, CONTAINER_BOXES, CONTAINER_TEXTS, TEXT_FIELDS
from tests.builders import a_definition, a_job

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}


def test_the_list_has_each_name_once_with_its_newest_active_revision(
    client: Client, visitor: User
) -> None:
    for revision, status in ((1, "ACTIVE"), (2, "ACTIVE"), (3, "INACTIVE")):
        a_definition(name="hello", revision=revision, status=status)
    a_definition(name="old", status="INACTIVE")
    found = client.get("/definitions/", headers=JSON).json()
    assert found["next"] is None
    assert [(row["name"], row["revision"]) for row in found["results"]] == [("hello", 2)]
    assert found["results"][0]["revisions"] == 3
    both = client.get("/definitions/?all=1", headers=JSON).json()["results"]
    assert [(row["name"], row["revision"]) for row in both] == [("hello", 3), ("old", 1)]


def test_the_list_is_searched_and_paged_by_name() -> None:
    for name in ("apple", "banana", "cherry"):
        a_definition(name=name)
    first = list_definitions(size=2)
    assert [row.definition.name for row in first.rows] == ["apple", "banana"]
    assert first.next == "banana"
    last = list_definitions(size=2, after=first.next)
    assert ([row.definition.name for row in last.rows], last.next) == (["cherry"], "")
    assert [row.definition.name for row in list_definitions(search="NAN").rows] == ["banana"]


def test_the_list_costs_as_many_queries_for_many_rows_as_for_one(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(10):
        a_job(status=JobStatus.RUNNING)
    with django_assert_num_queries(3):
        rows = list_definitions().rows
    assert [row.live_jobs for row in rows] == [1] * 10


def test_a_page_shows_the_revision_its_use_and_what_a_stranger_may_not_do(
    client: Client, visitor: User
) -> None:
    definition = a_definition(name="hello", command=["echo", "a b"], description="Greets")
    a_job(definition=definition, status=JobStatus.RUNNING)
    a_job(definition=definition, status=JobStatus.SUCCEEDED)
    page = client.get("/definitions/hello/")
    assert page.status_code == 200
    assert "echo &#x27;a b&#x27;" in page.text
    assert "Deregister" not in page.text
    usage = page.context["usage"]()
    assert (usage.live_jobs, usage.jobs) == (1, 2)
    assert client.get("/definitions/hello/1/", headers=JSON).json()["name"] == "hello"
    assert client.get("/definitions/hello/2/").status_code == 404
    assert client.get("/definitions/none/").status_code == 404


def test_two_revisions_stand_side_by_side(client: Client, visitor: User) -> None:
    a_definition(name="hello", environment=[{"name": "A", "value": "1"}])
    a_definition(name="hello", revision=2, image="busybox:2", environment=[])
    page = client.get("/definitions/hello/compare/?old=1&new=2")
    assert "2 fields differ" in page.text
    assert [each.label for each in page.context["differences"]][:2] == ["Image", "Variable A"]
    assert all(each.old or each.new for each in page.context["differences"])
    found = client.get("/definitions/hello/compare/?old=1&new=2", headers=JSON).json()
    assert found["changed"] == [
        {"field": "Image", "old": "busybox:1.36", "new": "busybox:2"},
        {"field": "Variable A", "old": "1", "new": ""},
    ]
    assert client.get("/definitions/hello/compare/?old=1&new=x").status_code == 400


def test_the_form_starts_as_a_copy_and_registers_the_next_revision(
    client: Client, boss: User
) -> None:
    rules = [{"onExitCode": "137", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    a_definition(
        name="hello",
        command=["echo", "a b"],
        environment=[{"name": "A", "value": "1"}],
        evaluate_on_exit=rules,
        timeout_seconds=90,
    )
    values = client.get("/new/definition/?from=hello:1").context["values"]
    assert (values["command"], values["environment"]) == ("echo 'a b'", "A=1")
    answer = client.post("/definitions/", {**values, "image": "busybox:2"})
    assert answer.headers["Location"] == "/definitions/hello/2/"
    new = JobDefinition.objects.get(revision=2)
    assert (new.command, new.image, new.created_by) == (["echo", "a b"], "busybox:2", boss)
    assert (new.evaluate_on_exit, new.timeout_seconds) == (rules, 90)
    page = client.get("/definitions/hello/2/").text
    assert "If the exit code is &quot;137&quot;: try again." in page
    assert "1 min 30 s" in page
    found = client.get("/definitions/hello/2/", headers=JSON).json()
    assert (found["evaluate_on_exit"], found["timeout_seconds"]) == (rules, 90)


def test_a_refused_form_keeps_what_was_typed_and_says_what_is_wrong_beside_it(
    client: Client, boss: User
) -> None:
    page = client.post("/definitions/", {"name": "a b", "image": "busybox", "vcpus": "many"})
    assert page.status_code == 400
    assert 'value="a b"' in page.text
    assert "vCPUs are a number such as 1 or 0.25." in page.text
    assert page.context["errors"]["name"][0].startswith("A name starts with")


def test_pasted_json_is_registered_or_refused_with_the_text_kept(
    client: Client, boss: User
) -> None:
    document = {
        "jobDefinitionName": "pasted",
        "containerProperties": {"image": "busybox", "vcpus": 1, "memory": 64},
    }
    answer = client.post("/definitions/", {"document": json.dumps(document)})
    assert answer.headers["Location"] == "/definitions/pasted/1/"
    document["eksProperties"] = {"team": "blue"}
    document["eksProperties"] = {"podProperties": {"hostNetwork": True}}
    page = client.post("/definitions/", {"document": json.dumps(document)})
    assert page.status_code == 400
    assert "eksProperties" in page.context["document_errors"][0]
    assert "blue" in page.text
    for wrong in ("{", "[1]", "[" * 100_000, '{"\\ud800": 1}', '{"environment": ["\\ud800"]}'):
        assert client.post("/definitions/", {"document": wrong}).status_code == 400


def test_a_script_registers_with_a_form_or_a_json_body(client: Client, boss: User) -> None:
    fields = {"name": "hello", "image": "busybox", "vcpus": "1", "memory_mib": "64"}
    made = client.post("/definitions/", fields, headers=JSON)
    assert (made.status_code, made.json()["revision"]) == (201, 1)
    made = client.post(
        "/definitions/", {**fields, "vcpus": 0.5}, content_type="application/json", headers=JSON
    )
    assert (made.status_code, made.json()["vcpus"]) == (201, "0.5")
    refused = client.post("/definitions/", {"name": "x"}, headers=JSON)
    assert refused.status_code == 400
    assert set(refused.json()["errors"]) == {"image", "vcpus", "memory_mib"}


def test_deregistering_answers_a_browser_and_a_script(client: Client, boss: User) -> None:
    a_definition(name="hello")
    asked = client.get("/definitions/hello/1/deregister/").text
    assert "Deregister hello:1?" in asked
    assert 'data-opens="deregister-dialog"' in client.get("/definitions/hello/1/").text
    gone = client.post("/definitions/hello/1/deregister/", headers=JSON).json()
    assert gone["status"] == "INACTIVE"
    again = client.post("/definitions/hello/1/deregister/", follow=True)
    assert "was deregistered already" in again.text
    assert "This revision takes no new jobs" in again.text


def test_only_an_administrator_changes_anything(client: Client, visitor: User) -> None:
    a_definition(name="hello")
    assert client.get("/new/definition/").status_code == 403
    assert client.post("/definitions/", {"name": "x"}).status_code == 403
    assert client.get("/definitions/hello/1/deregister/").status_code == 403
    assert client.post("/definitions/hello/1/deregister/").status_code == 403


def test_a_fragment_brings_only_its_part(client: Client, visitor: User) -> None:
    a_definition(name="hello")
    headers = {"HX-Request": "true", "HX-Target": "div#definitions-table"}
    part = client.get("/definitions/", headers=headers).text
    assert "hello" in part
    assert "<html" not in part
    assert "id_q" not in part


CONTAINER = {
    "user": "nobody",
    "privileged": True,
    "readonlyRootFilesystem": True,
    "linuxParameters": {"initProcessEnabled": True, "sharedMemorySize": 64},
    "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
    "mountPoints": [{"sourceVolume": "scratch", "containerPath": "/scratch", "readOnly": True}],
    "volumes": [{"name": "scratch"}],
}
SEVERAL = {
    "taskProperties": [
        {
            "containers": [
                {
                    "name": name,
                    "image": f"{name}:1",
                    "resourceRequirements": [
                        {"type": "VCPU", "value": "0.5"},
                        {"type": "MEMORY", "value": "64"},
                    ],
                    **(
                        {"dependsOn": [{"containerName": "db", "condition": "START"}]}
                        if name == "web"
                        else {}
                    ),
                }
                for name in ("db", "web")
            ]
        }
    ]
}


def test_container_properties_have_inputs_and_json_and_come_back_to_both(
    client: Client, boss: User
) -> None:
    typed = {
        "name": "tight",
        "image": "busybox",
        "vcpus": "1",
        "memory_mib": "64",
        "container_user": "nobody",
        "container_shared_memory": "64",
        "container_privileged": "true",
        "container_read_only_root": "true",
        "container_init": "true",
        "container": json.dumps(
            {name: CONTAINER[name] for name in ("ulimits", "mountPoints", "volumes")}
        ),
        "parameters": "scene=forest",
        "tags": "team=blue",
    }
    assert client.post("/definitions/", typed).headers["Location"] == "/definitions/tight/1/"
    made = JobDefinition.objects.get()
    assert made.container == CONTAINER
    html = client.get("/definitions/tight/1/").text
    for told in (
        "nobody",
        "Privileged",
        "Read-only",
        "64 MiB",
        "nofile: 10, at most 20",
        "(read-only)",
    ):
        assert told in html
    values = client.get("/new/definition/?from=tight:1").context["values"]
    assert json.loads(values["container"]).keys() == {"ulimits", "mountPoints", "volumes"}
    assert (values["container_user"], values["container_shared_memory"]) == ("nobody", "64")
    assert client.post("/definitions/", values).status_code == 302
    again = JobDefinition.objects.get(revision=2)
    assert (again.container, again.tags, again.parameters) == (
        made.container,
        made.tags,
        made.parameters,
    )


@pytest.mark.parametrize(
    ("container", "told"),
    [
        ("{", "Not valid JSON"),
        ("[1]", "This is an object of members."),
        ('{"linuxParameters": 5}', "linuxParameters: This is an object of members."),
        ('{"userr": "x"}', "userr: There is no such member."),
    ],
)
def test_bad_container_properties_are_told_beside_their_field_and_kept(
    client: Client, boss: User, container: str, told: str
) -> None:
    fields = {"name": "a", "image": "busybox", "vcpus": "1", "memory_mib": "64"}
    page = client.post(
        "/definitions/", {**fields, "container": container, "container_init": "true"}
    )
    assert page.status_code == 400
    assert any(told in text for text in page.context["errors"]["container"])
    assert page.context["container_open"]
    assert page.context["values"]["container"] == container
    assert not JobDefinition.objects.exists()


def test_a_definition_of_several_containers_is_shown_copied_and_compared(
    client: Client, boss: User
) -> None:
    # As a browser sends it: what the form has for one container is empty.
    new = client.get("/new/definition/").context["values"]
    posted = {**new, "name": "pair", "ecs_properties": json.dumps(SEVERAL), "attempts": "2"}
    refused = client.post("/definitions/", {**posted, "vcpus": "1", "memory_mib": "512"})
    assert set(refused.context["errors"]) == {"vcpus", "memory_mib"}
    assert client.post("/definitions/", posted).status_code == 302
    html = client.get("/definitions/pair/1/").text
    assert "until db has started" in html
    assert "web:1" in html
    values = client.get("/new/definition/?from=pair:1").context["values"]
    assert (values["image"], values["attempts"]) == ("", "2")
    changed = values["ecs_properties"].replace("web:1", "web:2")
    assert client.post("/definitions/", {**values, "ecs_properties": changed}).status_code == 302
    found = client.get("/definitions/pair/compare/?old=1&new=2", headers=JSON).json()["changed"]
    path = "ecsProperties.taskProperties[0].containers[1].image"
    assert found == [{"field": path, "old": "web:1", "new": "web:2"}]


def test_a_multi_node_definition_tells_its_nodes_in_words(client: Client, visitor: User) -> None:
    container = {
        "image": "mpi:1",
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
    }
    a_definition(
        name="mpi",
        type="multinode",
        node_properties={
            "numNodes": 5,
            "mainNode": 0,
            "nodeRangeProperties": [
                {"targetNodes": "0", "container": {**container, "image": "main:1"}},
                {"targetNodes": "1:", "container": container},
            ],
        },
    )
    html = client.get("/definitions/mpi/").text
    for told in ("multi-node parallel", "Node 0 (main)", "Nodes 1 to 4", "main:1", "mpi:1"):
        assert told in html


def test_the_form_has_an_input_for_every_field(client: Client, boss: User) -> None:
    page = client.get("/new/definition/")
    assert "{%" not in page.text
    for field in (*TEXT_FIELDS, *BOXES, *CONTAINER_TEXTS, *CONTAINER_BOXES):
        assert f'name="{field}"' in page.text
