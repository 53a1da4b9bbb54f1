"""Registering and deregistering: numbers without gaps or doubles, refusals that change nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection

from jobs.domain.errors import InvalidInput
from jobs.models import DefinitionStatus, JobDefinition
from jobs.services.setup.definitions import deregister_definition, register_definition
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
            gpus="-1",
            container="{",
            parameters="x",
            scheduling_priority="10000",
            consumables="[{}]",
            tags="aws:a=b",
            propagate_tags="perhaps",
            platform_capabilities=["MOON"],
            type="other",
        )
    assert set(caught.value.errors) == {
        "gpus",
        "container",
        "parameters",
        "scheduling_priority",
        "consumables",
        "tags",
        "propagate_tags",
        "platform_capabilities",
        "type",
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
    assert deregister_definition(definition=definition, by=None, now=NOW)
    assert not deregister_definition(definition=definition, by=None, now=NOW)
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


@pytest.mark.django_db(transaction=True)
def test_of_users_who_register_a_new_name_at_the_same_moment_one_has_it() -> None:
    users = [a_user() for _ in range(8)]

    def one(user: User) -> int:
        try:
            register_definition(fields=FIELDS, by=user, now=NOW)
        except PermissionDenied:
            return 0
        finally:
            connection.close()
        return user.pk

    with ThreadPoolExecutor(8) as pool:
        done = [each for each in pool.map(one, users) if each]
    [made] = JobDefinition.objects.all()
    assert done == [made.created_by_id]


NEEDS = [{"type": "VCPU", "value": "1.5"}, {"type": "MEMORY", "value": "100"}]
TASK = {
    "taskProperties": [
        {
            "containers": [
                {
                    "name": "main",
                    "image": "main:1",
                    "command": ["run"],
                    "environment": [{"name": "A", "value": "b"}],
                    "resourceRequirements": NEEDS,
                },
                {
                    "name": "side",
                    "image": "side:1",
                    "resourceRequirements": [*NEEDS, {"type": "GPU", "value": "1"}],
                },
            ]
        }
    ]
}
GANG = {
    "numNodes": 3,
    "mainNode": 1,
    "nodeRangeProperties": [
        {"targetNodes": "0:", "container": {"image": "small", "vcpus": 1, "memory": 10}},
        {"targetNodes": "1", "ecsProperties": TASK},
    ],
}


def register_group(**fields: object) -> JobDefinition:
    return register_definition(fields={"name": "group", **fields}, by=None, now=NOW)


@pytest.mark.django_db
def test_all_that_was_asked_for_is_kept() -> None:
    container = {"user": "nobody", "linuxParameters": {"maxSwap": 0, "swappiness": 0}}
    definition = register(
        gpus="2",
        container=container,
        parameters={"a": "b"},
        scheduling_priority="0",
        consumables=[{"consumableResource": "licence", "quantity": 2}],
        tags="team=x",
        propagate_tags="on",
        platform_capabilities=["EC2"],
    )
    definition.refresh_from_db()
    assert (definition.type, definition.gpus, definition.container) == ("container", 2, container)
    assert definition.parameters == {"a": "b"}
    assert definition.scheduling_priority == 0
    assert definition.consumables == [{"consumableResource": "licence", "quantity": 2}]
    assert (definition.tags, definition.propagate_tags) == ({"team": "x"}, True)
    assert definition.extra == {"platformCapabilities": ["EC2"]}


@pytest.mark.django_db
def test_the_older_amounts_count_where_no_others_are_given() -> None:
    older = register(vcpus="", memory_mib=None, container='{"vcpus": 2, "memory": 128}')
    assert (older.milli_vcpus, older.memory_mib) == (2000, 128)
    assert older.container == {"vcpus": 2, "memory": 128}
    both = register(container={"vcpus": 2, "memory": 128})
    assert (both.milli_vcpus, both.memory_mib, both.container) == (250, 64, {})


@pytest.mark.django_db
def test_several_containers_are_summed_up_by_their_first() -> None:
    definition = register_group(ecs_properties=TASK)
    definition.refresh_from_db()
    assert definition.ecs_properties == TASK
    assert (definition.type, definition.image) == ("container", "main:1")
    assert (definition.command, definition.environment) == (["run"], [{"name": "A", "value": "b"}])
    assert (definition.milli_vcpus, definition.memory_mib, definition.gpus) == (3000, 200, 1)


@pytest.mark.django_db
def test_several_nodes_are_summed_up_by_their_main_and_their_largest() -> None:
    definition = register_group(node_properties=GANG)
    definition.refresh_from_db()
    assert definition.node_properties == GANG
    assert (definition.type, definition.image) == ("multinode", "main:1")
    assert (definition.milli_vcpus, definition.memory_mib, definition.gpus) == (3000, 200, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"ecs_properties": TASK, "node_properties": GANG}, {"node_properties"}),
        ({"ecs_properties": TASK, "image": "a", "vcpus": "1"}, {"image", "vcpus"}),
        ({"ecs_properties": TASK, "container": {"user": "a"}}, {"container"}),
        ({"ecs_properties": {"taskProperties": []}}, {"ecs_properties"}),
        ({"ecs_properties": TASK, "type": "multinode"}, {"node_properties"}),
        ({"node_properties": GANG, "type": "container"}, {"type"}),
        ({"image": "a", "vcpus": 1, "memory_mib": 4, "type": "multinode"}, {"node_properties"}),
        ({}, {"image", "vcpus", "memory_mib"}),
    ],
)
def test_a_definition_is_of_one_kind(fields: dict[str, object], wrong: set[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        register_group(**fields)
    assert set(caught.value.errors) == wrong


@pytest.mark.django_db
def test_a_secret_and_a_variable_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidInput, match="There is a variable named A already"):
        register(environment="A=b", container={"secrets": [{"name": "A", "valueFrom": "s"}]})
