"""What an environment lends to jobs: paths, privilege, GPUs."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.domain.environments.host_paths import allowed_host_paths
from jobs.domain.errors import InvalidInput, NotFound
from jobs.domain.resources import Resources
from jobs.domain.states import JobStatus
from jobs.domain.validation import FieldError
from jobs.models import ComputeEnvironment, Node
from jobs.selectors.environments import list_environments, list_nodes
from jobs.services.setup.engines import update_node
from jobs.services.setup.environments import create_environment, update_environment
from tests.builders import NOW, a_job, a_node, a_queue, an_attempt, an_engine, an_environment

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
DATA = {"path": "/data", "readOnly": True}


@pytest.mark.parametrize(
    ("given", "path"),
    [("/data", "/data"), (" /data/ ", "/data"), ("//data/./in", "/data/in"), ("/", "/")],
)
def test_a_host_path_is_stored_in_its_shortest_form(given: str, path: str) -> None:
    assert allowed_host_paths([{"path": given}]) == [{"path": path, "readOnly": False}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("/data", "Not valid JSON"),
        ({"path": "/data"}, "Host paths are a list"),
        (["/data"], "Host path 1 is not an object"),
        ([DATA, {"path": "data"}], "Host path 2: A path starts with /"),
        ([{"path": "/data/../etc"}], "A path has no .. in it"),
        ([{"path": "/a:/b"}], "without colons"),
        ([{"path": "/" + "x" * 1024}], "at most 1024 characters"),
        ([{}], "A path starts with /"),
        ([{**DATA, "mode": "ro"}], "there is no 'mode'"),
        ([{"path": "/data", "readOnly": "perhaps"}], "true or false"),
        ([DATA, {"path": "/data/"}], "/data is there twice"),
        ([{"path": f"/{number}"} for number in range(51)], "at most 50"),
        ([{"path": "/tmp/out"}, {"path": "/tmp/out/a", "readOnly": True}], "/tmp/out/a is inside"),
        ([{"path": "/a/b"}, {"path": "/"}], "/a/b is inside /, where jobs may write"),
    ],
)
def test_a_refused_host_path_says_what_to_do(value: object, text: str) -> None:
    with pytest.raises(FieldError) as caught:
        allowed_host_paths(value)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [("/tmp/out", "/tmp/out/ln"), ("/tmp/out/ln", "/tmp/out"), ("/", "/tmp")],
)
@pytest.mark.parametrize("changes_one", [True, False])
def test_no_path_is_lent_inside_one_that_jobs_of_the_same_engine_may_write_to(
    first: str, second: str, changes_one: bool
) -> None:
    one, elsewhere = an_engine(name="one"), an_engine(name="elsewhere")
    outer, _ = sorted((first, second))

    def lent(path: str) -> list[dict[str, Any]]:
        return [{"path": path, "readOnly": path != outer}]

    an_environment(name="a", engine=one, allowed_host_paths=lent(first))
    fields: dict[str, object] = {"allowed_host_paths": lent(second)}
    two = an_environment(name="b", engine=one)

    def lend_second() -> None:
        if changes_one:
            update_environment(environment=two, fields=fields)
        else:
            create_environment(fields={"name": "c", "engine": "one", **fields}, now=NOW)

    with pytest.raises(InvalidInput) as caught:
        lend_second()
    (text,) = caught.value.errors["allowed_host_paths"]
    assert "that the environment a on the same engine lends" in text
    assert f"Lend {outer} read-only" in text
    update_environment(environment=an_environment(engine=elsewhere), fields=fields)


def test_paths_inside_one_that_is_read_only_everywhere_are_lent() -> None:
    one = an_engine(name="one")
    an_environment(engine=one, allowed_host_paths=[DATA])
    inside = [{"path": "/data/in", "readOnly": False}, DATA]
    fields: dict[str, object] = {"name": "b", "engine": "one", "allowed_host_paths": inside}
    environment = create_environment(fields=fields, now=NOW)
    assert environment.allowed_host_paths == inside
    # It may go on lending what it does.
    update_environment(environment=environment, fields={"allowed_host_paths": inside})


def test_an_environment_lends_nothing_unless_told_otherwise() -> None:
    an_engine(name="local")
    environment = create_environment(fields={"name": "e", "engine": "local"}, now=NOW)
    assert (environment.allow_privileged, environment.allowed_host_paths) == (False, [])
    update_environment(
        environment=environment,
        fields={"allow_privileged": "true", "allowed_host_paths": [DATA]},
    )
    update_environment(environment=environment, fields={"state": "DISABLED"})
    environment.refresh_from_db()
    assert (environment.allow_privileged, environment.allowed_host_paths) == (True, [DATA])


@pytest.mark.parametrize("field", ["allow_privileged", "allowed_host_paths"])
def test_a_refusal_names_the_field(field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        update_environment(environment=an_environment(), fields={field: 5})
    assert list(caught.value.errors) == [field]


def test_paths_and_privilege_are_set_with_a_plain_form(client: Client, boss: User) -> None:
    an_environment(name="e")
    form: dict[str, Any] = {
        "host_path": ["", "/data", "", "/scratch/"],
        "host_path_mode": ["", "read", "read", "write"],
        "allow_privileged": ["false", "true"],
    }
    client.post("/environments/e/", form)
    environment = ComputeEnvironment.objects.get()
    assert environment.allowed_host_paths == [DATA, {"path": "/scratch", "readOnly": False}]
    assert environment.allow_privileged
    page = client.get("/environments/e/").text
    assert "<code>/scratch</code> read and write" in page
    assert "allowed" in page
    form = {"host_path": ["etc"], "host_path_mode": ["write"], "allow_privileged": "false"}
    refused = client.post("/environments/e/", form)
    assert refused.status_code == 400
    assert 'value="etc"' in refused.text
    client.post(
        "/environments/e/",
        {"host_path": [""], "host_path_mode": [""], "allow_privileged": "false"},
    )
    environment.refresh_from_db()
    assert (environment.allowed_host_paths, environment.allow_privileged) == ([], False)


def test_the_page_says_what_the_root_path_means(client: Client, visitor: User) -> None:
    an_environment(name="e", allowed_host_paths=[{"path": "/", "readOnly": True}])
    assert "/ is the whole machine." in client.get("/environments/e/").text
    found = client.get("/environments/e/", headers=JSON).json()
    assert found["allowed_host_paths"] == [{"path": "/", "readOnly": True}]
    assert found["allow_privileged"] is False


def test_gpus_are_counted_by_an_administrator(client: Client, boss: User) -> None:
    node = a_node()
    an_environment(name="e", engine=node.engine)
    path = f"/environments/e/nodes/{node.instance_id}/"
    assert "Jobs may use 2 GPUs" in client.post(path, {"gpus": "2"}, follow=True).text
    node.refresh_from_db()
    assert node.gpus == 2
    assert client.post(path, {"gpus": 4}, headers=JSON).json()["gpus"] == 4
    refused = client.post(path, {"gpus": "-1"})
    assert refused.status_code == 400
    assert "GPUs are between 0 and" in refused.text
    assert client.post(path, {"vcpus": 1}, headers=JSON).status_code == 400
    elsewhere = f"/environments/e/nodes/{a_node().instance_id}/"
    assert client.post(elsewhere, {"gpus": "1"}).status_code == 404
    Node.objects.filter(pk=node.pk).delete()
    with pytest.raises(NotFound):
        update_node(node=node, fields={"gpus": 1})


def test_others_count_no_gpus(client: Client, visitor: User) -> None:
    node = a_node()
    an_environment(name="e", engine=node.engine)
    assert "GPUs that jobs may use" not in client.get("/environments/e/").text
    path = f"/environments/e/nodes/{node.instance_id}/"
    assert client.post(path, {"gpus": "2"}).status_code == 403


def test_gpus_in_use_are_shown_where_there_are_gpus(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    node = a_node(gpus=4)
    mine = an_environment(engine=node.engine)
    other = an_environment(engine=node.engine)
    for environment, gpus in ((mine, [0]), (mine, []), (other, [1, 2])):
        job = a_job(queue=a_queue(environment), status=JobStatus.RUNNING, attempts_made=1)
        an_attempt(job=job, gpus=gpus, milli_vcpus=500, memory_mib=64)
    with django_assert_num_queries(6):
        (row,) = list_nodes(environment=mine, now=NOW)
    assert (row.used_here, row.used) == (Resources(1000, 128, 1), Resources(1500, 192, 3))
    assert row.total.gpus == 4
    with django_assert_num_queries(4):
        rows = {each.environment.pk: each for each in list_environments().rows}
    assert (rows[mine.pk].used.gpus, rows[other.pk].used.gpus) == (1, 2)
    assert rows[mine.pk].total.gpus == 4
