"""Registering and deregistering: numbers without gaps or doubles, refusals that change nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from jobs.domain.errors import InvalidInput
from jobs.models import DefinitionStatus, JobDefinition
from jobs.services.definitions import deregister_definition, register_definition
from tests.builders import NOW, a_definition, a_user

FIELDS = {"name": "hello", "image": "busybox:1.36", "vcpus": "0.25", "memory_mib": "64"}


def register(**fields: object) -> JobDefinition:
    return register_definition(fields={**FIELDS, **fields}, by=None, now=NOW)


@pytest.mark.django_db
def test_registering_a_name_again_makes_its_next_revision() -> None:
    user = a_user()
    first = register_definition(fields=FIELDS, by=user, now=NOW)
    second = register(command="echo 'a b'", environment="A=b\nC=d=e", attempts="3")
    assert (first.revision, second.revision) == (1, 2)
    assert (first.command, first.attempts, first.created_by) == ([], 1, user)
    assert second.command == ["echo", "a b"]
    assert second.environment == [{"name": "A", "value": "b"}, {"name": "C", "value": "d=e"}]
    assert (second.milli_vcpus, second.memory_mib, second.attempts) == (250, 64, 3)


@pytest.mark.django_db
def test_every_wrong_field_is_named_at_once_and_nothing_is_written() -> None:
    with pytest.raises(InvalidInput) as caught:
        register(
            name="a b",
            image="",
            command="echo '",
            environment="no equals sign",
            vcpus="0",
            memory_mib="1",
            attempts="11",
            evaluate_on_exit="[{}]",
            timeout_seconds="59",
            description="x" * 256,
            color="red",
        )
    assert set(caught.value.errors) == {
        "name",
        "image",
        "command",
        "environment",
        "vcpus",
        "memory_mib",
        "attempts",
        "evaluate_on_exit",
        "timeout_seconds",
        "description",
        "color",
    }
    assert caught.value.errors["environment"] == ["Line 1: write NAME=value."]
    assert not JobDefinition.objects.exists()


@pytest.mark.django_db
def test_a_definition_as_a_whole_has_a_limit() -> None:
    with pytest.raises(InvalidInput, match="24 KiB"):
        register(environment={"A": "x" * 25_000})


@pytest.mark.django_db
def test_a_text_that_no_database_can_keep_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        register(description="a\0b", command=["\ud800"], environment={"A": "\0"})
    assert set(caught.value.errors) == {"description", "command", "environment"}


@pytest.mark.django_db
def test_deregistering_is_done_once() -> None:
    definition = a_definition()
    assert deregister_definition(definition=definition, now=NOW)
    assert not deregister_definition(definition=definition, now=NOW)
    definition.refresh_from_db()
    assert definition.status == DefinitionStatus.INACTIVE


@pytest.mark.django_db(transaction=True)
def test_who_registers_a_name_at_the_same_moment_gets_another_revision() -> None:
    def one(_: int) -> int:
        try:
            return register().revision
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        revisions = list(pool.map(one, range(24)))
    assert sorted(revisions) == list(range(1, 25))
