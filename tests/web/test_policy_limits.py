"""What an Allow of an access policy does not give: what reaches the host, engines, and what is somebody else's."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.models import ComputeEnvironment, Engine, JobDefinition
from tests.builders import a_definition, a_user, an_access_policy, an_engine, an_environment
from tests.web.conftest import script_of
from tests.web.test_policy_gate import HTML, allow

pytestmark = pytest.mark.django_db
HOST = [{"path": "/", "readOnly": False}]
KEPT = "Only administrators change this, since jobs reach the host by it. Leave it as it is."


def post(user: User, path: str, **fields: Any) -> Any:
    return script_of(user).post(path, fields, content_type="application/json")


@pytest.mark.parametrize(
    ("field", "value"), [("allow_privileged", True), ("allowed_host_paths", HOST)]
)
def test_an_allow_does_not_give_what_reaches_the_host(bob: User, field: str, value: object) -> None:
    engine = an_engine(name="e")
    an_environment(name="main", engine=engine)
    an_access_policy(
        allow(["batch:UpdateComputeEnvironment", "batch:CreateComputeEnvironment"]), users=[bob]
    )
    changed = post(bob, "/environments/main/", **{field: value})
    made = post(bob, "/environments/", name="new", engine="e", **{field: value})
    for answer in (changed, made):
        assert (answer.status_code, answer.json()["errors"]) == (400, {field: [KEPT]})
    row = ComputeEnvironment.objects.get()
    assert not row.allow_privileged
    assert row.allowed_host_paths == []


def test_what_reaches_the_host_may_be_posted_as_it_is(bob: User, bobs_page: Client) -> None:
    an_environment(name="main", allow_privileged=True, allowed_host_paths=HOST)
    an_access_policy(allow("batch:UpdateComputeEnvironment"), users=[bob])
    same = {"allow_privileged": True, "allowed_host_paths": HOST}
    assert post(bob, "/environments/main/", max_vcpus=2, **same).status_code == 200
    assert post(bob, "/environments/main/", allowed_host_paths=[]).status_code == 400
    # A form without the tick takes it off.
    form = {"allow_privileged": ""}
    assert bobs_page.post("/environments/main/", form, headers=HTML).status_code == 400
    assert ComputeEnvironment.objects.get().max_milli_vcpus == 2000


def test_a_new_environment_that_is_allowed_lies_on_the_first_engine(bob: User) -> None:
    an_engine(name="a")
    an_engine(name="b")
    an_access_policy(allow("batch:CreateComputeEnvironment"), users=[bob])
    refused = post(bob, "/environments/", name="new", engine="b")
    told = {"engine": ["Only administrators choose another engine than a."]}
    assert (refused.status_code, refused.json()["errors"]) == (400, told)
    assert post(bob, "/environments/", name="new", engine="a").status_code == 201


def test_engines_are_given_to_nobody(bob: User) -> None:
    engine = an_engine(name="e", url="unix:///var/run/docker.sock")
    an_environment(name="main", engine=engine)
    an_access_policy(allow(["batch:*", "batchweb:*"]), users=[bob])
    for fields in ({"url": "tcp://evil:2375"}, {"cpu_overcommit": "2"}):
        assert post(bob, "/environments/main/engine/", **fields).status_code == 403
    boss = a_user(username="boss", is_staff=True)
    moved = post(boss, "/environments/main/engine/", url="tcp://evil:2375")
    assert moved.status_code == 400
    assert Engine.objects.get().url == "unix:///var/run/docker.sock"


def test_an_allow_gives_nobody_else_s_definition(bob: User) -> None:
    boss = a_user(username="boss", is_staff=True)
    a_definition(name="team-a", created_by=boss)
    an_access_policy(allow(["batch:*", "batchweb:*"]), users=[bob])
    work = {"image": "busybox", "vcpus": "1", "memory_mib": "64"}
    for path, fields in (
        ("/definitions/", {"name": "team-a", **work}),
        ("/definitions/team-a/1/deregister/", {}),
    ):
        answer = post(bob, path, **fields)
        assert answer.status_code == 403
        assert "belongs to somebody else" in answer.json()["message"]
    assert [(row.revision, row.status) for row in JobDefinition.objects.all()] == [(1, "ACTIVE")]
    assert post(bob, "/definitions/", name="team-b", **work).status_code == 201
    assert post(bob, "/definitions/team-b/1/deregister/").status_code == 200
