"""Making, changing and deleting environments and engines; each refusal says why."""

from decimal import Decimal

import pytest

from jobs.domain.errors import Conflict, InvalidInput, NotFound
from jobs.models import ComputeEnvironment, Engine, EngineStatus, Node
from jobs.services.setup.engines import create_engine, delete_engine, update_engine
from jobs.services.setup.environments import (
    create_environment,
    delete_environment,
    update_environment,
)
from jobs.services.setup.queues import update_queue
from tests.builders import NOW, a_node, a_queue, an_engine, an_environment, an_instance

pytestmark = pytest.mark.django_db


def test_a_new_environment_has_the_default_prices_and_all_of_its_engine() -> None:
    an_engine(name="local")
    environment = create_environment(fields={"name": "here", "engine": "local"}, now=NOW)
    assert environment.usd_per_vcpu_hour == Decimal("0.04048")
    assert environment.usd_per_gib_hour == Decimal("0.004445")
    assert environment.max_milli_vcpus is None
    assert (environment.state, environment.status) == ("ENABLED", "CREATING")


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"name": "taken"}, "name", "There is an environment named taken already."),
        ({"engine": ""}, "engine", "Choose an engine."),
        ({"engine": "none"}, "engine", "There is no engine named none."),
        ({"engine": "a\0"}, "engine", "There is no engine named"),
        ({"state": ""}, "state", "The state is ENABLED or DISABLED."),
        ({"max_vcpus": "0"}, "max_vcpus", "Give more than 0 vCPUs"),
        ({"usd_per_vcpu_hour": "free"}, "usd_per_vcpu_hour", "A price is a number"),
        ({"usd_per_vcpu_hour": "-0.1"}, "usd_per_vcpu_hour", "A price is between 0 and"),
        ({"usd_per_gib_hour": "0.0000001"}, "usd_per_gib_hour", "A price has at most 6"),
        ({"type": "LENT"}, "type", "The type is MANAGED or UNMANAGED."),
        ({"type": "MANAGED"}, "compute_resources", "A MANAGED environment needs these."),
        ({"update_policy": {"a": 1}}, "update_policy", "Only a MANAGED environment has this."),
        ({"color": "red"}, "color", "There is no such field."),
    ],
)
def test_a_refusal_names_the_field(fields: dict[str, object], field: str, said: str) -> None:
    an_environment(name="taken", engine=an_engine(name="local"))
    with pytest.raises(InvalidInput) as caught:
        create_environment(fields={"name": "new", "engine": "local", **fields}, now=NOW)
    assert list(caught.value.errors) == [field]
    assert caught.value.errors[field][0].startswith(said)
    assert ComputeEnvironment.objects.count() == 1


def test_an_update_changes_what_is_given_and_leaves_the_rest() -> None:
    environment = an_environment(max_milli_vcpus=1500)
    update_environment(environment=environment, fields={"usd_per_gib_hour": "0"})
    environment.refresh_from_db()
    assert (environment.usd_per_gib_hour, environment.max_milli_vcpus) == (Decimal(0), 1500)
    assert environment.status == "UPDATING"
    update_environment(environment=environment, fields={"max_vcpus": ""})
    environment.refresh_from_db()
    assert environment.max_milli_vcpus is None


def test_members_that_mean_nothing_here_are_merged_with_what_another_has_just_written() -> None:
    environment = an_environment()
    read_before = ComputeEnvironment.objects.get(pk=environment.pk)
    insights = {"ecsSettings": {"containerInsights": "ENHANCED"}}
    update_environment(environment=environment, fields={"extra": insights})
    update_environment(environment=read_before, fields={"extra": {"context": "x"}})
    environment.refresh_from_db()
    assert environment.extra == {**insights, "context": "x"}


def test_name_and_engine_stay() -> None:
    environment = an_environment()
    other = an_engine()
    with pytest.raises(InvalidInput, match=r"keeps its name.*keeps its engine"):
        update_environment(environment=environment, fields={"name": "other", "engine": other.name})


def test_an_environment_is_deleted_only_when_nothing_names_it() -> None:
    environment = an_environment()
    queue = a_queue(environment, state="DISABLED")
    with pytest.raises(Conflict, match="is enabled"):
        delete_environment(environment=environment)
    update_environment(environment=environment, fields={"state": "DISABLED"})
    with pytest.raises(Conflict, match=f"the queue {queue.name} uses"):
        delete_environment(environment=environment)
    update_queue(queue=queue, fields={"environments": [an_environment().name]})
    delete_environment(environment=environment)
    delete_environment(environment=environment)
    environment.refresh_from_db()
    assert environment.status == "DELETING"
    with pytest.raises(Conflict, match="is being deleted"):
        update_environment(environment=environment, fields={})
    ComputeEnvironment.objects.update(status="DELETED")
    with pytest.raises(NotFound):
        update_environment(environment=environment, fields={})


def test_the_maximum_of_a_managed_environment_is_that_of_its_compute_resources() -> None:
    resources = {"type": "FARGATE", "maxvCpus": 16}
    environment = an_environment(
        type="MANAGED",
        compute_resources={**resources, "subnets": ["a"], "securityGroupIds": ["b"]},
        max_milli_vcpus=16_000,
    )
    update_environment(environment=environment, fields={"max_vcpus": "8"})
    environment.refresh_from_db()
    assert environment.max_milli_vcpus == 8000
    assert environment.compute_resources["maxvCpus"] == 8
    for wrong in ("", "1.5"):
        with pytest.raises(InvalidInput, match="max_vcpus: The maximum of a MANAGED"):
            update_environment(environment=environment, fields={"max_vcpus": wrong})
    with pytest.raises(InvalidInput, match="max_vcpus: Give it as maxvCpus"):
        create_environment(
            fields={
                "name": "new",
                "type": "MANAGED",
                "engine": environment.engine.name,
                "max_vcpus": "8",
                "compute_resources": environment.compute_resources,
            },
            now=NOW,
        )


def test_an_engine_is_made_changed_and_deleted_with_its_nodes() -> None:
    engine = create_engine(fields={"name": "farm", "url": "tcp://farm:2376"})
    assert (engine.kind, engine.status) == ("docker", EngineStatus.UNKNOWN)
    update_engine(engine=engine, fields={"url": " "})
    engine.refresh_from_db()
    assert engine.url == ""
    a_node(engine=engine)
    delete_engine(engine=engine)
    assert not Engine.objects.exists()
    assert not Node.objects.exists()
    with pytest.raises(NotFound):
        update_engine(engine=engine, fields={})


def test_an_engine_with_an_environment_is_kept() -> None:
    environment = an_environment(name="here")
    with pytest.raises(Conflict, match="The environment here lies on the engine"):
        delete_engine(engine=environment.engine)


def test_an_engine_that_had_instances_is_kept_for_what_they_cost() -> None:
    instance = an_instance(state="ENDED", ended_at=NOW)
    ComputeEnvironment.objects.update(status="DELETED")
    with pytest.raises(Conflict, match="Jobs or instances have run on the engine"):
        delete_engine(engine=instance.environment.engine)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "taken"}, "name"),
        ({"kind": "podman"}, "kind"),
        ({"url": "farm"}, "url"),
        ({"url": "tcp://a b"}, "url"),
        ({"url": "tcp://" + "x" * 250}, "url"),
        ({"cpu_overcommit": "0.99"}, "cpu_overcommit"),
        ({"cpu_overcommit": "10.01"}, "cpu_overcommit"),
        ({"cpu_overcommit": "1.005"}, "cpu_overcommit"),
        ({"cpu_overcommit": "twice"}, "cpu_overcommit"),
        ({"status": "CONNECTED"}, "status"),
    ],
)
def test_an_engine_s_refusal_names_the_field(fields: dict[str, object], field: str) -> None:
    an_engine(name="taken")
    with pytest.raises(InvalidInput) as caught:
        create_engine(fields={"name": "new", **fields})
    assert list(caught.value.errors) == [field]


@pytest.mark.parametrize(("given", "kept"), [("", 1), ("1.5", "1.5"), (10, 10)])
def test_an_engine_may_hand_out_more_vcpus_than_there_are(given: object, kept: object) -> None:
    engine = create_engine(fields={"name": "local", "cpu_overcommit": given})
    update_engine(engine=engine, fields={"url": ""})
    engine.refresh_from_db()
    assert engine.cpu_overcommit == Decimal(str(kept))


def test_an_engine_keeps_its_name_and_kind() -> None:
    engine = an_engine()
    with pytest.raises(InvalidInput) as caught:
        update_engine(engine=engine, fields={"name": "x", "kind": "docker"})
    assert set(caught.value.errors) == {"name", "kind"}
