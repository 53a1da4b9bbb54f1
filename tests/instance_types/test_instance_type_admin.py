"""Instance types in the administration: with the services' checks and texts."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from jobs.models import InstanceType
from tests.builders import an_instance, an_instance_type

pytestmark = pytest.mark.django_db
ADD = "admin:jobs_instancetype_add"


def url(page: str, row: InstanceType) -> str:
    return reverse(f"admin:jobs_instancetype_{page}", args=[row.pk])


def test_a_custom_type_is_added_and_changed(client: Client, boss: User) -> None:
    form = {"name": "rack.large", "vcpus": "8", "memory_mib": "32768", "usd_per_hour": "0.25"}
    assert client.post(reverse(ADD), form).status_code == 302
    row = InstanceType.objects.get()
    assert (row.milli_vcpus, row.is_custom, row.architecture) == (8000, True, "x86_64")
    shown = client.get(url("change", row)).context["adminform"].form
    assert shown["vcpus"].initial == "8"
    assert "name" not in shown.fields
    form |= {"usd_per_hour": "", "purchase_usd": "8766", "lifetime_years": "1"}
    assert client.post(url("change", row), form).status_code == 302
    row.refresh_from_db()
    assert row.usd_per_hour == 1
    assert client.get(url("change", row)).context["adminform"].form["usd_per_hour"].initial is None


def test_errors_stand_beside_their_fields_in_the_service_s_words(
    client: Client, boss: User
) -> None:
    form = client.post(reverse(ADD), {"name": "rack", "vcpus": "x"}).context["adminform"].form
    assert set(form.errors) == {"name", "vcpus", "memory_mib"}
    assert "rack.large, for instance" in form.errors["name"][0]
    assert form.errors["vcpus"] == ["vCPUs are a number such as 1 or 0.25."]
    assert not InstanceType.objects.exists()


def test_of_a_type_of_the_catalogue_the_prices_alone_are_changed(
    client: Client, boss: User
) -> None:
    row = an_instance_type(is_custom=False)
    form = client.get(url("change", row)).context["adminform"].form
    assert set(form.fields) == {"usd_per_hour", "spot_usd_per_hour", "region", "priced_on"}
    client.post(url("change", row), {"usd_per_hour": "0.5", "region": "cellar", "vcpus": "64"})
    row.refresh_from_db()
    assert (str(row.usd_per_hour), row.region, row.milli_vcpus) == ("0.500000", "cellar", 2000)
    assert client.post(url("delete", row), {"post": "yes"}).status_code == 403


def test_a_type_with_a_live_instance_is_not_deleted_and_the_page_says_why(
    client: Client, boss: User
) -> None:
    row = an_instance_type("rack.large")
    instance = an_instance(type_name="rack.large")
    page = client.post(url("delete", row), {"post": "yes"}, follow=True).text
    assert f"The instance {instance.instance_id} of the environment" in page
    assert InstanceType.objects.exists()
    assert instance.instance_id in client.get(reverse("admin:jobs_instance_changelist")).text
    instance.delete()
    client.post(url("delete", row), {"post": "yes"})
    assert not InstanceType.objects.exists()


def test_types_and_instances_are_listed_and_filtered(client: Client, boss: User) -> None:
    an_instance_type("rack.large")
    live = an_instance()
    for page in ("instancetype", "instance", "spotpressure"):
        assert client.get(reverse(f"admin:jobs_{page}_changelist")).status_code == 200
    types = reverse("admin:jobs_instancetype_changelist")
    assert "rack.large" not in client.get(f"{types}?family=cell").text
    now = reverse("admin:jobs_instance_changelist") + "?live=1"
    assert live.instance_id in client.get(now).text
