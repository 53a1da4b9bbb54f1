"""Making, changing and deleting instance types: what may be, what is refused and with which words."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from jobs.domain.errors import Conflict, InvalidInput, NotFound
from jobs.models import EnvironmentType, InstanceType
from jobs.services.setup import instance_types
from jobs.services.setup.instance_types import (
    check_instance_type,
    create_instance_type,
    delete_instance_type,
    update_instance_type,
    values_of,
)
from tests.builders import NOW, an_environment, an_instance, an_instance_type

pytestmark = pytest.mark.django_db

PLAIN: dict[str, object] = {"name": "rack.large", "vcpus": "8", "memory_mib": "32768"}
FLAT = {**PLAIN, "usd_per_hour": "0.1"}
BOUGHT = {**PLAIN, "purchase_usd": "4383", "lifetime_years": "5"}


def errors_of(fields: dict[str, object], row: InstanceType | None = None) -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as refused:
        check_instance_type(fields=fields, instance_type=row)
    return refused.value.errors


def test_a_custom_type_has_what_was_given_and_defaults() -> None:
    row = create_instance_type(
        fields={**FLAT, "gpus": 2, "gpu_name": "L4", "region": "cellar", "priced_on": "2026-01-31"}
    )
    row.refresh_from_db()
    assert (row.family, row.milli_vcpus, row.memory_mib, row.gpus) == ("rack", 8000, 32768, 2)
    assert (row.architecture, row.is_custom, row.region) == ("x86_64", True, "cellar")
    assert row.usd_per_hour == Decimal("0.1")
    assert row.spot_usd_per_hour is None
    assert str(row.priced_on) == "2026-01-31"


def test_a_price_is_worked_out_from_what_the_machine_cost() -> None:
    row = create_instance_type(fields={**BOUGHT, "watts": "400", "usd_per_kwh": "0.25"})
    row.refresh_from_db()
    assert row.usd_per_hour == Decimal("0.2")
    assert values_of(row)["usd_per_hour"] is None


@pytest.mark.parametrize(
    ("changed", "field", "text"),
    [
        ({"name": ""}, "name", "Give a name, such as rack.large."),
        ({"name": "rack"}, "name", "its family, a dot and its size"),
        ({"name": "Rack.large"}, "name", "its family, a dot and its size"),
        ({"name": "rack.a.b"}, "name", "its family, a dot and its size"),
        ({"name": "optimal.big"}, "name", "optimal stands for several families"),
        ({"name": "default_arm64.big"}, "name", "default_arm64 stands for several families"),
        ({"vcpus": ""}, "vcpus", "vCPUs are a number"),
        ({"vcpus": 0}, "vcpus", "Give more than 0 vCPUs"),
        ({"memory_mib": "3"}, "memory_mib", "Memory is between"),
        ({"gpus": "-1"}, "gpus", "GPUs are between"),
        ({"gpu_name": "L4"}, "gpu_name", "Leave it empty, or give how many GPUs"),
        ({"gpus": 1, "gpu_name": "x" * 65}, "gpu_name", "at most 64 characters"),
        ({"architecture": "sparc"}, "architecture", "x86_64 or arm64"),
        ({"usd_per_hour": ""}, "usd_per_hour", "or what the machine cost"),
        ({"usd_per_hour": "-1"}, "usd_per_hour", "A price is between 0"),
        ({"usd_per_hour": "1.0000001"}, "usd_per_hour", "at most 6 decimals"),
        ({"usd_per_hour": "cheap"}, "usd_per_hour", "A price is a number"),
        ({"spot_usd_per_hour": "0.100001"}, "spot_usd_per_hour", "which is 0.1 here"),
        ({"region": "x" * 65}, "region", "at most 64 characters"),
        ({"priced_on": "31.1.2026"}, "priced_on", "such as 2026-07-20"),
        ({"priced_on": 7}, "priced_on", "This is a text."),
        ({"colour": "red"}, "colour", "There is no such field."),
        ({"purchase_usd": "1", "lifetime_years": "1"}, "usd_per_hour", "not both"),
    ],
)
def test_what_cannot_be_is_refused_with_the_fix(
    changed: dict[str, object], field: str, text: str
) -> None:
    errors = errors_of({**FLAT, **changed})
    assert list(errors) == [field]
    assert text in " ".join(errors[field])


@pytest.mark.parametrize(
    ("changed", "field", "text"),
    [
        ({"purchase_usd": ""}, "purchase_usd", "0 if nothing"),
        ({"lifetime_years": None}, "lifetime_years", "over how many years"),
        ({"lifetime_years": "0"}, "lifetime_years", "more than 0"),
        ({"lifetime_years": "101"}, "lifetime_years", "at most 100"),
        ({"purchase_usd": "1.005"}, "purchase_usd", "at most 2 decimals"),
        ({"watts": "400"}, "usd_per_kwh", "or no watts"),
        ({"usd_per_kwh": "0.25"}, "watts", "or no price of power"),
        ({"watts": "0.5", "usd_per_kwh": "1"}, "watts", "a whole number of watts"),
        ({"watts": "1000001", "usd_per_kwh": "1"}, "watts", "0 to 1000000"),
        ({"watts": "1", "usd_per_kwh": "101"}, "usd_per_kwh", "at most 100"),
        (
            {"purchase_usd": "900000000", "lifetime_years": "0.01"},
            "purchase_usd",
            "At most 100000 are possible",
        ),
    ],
)
def test_what_a_machine_cost_is_complete_and_possible(
    changed: dict[str, object], field: str, text: str
) -> None:
    errors = errors_of({**BOUGHT, **changed})
    assert list(errors) == [field]
    assert text in " ".join(errors[field])


def test_every_wrong_field_is_told_at_once() -> None:
    assert set(errors_of({"name": "x", "vcpus": "x", "memory_mib": "x", "usd_per_hour": "x"})) == {
        "name",
        "vcpus",
        "memory_mib",
        "usd_per_hour",
    }


def test_a_name_that_is_taken_is_refused() -> None:
    an_instance_type("rack.large")
    assert errors_of(FLAT)["name"] == ["There is an instance type named rack.large already."]


def test_who_is_slower_than_another_maker_is_told_that_the_name_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    an_instance_type("rack.large")
    looks = iter([False, True])
    monkeypatch.setattr(instance_types, "_is_taken", lambda _name: next(looks))
    with pytest.raises(InvalidInput, match=r"named rack\.large already"):
        create_instance_type(fields=FLAT)


def test_what_an_update_leaves_out_stays() -> None:
    row = create_instance_type(
        fields={
            **FLAT,
            "spot_usd_per_hour": "0.05",
            "region": "cellar",
            "priced_on": datetime(2026, 7, 20, tzinfo=UTC),
        }
    )
    changed = update_instance_type(instance_type=row, fields={"usd_per_hour": "0.2"})
    assert (changed.usd_per_hour, changed.spot_usd_per_hour) == (Decimal("0.2"), Decimal("0.05"))
    assert (changed.region, changed.milli_vcpus) == ("cellar", 8000)
    assert changed.priced_on == date(2026, 7, 20)
    emptied = update_instance_type(instance_type=row, fields={"spot_usd_per_hour": ""})
    assert emptied.spot_usd_per_hour is None


def test_a_price_in_one_way_takes_the_place_of_one_in_the_other() -> None:
    row = create_instance_type(fields=FLAT)
    bought = update_instance_type(
        instance_type=row, fields={"purchase_usd": 8766, "lifetime_years": 1}
    )
    assert bought.usd_per_hour == 1
    watts = update_instance_type(instance_type=row, fields={"watts": 1000, "usd_per_kwh": "0.5"})
    assert watts.usd_per_hour == Decimal("1.5")
    flat = update_instance_type(instance_type=row, fields={"usd_per_hour": "3"})
    assert flat.usd_per_hour == 3
    assert (flat.purchase_usd, flat.lifetime_years, flat.watts) == (None, None, None)


def test_a_price_below_the_spot_price_that_stays_is_refused() -> None:
    row = create_instance_type(fields={**FLAT, "spot_usd_per_hour": "0.05"})
    errors = errors_of({"usd_per_hour": "0.04"}, row)
    assert errors["spot_usd_per_hour"] == [
        "A Spot price is at most the On-Demand price, which is 0.04 here."
    ]


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("vcpus", "4", "2"),
        ("memory_mib", "8192", "4096"),
        ("gpus", "1", "none"),
        ("architecture", "arm64", "x86_64"),
    ],
)
def test_a_type_of_the_catalogue_keeps_its_size(field: str, value: str, kept: str) -> None:
    row = an_instance_type(is_custom=False)
    errors = errors_of({field: value}, row)
    assert f"here it has {kept}." in errors[field][0]
    update_instance_type(instance_type=row, fields={"usd_per_hour": "0.3", "vcpus": "2"})
    assert InstanceType.objects.get().usd_per_hour == Decimal("0.3")


def test_a_type_of_the_catalogue_is_not_priced_by_purchase() -> None:
    row = an_instance_type(is_custom=False)
    errors = errors_of({"purchase_usd": "1", "lifetime_years": "1"}, row)
    assert errors == {
        "purchase_usd": [
            "Only a custom type is priced by what its machine cost. Give usd_per_hour."
        ]
    }


def test_a_custom_type_may_change_its_size_but_not_its_name() -> None:
    row = an_instance_type("rack.large")
    assert update_instance_type(instance_type=row, fields={"vcpus": "16"}).milli_vcpus == 16_000
    assert "keeps its name" in errors_of({"name": "rack.small"}, row)["name"][0]


def test_a_deleted_type_cannot_be_changed() -> None:
    row = an_instance_type()
    delete_instance_type(instance_type=row)
    delete_instance_type(instance_type=row)
    with pytest.raises(NotFound, match=f"{row.name} was deleted"):
        update_instance_type(instance_type=row, fields={"vcpus": "1"})


def test_a_type_of_the_catalogue_is_not_deleted() -> None:
    row = an_instance_type(is_custom=False)
    with pytest.raises(Conflict, match="is of the catalogue and stays"):
        delete_instance_type(instance_type=row)


def managed(*names: str, **fields: Any) -> Any:
    resources = {"type": "EC2", "instanceTypes": list(names)}
    return an_environment(type=EnvironmentType.MANAGED, compute_resources=resources, **fields)


def test_a_type_that_an_environment_names_is_not_deleted() -> None:
    row = an_instance_type("rack.large")
    environment = managed("m5.large", "rack.large", name="farm")
    with pytest.raises(Conflict, match=r"environment farm names rack\.large in its instanceTypes"):
        delete_instance_type(instance_type=row)
    environment.compute_resources = {}
    environment.save()
    delete_instance_type(instance_type=row)


def test_the_last_type_of_a_family_that_an_environment_names_is_not_deleted() -> None:
    small, large = an_instance_type("rack.small"), an_instance_type("rack.large")
    managed("rack", name="farm")
    delete_instance_type(instance_type=small)
    with pytest.raises(Conflict, match="environment farm names rack in its instanceTypes"):
        delete_instance_type(instance_type=large)


def test_a_type_with_a_live_instance_is_not_deleted() -> None:
    row = an_instance_type("rack.large")
    instance = an_instance(type_name="rack.large")
    with pytest.raises(Conflict, match=f"{instance.instance_id} of the environment"):
        delete_instance_type(instance_type=row)
    instance.state, instance.ended_at = "ENDED", NOW
    instance.save()
    delete_instance_type(instance_type=row)
    assert not InstanceType.objects.exists()
