"""The pages of instance types: the catalogue, a type's prices, making, changing and deleting custom ones."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from jobs.models import EnvironmentType, InstanceType
from tests.builders import an_environment, an_instance, an_instance_type, load_catalogue

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
FORM = {"name": "rack.large", "vcpus": "8", "memory_mib": "32768", "architecture": "x86_64"}
BOUGHT = {
    **FORM,
    "usd_per_hour": "",
    "purchase_usd": "4383",
    "lifetime_years": "5",
    "watts": "400",
    "usd_per_kwh": "0.25",
    "spot_usd_per_hour": "",
    "priced_on": "2026-07-20",
}


def test_a_type_is_made_changed_and_deleted_with_plain_forms(client: Client, boss: User) -> None:
    assert client.get("/new/instance-type/").status_code == 200
    made = client.post("/instance-types/", BOUGHT)
    assert made.headers["Location"] == "/instance-types/rack.large/"
    page = client.get("/instance-types/rack.large/").text
    assert "The instance type rack.large is made." in page
    assert "$4,383.00 over 5 years: $0.10 an hour" in page
    assert "400 W at $0.25 a kWh: $0.10 an hour" in page
    edit = client.get("/instance-types/rack.large/edit/").text
    assert 'value="4383"' in edit
    assert 'value="2026-07-20"' in edit
    assert "At present $0.20 an hour" in edit
    flat = {**BOUGHT, "usd_per_hour": "0.3"}
    flat.pop("name")
    refused = client.post("/instance-types/rack.large/", flat)
    assert refused.status_code == 400
    assert "Give either a price per hour or what the machine cost" in refused.text
    for field in ("purchase_usd", "lifetime_years", "watts", "usd_per_kwh"):
        flat[field] = ""
    page = client.post("/instance-types/rack.large/", flat, follow=True).text
    assert "is changed." in page
    assert "Worked out from" not in page
    deleted = client.post("/instance-types/rack.large/delete/")
    assert deleted.headers["Location"] == "/instance-types/"
    assert not InstanceType.objects.exists()


def test_a_refused_form_keeps_what_was_typed(client: Client, boss: User) -> None:
    page = client.post("/instance-types/", {**BOUGHT, "name": "rack", "gpus": "some"})
    assert page.status_code == 400
    assert set(page.context["errors"]) == {"name", "gpus"}
    assert 'value="some"' in page.text
    unknown = client.post("/instance-types/", {**BOUGHT, "colour": "red"})
    assert "colour: There is no such field." in unknown.text


def test_of_a_type_of_the_catalogue_the_prices_alone_are_changed(
    client: Client, boss: User
) -> None:
    an_instance_type("m5.large", is_custom=False)
    edit = client.get("/instance-types/m5.large/edit/").text
    assert 'name="usd_per_hour"' in edit
    for field in ("vcpus", "purchase_usd"):
        assert f'name="{field}"' not in edit
    assert "/delete/" not in edit
    assert client.post("/instance-types/m5.large/", {"usd_per_hour": "0.5"}).status_code == 302
    refused = client.post("/instance-types/m5.large/", {"vcpus": "64"})
    assert refused.status_code == 400
    assert "vcpus: A type of the catalogue keeps its size" in refused.text
    assert client.post("/instance-types/m5.large/delete/").status_code == 409


def test_a_type_shows_its_prices_its_environments_and_its_instances(
    client: Client, visitor: User
) -> None:
    an_instance_type("rack.large", usd_per_hour="2", spot_usd_per_hour="0.5")
    resources = {"type": "SPOT", "instanceTypes": ["rack"]}
    environment = an_environment(
        name="farm", type=EnvironmentType.MANAGED, compute_resources=resources
    )
    instance = an_instance(environment=environment, is_spot=True)
    page = client.get("/instance-types/rack.large/").text
    # 24 hours, and a twelfth of 8766 hours.
    assert all(text in page for text in ("$2.00", "$48.00", "$1,461.00", "25 % of On-Demand"))
    assert 'href="/environments/farm/"' in page
    assert instance.instance_id in page
    assert "Edit" not in page
    found = client.get("/instance-types/rack.large/", headers=JSON).json()
    assert (found["usd_per_hour"], found["spot_usd_per_hour"]) == ("2", "0.5")
    assert (found["environments"], found["live_instances"]) == (["farm"], 1)
    assert found["instances"][0]["environment"] == "farm"


def test_a_type_that_an_environment_names_is_not_deleted_and_the_page_says_why(
    client: Client, boss: User
) -> None:
    an_instance_type("rack.large")
    resources = {"type": "EC2", "instanceTypes": ["rack.large"]}
    an_environment(name="farm", type=EnvironmentType.MANAGED, compute_resources=resources)
    page = client.post("/instance-types/rack.large/delete/")
    assert page.status_code == 409
    assert "The environment farm names rack.large" in page.text
    assert client.post("/instance-types/rack.large/delete/", headers=JSON).status_code == 409


def test_the_list_is_filtered_paged_and_says_what_to_do_when_empty(
    client: Client, boss: User
) -> None:
    assert "instance_types load" in client.get("/instance-types/").text
    load_catalogue()
    an_instance_type("rack.large")
    assert "$0.0052" in client.get("/instance-types/?family=t3").text
    names: list[str] = []
    url = "/instance-types/?architecture=x86_64&gpus=no"
    while url:
        page = client.get(url, headers=JSON).json()
        names += [row["name"] for row in page["results"]]
        url = page["next"]
    wanted = InstanceType.objects.filter(architecture="x86_64", gpus=0)
    assert sorted(names) == sorted(wanted.values_list("name", flat=True))
    custom = client.get("/instance-types/?custom=yes", headers=JSON).json()["results"]
    assert [(row["name"], row["custom"]) for row in custom] == [("rack.large", True)]
    assert "No type matches" in client.get("/instance-types/?q=nothing").text


@pytest.mark.parametrize("query", ["architecture=sparc", "gpus=2", "custom=x"])
def test_a_filter_that_cannot_be_is_refused(client: Client, visitor: User, query: str) -> None:
    refused = client.get(f"/instance-types/?{query}", headers=JSON)
    assert refused.status_code == 400
    assert list(refused.json()["errors"]) == [query.partition("=")[0]]
    assert client.get(f"/instance-types/?{query}").status_code == 400


def test_the_list_costs_as_many_queries_for_many_types_as_for_one(
    client: Client, visitor: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    load_catalogue()
    # Session, user, families, the page.
    with django_assert_max_num_queries(4):
        client.get("/instance-types/")


def test_a_script_makes_and_changes_a_type(client: Client, boss: User) -> None:
    fields = {"name": "rack.large", "vcpus": 8, "memory_mib": 32768, "usd_per_hour": 0.25}
    made = client.post("/instance-types/", fields, content_type="application/json", headers=JSON)
    assert (made.status_code, made.headers["Location"]) == (201, "/instance-types/rack.large/")
    assert made.json()["usd_per_hour"] == "0.25"
    changed = client.post("/instance-types/rack.large/", {"gpus": "1"}, headers=JSON).json()
    assert (changed["gpus"], changed["usd_per_hour"]) == (1, "0.25")
    bad = client.post("/instance-types/rack.large/", {"usd_per_hour": "-1"}, headers=JSON)
    assert list(bad.json()["errors"]) == ["usd_per_hour"]
    assert client.get("/instance-types/no.thing/", headers=JSON).status_code == 404
    assert client.post("/instance-types/rack.large/delete/", headers=JSON).json() == {}


def test_only_administrators_change_types(client: Client, visitor: User) -> None:
    an_instance_type("rack.large")
    assert client.get("/instance-types/").status_code == 200
    assert client.get("/new/instance-type/").status_code == 403
    assert client.get("/instance-types/rack.large/edit/").status_code == 403
    for path in ("", "rack.large/", "rack.large/delete/"):
        assert client.post(f"/instance-types/{path}", FORM).status_code == 403


def test_environments_and_types_lead_to_each_other(client: Client, visitor: User) -> None:
    assert 'href="/instance-types/"' in client.get("/environments/").text
    page = client.get("/instance-types/").text
    assert '<a href="/environments/" data-go="e" aria-current="page">' in page
