"""What is named from outside is found, as Django itself would read it."""

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.models import DefinitionStatus, JobDefinition, JobQueue, QueueStatus
from jobs.selectors.named import DefinitionName, definition_name, definition_named, queue_named
from tests.builders import NOW, a_definition, a_queue

pytestmark = pytest.mark.django_db


def test_a_queue_is_read_as_django_reads_it() -> None:
    a_queue(name="high", tags={"a": "b"}, time_limit_actions=[{"reason": "x"}])
    found = queue_named("high")
    assert found is not None
    expected = JobQueue.objects.get()
    for field in JobQueue._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(expected, field.attname)
    assert found == expected


def test_a_definition_is_read_as_django_reads_it(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    a_definition(name="hello", command=["a", "b"], parameters={"a": "b"}, registered_as={"x": 1})
    expected = JobDefinition.objects.get()
    with django_assert_num_queries(1):
        found = definition_named(DefinitionName("hello", 1))
        assert found is not None
        assert (found.command, found.parameters, found.created_at) == (["a", "b"], {"a": "b"}, NOW)
    # What is left out is read when it is asked for.
    for field in JobDefinition._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(expected, field.attname)


def test_without_a_revision_the_newest_active_one_is_meant() -> None:
    a_definition(name="hello", revision=1)
    a_definition(name="hello", revision=2)
    a_definition(name="hello", revision=3, status=DefinitionStatus.INACTIVE)
    found = definition_named(DefinitionName("hello", None))
    assert found is not None
    assert found.revision == 2


@pytest.mark.parametrize("name", ["", "low", "hi\0gh", "%s", "high'"])
def test_names_that_there_are_not_find_nothing(name: str) -> None:
    a_queue(name="high")
    a_definition(name="high")
    assert queue_named(name) is None
    assert definition_named(DefinitionName(name, None)) is None
    assert definition_named(DefinitionName(name, 1)) is None


def test_a_deleted_queue_is_gone_and_its_name_is_free() -> None:
    a_queue(name="high", status=QueueStatus.DELETED)
    assert queue_named("high") is None
    queue = a_queue(name="high")
    assert queue_named("high") == queue


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("hello", ("hello", None)),
        ("hello:3", ("hello", 3)),
        (" hello:3 ", ("hello", 3)),
        ("hello:", None),
        ("hello:x", None),
        ("hello:-1", None),
        ("hello:1:1", None),
        ("hello:\u0663", None),
        ("hello:1234567890", None),
    ],
)
def test_a_revision_comes_after_a_colon(text: str, named: tuple[str, int | None] | None) -> None:
    assert definition_name(text) == named
