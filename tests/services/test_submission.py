"""What a submission may say, and what becomes of it with its definition, its queue and its owner."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from jobs.domain.errors import InvalidInput
from jobs.domain.ids import text_of
from jobs.models import Job, JobDefinition, JobQueue
from jobs.services.requests.submission import Submission, check_submission
from jobs.services.setup.definitions import register_definition
from tests.builders import (
    NOW,
    a_consumable,
    a_definition,
    a_job,
    a_policy,
    a_queue,
    a_secret,
    a_user,
    an_array,
    an_environment,
    containers_of,
)

pytestmark = pytest.mark.django_db

FIELDS = {"name": "hello", "image": "busybox", "vcpus": "1", "memory_mib": "64"}
NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]


def registered(**fields: Any) -> JobDefinition:
    return register_definition(fields={**FIELDS, **fields}, by=None, now=NOW)


def checked(
    *,
    definition: JobDefinition | None = None,
    queue: JobQueue | None = None,
    owner: User | None = None,
    **fields: Any,
) -> Submission:
    names = {
        "name": "render",
        "queue": (queue or a_queue()).name,
        "definition": str(definition or a_definition()),
    }
    return check_submission(owner=owner or a_user(), fields={**names, **fields})


def refused(**fields: Any) -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as caught:
        checked(**fields)
    return caught.value.errors


def a_gang(**members: Any) -> dict[str, Any]:
    container = {"image": "a", "command": ["Ref::what"], "resourceRequirements": NEEDS}
    return {
        "numNodes": 3,
        "mainNode": 0,
        "nodeRangeProperties": [
            {"targetNodes": "0:", "container": {**container, **members}},
        ],
    }


def gang(**members: Any) -> JobDefinition:
    return register_definition(
        fields={"name": "gang", "node_properties": a_gang(**members)}, by=None, now=NOW
    )


def task(*names: str) -> JobDefinition:
    containers = [{"name": name, "image": name, "resourceRequirements": NEEDS} for name in names]
    return register_definition(
        fields={"name": "task", "ecs_properties": {"taskProperties": [{"containers": containers}]}},
        by=None,
        now=NOW,
    )


def test_everything_of_a_definition_is_taken_over() -> None:
    definition = registered(
        command="echo Ref::what",
        gpus=1,
        container={"user": "nobody"},
        parameters={"what": "hi", "other": "x"},
        tags={"team": "a"},
        propagate_tags=True,
        scheduling_priority=7,
        attempts=3,
    )
    submission = checked(definition=definition, tags={"job": "b"})
    assert (submission.command, submission.gpus) == (["echo", "hi"], 1)
    assert submission.container == {"user": "nobody"}
    assert submission.parameters == {"what": "hi", "other": "x"}
    assert (submission.tags, submission.propagate_tags) == ({"job": "b"}, True)
    assert (submission.scheduling_priority, submission.attempts) == (7, 3)
    assert (submission.node_count, submission.array_size, submission.depends_on) == (1, None, ())


def test_a_submission_s_parameters_go_before_the_definition_s() -> None:
    definition = registered(command="echo Ref::a Ref::b Ref::c", parameters={"a": "1", "b": "2"})
    submission = checked(definition=definition, parameters="b=3")
    assert submission.command == ["echo", "1", "3", "Ref::c"]


def test_overrides_of_a_form_and_of_aws_add_up() -> None:
    submission = checked(
        definition=registered(environment="A=1"),
        container_overrides={
            "environment": [{"name": "B", "value": "2"}],
            "resourceRequirements": [{"type": "GPU", "value": "2"}],
        },
        memory_mib="128",
        image="alpine",
    )
    assert submission.environment == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert (submission.milli_vcpus, submission.memory_mib, submission.gpus) == (1000, 128, 2)
    assert submission.image == "alpine"


def test_the_older_amounts_are_overridden_by_the_older_members_alone() -> None:
    older = registered(vcpus="", memory_mib="", container={"vcpus": 2, "memory": 128})
    newer = registered()
    override = {"vcpus": 4, "memory": 256}
    changed = checked(definition=older, container_overrides=override)
    assert (changed.milli_vcpus, changed.memory_mib) == (4000, 256)
    unchanged = checked(definition=newer, container_overrides=override)
    assert (unchanged.milli_vcpus, unchanged.memory_mib) == (1000, 64)


def test_several_containers_are_overridden_by_name() -> None:
    submission = checked(
        definition=task("main", "side"),
        ecs_overrides={
            "taskProperties": [{"containers": [{"name": "side", "command": ["sleep", "1"]}]}]
        },
    )
    containers = submission.ecs_properties["taskProperties"][0]["containers"]
    assert [each.get("command") for each in containers] == [None, ["sleep", "1"]]
    assert (submission.milli_vcpus, submission.memory_mib) == (2000, 128)


def test_several_nodes_are_overridden_by_range() -> None:
    submission = checked(
        definition=gang(),
        parameters={"what": "run"},
        node_overrides={
            "numNodes": 5,
            "nodePropertyOverrides": [
                {
                    "targetNodes": "0",
                    "containerOverrides": {
                        "resourceRequirements": [{"type": "VCPU", "value": "4"}],
                    },
                }
            ],
        },
    )
    # Of the largest node.
    assert (submission.node_count, submission.milli_vcpus) == (5, 4000)
    assert submission.command == ["run"]


def test_a_form_may_send_the_defaults_of_several_containers_back() -> None:
    submission = checked(definition=task("main", "side"), vcpus="2", memory_mib="128", image="main")
    assert submission.milli_vcpus == 2000


@pytest.mark.parametrize(
    ("kind", "fields", "wrong"),
    [
        ("plain", {"ecs_overrides": {"taskProperties": [{"containers": [{}]}]}}, "ecs_overrides"),
        ("plain", {"node_overrides": {"numNodes": 2}}, "node_overrides"),
        ("task", {"vcpus": "9"}, "vcpus"),
        ("task", {"container_overrides": {"command": ["a"]}}, "container_overrides"),
        (
            "task",
            {"ecs_overrides": {"taskProperties": [{"containers": [{"name": "x"}]}]}},
            "ecs_overrides",
        ),
        ("gang", {"command": "true"}, "command"),
        ("gang", {"array_size": 2}, "array_size"),
        ("gang", {"node_overrides": {"numNodes": 0}}, "node_overrides"),
    ],
)
def test_an_override_for_another_kind_of_job_is_refused(
    kind: str, fields: dict[str, Any], wrong: str
) -> None:
    definitions = {"plain": registered, "task": lambda: task("main", "side"), "gang": gang}
    assert set(refused(definition=definitions[kind](), **fields)) == {wrong}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"array_size": 1}, "array_size"),
        ({"depends_on": "[{}]"}, "depends_on"),
        ({"share_identifier": "a b"}, "share_identifier"),
        ({"scheduling_priority": 10_000}, "scheduling_priority"),
        ({"gpus": "-1"}, "gpus"),
        ({"tags": {"aws:a": "b"}}, "tags"),
        ({"parameters": "nothing"}, "parameters"),
        ({"propagate_tags": "perhaps"}, "propagate_tags"),
        ({"container_overrides": {"user": "root"}}, "container_overrides"),
        ({"consumables": [{"consumableResource": "none", "quantity": 1}]}, "consumables"),
        ({"parameters": {f"p{n}": "x" * 1000 for n in range(31)}}, ""),
        ({"color": "red"}, "color"),
    ],
)
def test_each_wrong_field_is_named(fields: dict[str, Any], wrong: str) -> None:
    assert set(refused(**fields)) == {wrong}


def test_jobs_that_a_submission_depends_on_are_found() -> None:
    owner = a_user()
    plain, array = a_job(owner=owner), an_array(3, owner=owner)
    child = Job.objects.get(parent=array, array_index=1)
    submission = checked(
        owner=owner,
        array_size=3,
        depends_on=[
            {"job_id": str(plain.id)},
            {"jobId": str(array.id), "type": "N_TO_N"},
            {"job_id": text_of(child.id)},
            {"job_id": str(plain.id)},
            {"type": "SEQUENTIAL"},
        ],
    )
    assert submission.depends_on == ((plain, ""), (array, "N_TO_N"), (child, ""))
    assert submission.sequential


def test_what_cannot_be_waited_for_is_refused() -> None:
    owner = a_user()
    plain, array, foreign = a_job(owner=owner), an_array(3, owner=owner), a_job()
    unknown = uuid4()
    for depends_on, size, said in (
        ([{"job_id": str(foreign.id)}], None, f"There is no job {foreign.id}."),
        ([{"job_id": str(unknown)}], None, "There is no job"),
        ([{"type": "SEQUENTIAL"}], None, "SEQUENTIAL is for arrays"),
        ([{"job_id": str(plain.id), "type": "N_TO_N"}], 3, "is no array"),
        ([{"job_id": str(array.id), "type": "N_TO_N"}], None, "N_TO_N is for arrays"),
        ([{"job_id": str(array.id), "type": "N_TO_N"}], 4, "has 3 children and this one 4"),
    ):
        errors = refused(owner=owner, depends_on=depends_on, array_size=size)
        assert list(errors) == ["depends_on"]
        assert said in errors["depends_on"][0]


def test_a_fair_share_queue_needs_a_share_and_a_priority() -> None:
    queue = a_queue(scheduling_policy=a_policy())
    errors = refused(queue=queue)
    assert errors["share_identifier"][0].startswith("shareIdentifier must be specified.")
    assert errors["scheduling_priority"] == [
        "Either schedulingPriority in job definition or schedulingPriorityOverride should be specified."
    ]
    submission = checked(queue=queue, share_identifier="mine", scheduling_priority="0")
    assert (submission.share_identifier, submission.scheduling_priority) == ("mine", 0)
    of_definition = checked(
        queue=queue, share_identifier="mine", definition=a_definition(scheduling_priority=5)
    )
    assert of_definition.scheduling_priority == 5


def test_a_queue_without_shares_refuses_one() -> None:
    assert set(refused(share_identifier="mine")) == {"share_identifier"}


def test_what_every_environment_must_allow_is_refused_by_the_one_that_does_not() -> None:
    definition = registered(
        container={
            "privileged": True,
            "volumes": [{"name": "v", "host": {"sourcePath": "/data"}}],
            "mountPoints": [{"sourceVolume": "v", "containerPath": "/data"}],
        }
    )
    allows = {
        "allow_privileged": True,
        "allowed_host_paths": [{"path": "/data", "readOnly": False}],
    }
    open_, closed = an_environment(**allows), an_environment()
    errors = refused(definition=definition, queue=a_queue(open_, closed))
    assert len(errors["definition"]) == 2
    assert all(closed.name in text for text in errors["definition"])
    assert checked(definition=definition, queue=a_queue(open_)).container["privileged"]


def test_a_secret_is_the_owner_s_own_or_shared() -> None:
    owner = a_user()
    mine, shared = a_secret(owner=owner), a_secret(shared=True)
    foreign = a_secret()

    def of(*names: str) -> JobDefinition:
        secrets = [{"name": f"S{at}", "valueFrom": name} for at, name in enumerate(names)]
        return registered(container={"secrets": secrets})

    arn = f"arn:aws:secretsmanager:eu-1:1:secret:{mine.name}-AbCdEf"
    secrets = checked(owner=owner, definition=of(mine.name, shared.name, arn)).container["secrets"]
    assert [each["valueFrom"] for each in secrets] == [mine.name, shared.name, arn]
    errors = refused(owner=owner, definition=of(foreign.name))
    assert errors == {
        "definition": [
            f"There is no secret {foreign.name} that your jobs may use. "
            "Store it, or ask its owner to share it."
        ]
    }


def test_of_several_containers_the_one_that_wants_a_missing_secret_is_named() -> None:
    secrets = [{"name": "KEY", "valueFrom": "none"}]
    properties = containers_of({"name": "web"}, {"name": "log", "secrets": secrets})
    definition = register_definition(
        fields={"name": "pair", "ecs_properties": properties}, by=None, now=NOW
    )
    [text] = refused(definition=definition)["definition"]
    assert text.startswith("Container log: There is no secret none that your jobs may use.")


def test_a_variable_that_takes_a_secret_s_name_is_refused() -> None:
    owner = a_user()
    name = a_secret(owner=owner).name
    definition = registered(container={"secrets": [{"name": "TOKEN", "valueFrom": name}]})
    errors = refused(owner=owner, definition=definition, environment="TOKEN=x")
    assert "There is a variable named TOKEN already" in errors["environment"][0]


def test_consumables_are_the_definition_s_unless_overridden() -> None:
    licence, other = a_consumable().name, a_consumable().name
    definition = registered(consumables=[{"consumableResource": licence, "quantity": 2}])
    assert checked(definition=definition).consumables == definition.consumables
    override = [{"consumableResource": other, "quantity": 1}]
    assert checked(definition=definition, consumables=override).consumables == override
    assert checked(definition=definition, consumables=[]).consumables == []


def test_nodes_take_consumables_each() -> None:
    licence = a_consumable().name
    properties = a_gang()
    properties["nodeRangeProperties"][0]["consumableResourceProperties"] = {
        "consumableResourceList": [{"consumableResource": licence, "quantity": 2}]
    }
    definition = register_definition(
        fields={"name": "gang", "node_properties": properties}, by=None, now=NOW
    )
    needed = [{"consumableResource": licence, "quantity": 6}]
    assert checked(definition=definition).consumables == needed


def test_a_consumable_that_was_never_made_is_named() -> None:
    definition = registered(consumables=[{"consumableResource": "none", "quantity": 2}])
    assert refused(definition=definition) == {
        "definition": ["There is no consumable resource named none. Create it first."]
    }


def test_tags_of_both_that_propagate_are_no_more_than_one_thing_can_have() -> None:
    definition = registered(tags={f"a{n}": "" for n in range(30)})
    tags = {f"b{n}": "" for n in range(21)}
    assert checked(definition=definition, tags=tags).tags == tags
    assert set(refused(definition=definition, tags=tags, propagate_tags=True)) == {"tags"}
