"""Reads of instance types: in the order of sizes, paged, and by what names in `instanceTypes` stand for."""

from typing import Any

import pytest

from jobs.models import EnvironmentType
from jobs.selectors.instance_types import (
    environments_that_launch,
    families,
    known_types,
    list_instance_types,
    live_instances,
    types_named,
)
from tests.builders import NOW, an_environment, an_instance, an_instance_type, load_catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def types() -> None:
    for name, vcpus, memory_mib in [
        ("rack.10x", 10, 1024),
        ("rack.2x", 2, 1024),
        ("rack.2x-mem", 2, 4096),
        ("cell.large", 4, 1024),
    ]:
        an_instance_type(name, milli_vcpus=vcpus * 1000, memory_mib=memory_mib)


IN_ORDER = ["cell.large", "rack.2x", "rack.2x-mem", "rack.10x"]


def test_types_are_listed_by_family_and_size_page_by_page(types: None) -> None:
    for size in (1, 2, 3, 4):
        names: list[str] = []
        after = ""
        while True:
            page = list_instance_types(after=after, size=size)
            names += [row.name for row in page.rows]
            after = page.next
            if not after:
                break
        assert names == IN_ORDER


def test_a_page_after_a_type_that_was_deleted_starts_with_its_family(types: None) -> None:
    page = list_instance_types(after="rack.gone")
    assert [row.name for row in page.rows] == IN_ORDER[1:]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"search": "G5"}, 8),
        ({"search": "a10g"}, 8),
        ({"family": "g5"}, 8),
        ({"family": "g"}, 0),
        ({"architecture": "arm64", "family": "m6g"}, 8),
        ({"architecture": "arm64", "family": "m6i"}, 0),
        ({"with_gpus": True, "search": "m5."}, 0),
        ({"with_gpus": False, "family": "g5"}, 0),
        ({"custom": False, "family": "g5"}, 8),
        ({"custom": True}, 0),
    ],
)
def test_the_list_is_filtered(filters: dict[str, Any], count: int) -> None:
    load_catalogue()
    assert len(list_instance_types(**filters).rows) == count


def test_families_are_named_once(types: None) -> None:
    assert families() == ["cell", "rack"]


def test_known_types_are_each_family_s_smallest_first(types: None) -> None:
    known = known_types()
    assert {family: [row.name for row in rows] for family, rows in known.items()} == {
        "cell": IN_ORDER[:1],
        "rack": IN_ORDER[1:],
    }


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["rack"], IN_ORDER[1:]),
        (["rack.10x", "cell", "rack"], ["rack.10x", "cell.large", "rack.2x", "rack.2x-mem"]),
        (["rack.3x", "nothing", "no.thing"], []),
        (["optimal"], ["m6i.large"]),
        ([], []),
    ],
)
def test_names_stand_for_types_in_their_order_each_once(
    types: None,
    names: list[str],
    found: list[str],
    django_assert_max_num_queries: Any,
) -> None:
    an_instance_type("m6i.large")
    with django_assert_max_num_queries(1):
        assert [row.name for row in types_named(names)] == found


def test_who_may_launch_a_type_names_it_its_family_or_a_bundle_with_it() -> None:
    for name, named in [
        ("by-type", ["m6i.large"]),
        ("by-family", ["c5", "m6i"]),
        ("by-bundle", ["optimal"]),
        ("other-size", ["m6i.xlarge"]),
        ("other-bundle", ["default_arm64"]),
    ]:
        resources = {"type": "EC2", "instanceTypes": named}
        an_environment(name=name, type=EnvironmentType.MANAGED, compute_resources=resources)
    fargate = {"type": "FARGATE"}
    an_environment(name="fargate", type=EnvironmentType.MANAGED, compute_resources=fargate)
    an_environment(name="unmanaged")
    found = environments_that_launch(row=an_instance_type("m6i.large"))
    assert [row.name for row in found] == ["by-bundle", "by-family", "by-type"]


def test_live_instances_are_the_oldest_and_how_many_there_are(
    django_assert_num_queries: Any,
) -> None:
    row = an_instance_type("rack.large")
    live = [an_instance(type_name="rack.large") for _ in range(3)]
    an_instance(type_name="rack.large", state="ENDED", ended_at=NOW)
    an_instance(type_name="rack.small")
    with django_assert_num_queries(2):
        found = live_instances(row=row, size=2)
        assert all(each.environment.name and each.node.name for each in found.rows)
    assert [each.instance_id for each in found.rows] == [each.instance_id for each in live[:2]]
    assert found.count == 3
