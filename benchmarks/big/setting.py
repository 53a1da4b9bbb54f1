"""What there is besides jobs: users, queues, environments with machines and instances, definitions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import User

from jobs.models import (
    ComputeEnvironment,
    EnvironmentType,
    InstanceState,
    JobDefinition,
    JobQueue,
    Node,
)
from tests.builders import (
    a_budget,
    a_consumable,
    a_definition,
    a_node,
    a_policy,
    a_queue,
    a_secret,
    a_user,
    an_engine,
    an_environment,
    an_instance,
    load_catalogue,
)

PASSWORD = "big database"
ADMINISTRATOR, HEAVY_USER = "boss", "user-00"
USERS, QUEUES, DEFINITION_NAMES, REVISIONS = 50, 20, 100, 2
NODES_OF_ENGINE = 20
INSTANCE_TYPE = "m7i.4xlarge"
WORDS = ("align", "render", "train", "fold", "index", "simulate", "encode", "score", "sweep", "etl")
KINDS = ("UNMANAGED", "UNMANAGED", "EC2", "SPOT", "FARGATE", "FARGATE_SPOT")


@dataclass(frozen=True, slots=True)
class Setting:
    """All of it, in lists that the history draws from."""

    owners: list[User]
    queues: list[JobQueue]
    environments: list[ComputeEnvironment]
    nodes: dict[int, list[Node]]
    definitions: list[JobDefinition]

    def environments_of(self, queue: int) -> list[ComputeEnvironment]:
        """Those of the queue of that place in the list."""
        return [self.environments[queue % len(KINDS)], self.environments[(queue + 1) % len(KINDS)]]


def make_setting(now: datetime) -> Setting:
    """Writes it, the usual way."""
    load_catalogue()
    a_user(username=ADMINISTRATOR, password=PASSWORD, is_staff=True, is_superuser=True)
    owners = [
        a_user(username=f"user-{number:02}", password=PASSWORD if number == 0 else None)
        for number in range(USERS)
    ]
    environments, nodes = _environments(now)
    policy = a_policy(name="by-team", shares={f"team{n}": 1.0 + n % 3 for n in range(8)})
    queues = [
        a_queue(
            environments[number % len(KINDS)],
            environments[(number + 1) % len(KINDS)],
            name=f"queue-{number:02}",
            priority=1 + number % 5,
            scheduling_policy=policy if number % 4 == 0 else None,
            created_at=now - timedelta(days=366),
        )
        for number in range(QUEUES)
    ]
    definitions = _definitions(now, owners)
    for number in range(5):
        a_budget(name=f"budget-{number}", queue=queues[number], usd_per_month=1000)
        a_consumable(name=f"licence-{number}", total_quantity=50)
        a_secret(name=f"secret-{number}", owner=owners[number])
    return Setting(owners, queues, environments, nodes, definitions)


def _environments(now: datetime) -> tuple[list[ComputeEnvironment], dict[int, list[Node]]]:
    environments, nodes = [], {}
    for number, kind in enumerate(KINDS):
        engine = an_engine(name=f"rack-{number}", last_seen_at=now)
        machines = [
            a_node(
                engine=engine, name=f"node-{number}-{n:02}", milli_vcpus=64_000, memory_mib=262_144
            )
            for n in range(NODES_OF_ENGINE)
        ]
        managed = kind != "UNMANAGED"
        environment = an_environment(
            name=f"environment-{number}-{kind.lower().replace('_', '-')}",
            engine=engine,
            type=EnvironmentType.MANAGED if managed else EnvironmentType.UNMANAGED,
            compute_resources=_resources(kind) if managed else {},
            max_milli_vcpus=1_000_000,
            created_at=now - timedelta(days=366),
        )
        environments.append(environment)
        nodes[environment.pk] = machines
        if kind in {"EC2", "SPOT"}:
            _instances(environment, machines, now)
    return environments, nodes


def _resources(kind: str) -> dict[str, object]:
    resources: dict[str, object] = {"type": kind, "maxvCpus": 1000}
    if kind in {"EC2", "SPOT"}:
        resources |= {"minvCpus": 0, "desiredvCpus": 0, "instanceTypes": [INSTANCE_TYPE]}
        resources |= {"allocationStrategy": "BEST_FIT_PROGRESSIVE"}
    return resources


def _instances(environment: ComputeEnvironment, machines: list[Node], now: datetime) -> None:
    """300 that have ended, and a running one on each machine."""
    spot = environment.compute_resources["type"] == "SPOT"
    fields = {
        "environment": environment,
        "type_name": INSTANCE_TYPE,
        "milli_vcpus": 16_000,
        "memory_mib": 65_536,
        "usd_per_hour": Decimal("0.8064"),
        "spot_usd_per_hour": Decimal("0.3"),
        "is_spot": spot,
    }
    for number in range(300):
        begun = now - timedelta(days=365 - number * 1.2)
        an_instance(
            **fields,
            node=machines[number % len(machines)],
            state=InstanceState.ENDED,
            launched_at=begun,
            running_at=begun,
            ended_at=begun + timedelta(hours=20),
            end_cause="IDLE",
            end_reason="Nothing ran on it for 5 minutes.",
            usd=Decimal(16),
            idle_usd=Decimal(2),
            idle_charged_at=begun + timedelta(hours=20),
        )
    for machine in machines:
        an_instance(**fields, node=machine, launched_at=now - timedelta(hours=5), running_at=now)


def _definitions(now: datetime, owners: list[User]) -> list[JobDefinition]:
    return [
        a_definition(
            name=f"{WORDS[number % 10]}-{number // 10:02}",
            revision=revision,
            created_by=owners[number % USERS],
            created_at=now - timedelta(days=366 - revision),
            milli_vcpus=(250, 500, 1000, 2000, 4000)[number % 5],
            memory_mib=(512, 1024, 2048, 4096, 8192)[number % 5],
            command=["run", "--input", f"s3://data/{number}"],
        )
        for number in range(DEFINITION_NAMES)
        for revision in range(1, REVISIONS + 1)
    ]
