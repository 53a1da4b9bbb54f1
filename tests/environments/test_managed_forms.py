"""The form of managed environments, posted as browsers without JavaScript do."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.domain.environments.compute_resources import STAND_IN
from jobs.models import ComputeEnvironment
from tests.builders import a_node, an_engine, an_environment, an_instance_type

pytestmark = pytest.mark.django_db
EC2: dict[str, Any] = {
    "kind": "EC2",
    "name": "new",
    "engine": "local",
    "instanceTypes": ["", "m5.large", " c5 ", ""],
    "allocationStrategy": "BEST_FIT_PROGRESSIVE",
    "minvCpus": "",
    "desiredvCpus": "",
    "maxvCpus": "16",
    "idle_seconds": "60",
}
SPOT = {
    **EC2,
    "kind": "SPOT",
    "allocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED",
    "bidPercentage": "60",
    "interruption_seconds": "30",
}
FARGATE = {
    "kind": "FARGATE",
    "name": "new",
    "engine": "local",
    "maxvCpus": "8",
    "usd_per_vcpu_hour": "0.04",
    "usd_per_gib_hour": "0.004",
}


@pytest.fixture(autouse=True)
def _ground() -> None:
    a_node(engine=an_engine(name="local"))
    an_instance_type("m5.large", memory_mib=8192)
    an_instance_type("c5.large")


def made(client: Client, data: dict[str, Any]) -> ComputeEnvironment:
    answer = client.post("/environments/", data)
    assert answer.headers["Location"] == "/environments/new/", answer.context["errors"]
    return ComputeEnvironment.objects.get()


def changed(client: Client, **fields: Any) -> dict[str, Any]:
    """The compute resources after the edit form was sent with these fields changed."""
    values = client.get("/environments/new/edit/").context["values"]
    data = {
        name: "" if value is None else value
        for name, value in values.items()
        if name not in ("allowed_host_paths", "allow_privileged", "max_vcpus")
    }
    shown = values.get("desiredvCpus", "")
    answer = client.post("/environments/new/", {**data, "desired_shown": shown, **fields})
    assert answer.status_code == 302, answer.context["errors"]
    return dict(ComputeEnvironment.objects.get().compute_resources)


@pytest.mark.parametrize(
    ("kind", "has", "has_not"),
    [
        ("UNMANAGED", ["max_vcpus", "usd_per_vcpu_hour", "host_path"], ["instanceTypes"]),
        ("EC2", ["instanceTypes", "minvCpus", "idle_seconds"], ["usd_per_vcpu_hour", "bidPer"]),
        ("SPOT", ["bidPercentage", "interruption_seconds", "maxvCpus"], ["usd_per_gib_hour"]),
        ("FARGATE", ["maxvCpus", "usd_per_vcpu_hour"], ["minvCpus", "host_path", "interruption_"]),
        ("FARGATE_SPOT", ["maxvCpus", "interruption_seconds"], ["idle_seconds", "bidPercentage"]),
        ("nonsense", ["max_vcpus"], ["maxvCpus"]),
    ],
)
def test_each_kind_asks_for_its_own(
    kind: str, has: list[str], has_not: list[str], client: Client, boss: User
) -> None:
    html = client.get(f"/new/environment/?kind={kind}").text
    assert [name for name in has if f'name="{name}' not in html] == []
    assert [name for name in has_not if f'name="{name}' in html] == []
    if kind == "EC2":
        assert '<option value="optimal">' in html
        assert '<option value="m5">' in html
        assert '<option value="m5.large">' in html


def test_an_on_demand_environment_is_made(client: Client, boss: User) -> None:
    row = made(client, EC2)
    assert (row.type, row.idle_seconds, row.max_milli_vcpus) == ("MANAGED", 60, 16_000)
    assert row.compute_resources == {
        "type": "EC2",
        "allocationStrategy": "BEST_FIT_PROGRESSIVE",
        "minvCpus": 0,
        "maxvCpus": 16,
        "desiredvCpus": 0,
        "instanceTypes": ["m5.large", "c5"],
        # What AWS requires and nothing here needs.
        "subnets": [STAND_IN],
        "securityGroupIds": [STAND_IN],
        "instanceRole": STAND_IN,
        "ec2Configuration": [{"imageType": "ECS_AL2023"}],
    }


def test_several_types_may_stand_in_one_row(client: Client, boss: User) -> None:
    row = made(client, {**EC2, "instanceTypes": ["", " m5.large,c5", ", "]})
    assert row.compute_resources["instanceTypes"] == ["m5.large", "c5"]


@pytest.mark.parametrize("strategy", ["SPOT_PRICE_CAPACITY_OPTIMIZED", "BEST_FIT"])
def test_a_spot_environment_is_made(strategy: str, client: Client, boss: User) -> None:
    row = made(client, {**SPOT, "allocationStrategy": strategy})
    assert (row.interruption_seconds, row.compute_resources["bidPercentage"]) == (30, 60)
    assert row.compute_resources.get("spotIamFleetRole") == (
        STAND_IN if strategy == "BEST_FIT" else None
    )


def test_a_fargate_environment_is_made(client: Client, boss: User) -> None:
    row = made(client, FARGATE)
    networks = {"subnets": [STAND_IN], "securityGroupIds": [STAND_IN]}
    assert row.compute_resources == {"type": "FARGATE", "maxvCpus": 8, **networks}
    assert changed(client, maxvCpus="4")["maxvCpus"] == 4


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        ({**EC2, "instanceTypes": [""]}, "instanceTypes", "instanceTypes: This is required."),
        ({**EC2, "instanceTypes": ["m5.larg"]}, "instanceTypes", "m5.larg: There is no"),
        ({**EC2, "maxvCpus": ""}, "maxvCpus", "maxvCpus: This is required."),
        ({**EC2, "maxvCpus": "many"}, "maxvCpus", "maxvCpus: This is a whole number of vCPUs"),
        ({**EC2, "minvCpus": "17"}, "minvCpus", "minvCpus: This is at most maxvCpus, which is 16."),
        ({**EC2, "desiredvCpus": "17"}, "desiredvCpus", "desiredvCpus: This is between"),
        ({**SPOT, "bidPercentage": "101"}, "bidPercentage", "bidPercentage: This is a whole num"),
        ({**EC2, "idle_seconds": "-1"}, "idle_seconds", "An instance may be idle for 0 to 86400"),
        ({**SPOT, "interruption_seconds": "x"}, "interruption_seconds", "A Spot job has a notice"),
        ({**FARGATE, "maxvCpus": "0.5"}, "maxvCpus", "maxvCpus: This is a whole number of vCPUs"),
    ],
)
def test_an_error_stands_beside_its_field_and_what_was_typed_stays(
    data: dict[str, Any], field: str, said: str, client: Client, boss: User
) -> None:
    answer = client.post("/environments/", data)
    assert answer.status_code == 400
    assert list(answer.context["errors"]) == [field]
    assert answer.context["errors"][field][0].startswith(said)
    assert answer.context["form_errors"] == []
    assert answer.context["kind"] == data["kind"]
    for typed in (data["maxvCpus"], data.get("instanceTypes", [""])[1:2]):
        for text in [typed] if isinstance(typed, str) else typed:
            assert f'value="{text}"' in answer.text
    assert not ComputeEnvironment.objects.exists()


def test_an_edit_changes_what_was_changed_alone(client: Client, boss: User) -> None:
    made(client, SPOT)
    before = ComputeEnvironment.objects.get().compute_resources
    assert changed(client) == before
    assert changed(client, minvCpus="4")["desiredvCpus"] == 4
    assert changed(client, minvCpus="")["minvCpus"] == 0
    assert changed(client, bidPercentage="")["bidPercentage"] == 0
    assert changed(client, instanceTypes=["", "c5"])["instanceTypes"] == ["c5"]
    assert changed(client, type="EC2", allocationStrategy="BEST_FIT_PROGRESSIVE")["type"] == "EC2"
    assert changed(client, desiredvCpus="8")["desiredvCpus"] == 8


def test_what_the_scheduler_scaled_meanwhile_is_not_scaled_back(client: Client, boss: User) -> None:
    row = made(client, EC2)
    row.compute_resources = {**row.compute_resources, "desiredvCpus": 8}
    row.save()
    # The form was drawn when 0 were desired.
    kept = changed(client, desiredvCpus="0", desired_shown="0", maxvCpus="32")
    assert (kept["desiredvCpus"], kept["maxvCpus"]) == (8, 32)


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"maxvCpus": ""}, "maxvCpus", "maxvCpus: Give at least 1 vCPU."),
        ({"instanceTypes": [""]}, "instanceTypes", "instanceTypes: This is required."),
        ({"type": "FARGATE"}, "type", "type: This cannot be changed from EC2 to FARGATE."),
    ],
)
def test_an_edit_that_is_refused_says_at_which_field(
    fields: dict[str, Any], field: str, said: str, client: Client, boss: User
) -> None:
    made(client, EC2)
    answer = client.post("/environments/new/", {"kind": "EC2", **fields})
    assert answer.status_code == 400
    assert said in answer.context["errors"][field]


def test_scripts_keep_to_the_members_of_aws(client: Client, boss: User) -> None:
    resources = {
        "type": "EC2",
        "maxvCpus": 4,
        "instanceTypes": ["m5.large"],
        "subnets": ["a"],
        "securityGroupIds": ["b"],
        "instanceRole": "c",
    }
    data = {"name": "new", "engine": "local", "type": "MANAGED", "compute_resources": resources}
    answer = client.post("/environments/", data, content_type="application/json")
    assert answer.status_code == 201, answer.text
    assert answer.json()["compute_resources"]["instanceRole"] == "c"
    resources.pop("subnets")
    answer = client.post(
        "/environments/", {**data, "name": "other"}, content_type="application/json"
    )
    assert answer.json()["errors"] == {"compute_resources": ["subnets: This is required."]}


def test_how_many_vcpus_an_engine_hands_out_is_set_on_the_page(client: Client, boss: User) -> None:
    environment = an_environment(name="here", engine=an_engine(name="e"))
    a_node(engine=environment.engine, name="node", milli_vcpus=2000)
    path = "/environments/here/engine/"
    page = client.post(path, {"cpu_overcommit": "1.5"}, follow=True)
    assert "e hands out 1.5 vCPUs for each." in page.text
    assert "It has 2 vCPU, of which 1.5 are handed out for each." in page.text
    assert "0 of 3" in page.text
    refused = client.post(path, {"cpu_overcommit": "11"})
    assert refused.status_code == 400
    assert "How many vCPUs are handed out for each that there is: 1 " in refused.text
    answer = client.post(path, {"cpu_overcommit": "2"}, headers={"Accept": "application/json"})
    assert answer.json()["cpu_overcommit"] == "2"
    found = client.get("/environments/here/", headers={"Accept": "application/json"}).json()
    assert (found["engine_cpu_overcommit"], found["nodes"][0]["total_vcpus"]) == ("2", "4")
