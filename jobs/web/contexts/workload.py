"""What a definition or a job runs, in words: nodes, on each its containers, of each what was asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from jobs.domain.plans import ContainerPlan, JobPlan, NodePlan, plan_of
from jobs.domain.registries import prefixes_of, repository_of
from jobs.domain.resources import Resources, format_memory
from jobs.models import Job, JobDefinition
from jobs.selectors.access.registry_logins import login_for, may_change, may_see, offered_logins
from jobs.selectors.plans import plan_of_job, work_of_definition

CONDITIONS = {"START": "has started", "COMPLETE": "has ended", "SUCCESS": "has succeeded"}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was asked for, in one line or several."""

    label: str
    lines: list[str]


@dataclass(frozen=True, slots=True)
class LoginView:
    """The stored login that an image is pulled with; `url` is empty for who may not open its page."""

    prefix: str
    url: str


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container as pages show it. `waits` says which others it waits for."""

    name: str
    image: str
    command: list[str]
    environment: list[dict[str, str]]
    needs: str
    essential: bool
    waits: list[str]
    facts: list[Fact]
    login: LoginView | None = None


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes that run the same; `title` is empty where there is one node only."""

    title: str
    containers: list[ContainerView]


def of_definition(definition: JobDefinition) -> list[NodeGroup]:
    """What the definition's jobs run."""
    return groups_of(plan_of(work_of_definition(definition)))


def of_job(job: Job, user: User) -> list[NodeGroup]:
    """What the job runs, and with which login an image is pulled now. At most one query, for those logins.

    A login that this user does not see is not told of.
    """
    plan = plan_of_job(job)
    return groups_of(plan, _logins_of(job, plan, user))


def _logins_of(job: Job, plan: JobPlan, user: User) -> dict[str, LoginView]:
    """By image. Containers that name a secret tell it among their facts."""
    images = {
        each.image
        for node in plan.nodes
        for each in node.containers
        if not each.properties.get("repositoryCredentials")
    }
    if not images:
        return {}
    repositories = {image: repository_of(image) for image in images}
    offered = offered_logins(
        prefixes={each for one in repositories.values() for each in prefixes_of(one)},
        owner_ids=[job.owner_id],
    )
    found: dict[str, LoginView] = {}
    for image, repository in repositories.items():
        login = login_for(repository=repository, owner_id=job.owner_id, offered=offered)
        if login and may_see(user, login):
            url = reverse("registry", args=[login.pk]) if may_change(user, login) else ""
            found[image] = LoginView(login.prefix, url)
    return found


def groups_of(
    plan: JobPlan, logins: Mapping[str, LoginView] = MappingProxyType({})
) -> list[NodeGroup]:
    """Nodes in a row that run the same are told together. `logins` are by image."""
    # Nodes of one range share their tuple of containers.
    runs = [list(nodes) for _, nodes in groupby(plan.nodes, key=lambda node: id(node.containers))]
    single = len(plan.nodes) == 1
    return [
        NodeGroup(
            title="" if single else _title(nodes, plan.main_node),
            containers=[_container(each, logins) for each in nodes[0].containers],
        )
        for nodes in runs
    ]


def _title(nodes: Sequence[NodePlan], main_node: int) -> str:
    first, last = nodes[0].index, nodes[-1].index
    title = f"Node {first}" if first == last else f"Nodes {first} to {last}"
    if first <= main_node <= last:
        return title + (" (main)" if first == last else f" (main: {main_node})")
    return title


def _container(plan: ContainerPlan, logins: Mapping[str, LoginView]) -> ContainerView:
    needs = Resources(plan.milli_vcpus, plan.memory_mib, plan.gpus)
    return ContainerView(
        name=plan.name,
        image=plan.image,
        command=list(plan.command),
        environment=[{"name": name, "value": value} for name, value in plan.environment],
        needs=str(needs).replace(", ", " · "),
        essential=plan.essential,
        waits=[f"until {name} {CONDITIONS[condition]}" for name, condition in plan.depends_on],
        facts=_facts(plan),
        login=None if plan.properties.get("repositoryCredentials") else logins.get(plan.image),
    )


def _facts(plan: ContainerPlan) -> list[Fact]:
    properties, linux = plan.properties, plan.properties.get("linuxParameters", {})
    volumes = {volume["name"]: volume for volume in plan.volumes}
    told: list[tuple[str, Sequence[str]]] = [
        ("Role", _one(plan.role_arn)),
        ("User", _one(properties.get("user"))),
        ("Privileged", _yes(properties.get("privileged"))),
        ("Root file system", ["Read-only"] if properties.get("readonlyRootFilesystem") else []),
        ("Init process", _yes(linux.get("initProcessEnabled"))),
        ("Shared memory", _mib(linux.get("sharedMemorySize"))),
        ("Swap", _mib(linux.get("maxSwap"))),
        ("Swappiness", _one(linux.get("swappiness"))),
        ("tmpfs", _each(linux.get("tmpfs"), _tmpfs)),
        ("Devices", _each(linux.get("devices"), _device)),
        ("Limits", _each(properties.get("ulimits"), _ulimit)),
        (
            "Mounts",
            _each(properties.get("mountPoints"), lambda mount: _mount(mount, volumes)),
        ),
        ("Secrets", _each(properties.get("secrets"), _secret)),
        ("Registry login", _registry_login(properties.get("repositoryCredentials"))),
        ("Log", _log(properties.get("logConfiguration", {}))),
    ]
    return [Fact(label=label, lines=list(lines)) for label, lines in told if lines]


def _one(value: object) -> list[str]:
    return [] if value in (None, "") else [str(value)]


def _yes(value: object) -> list[str]:
    return ["Yes"] if value else []


def _mib(value: int | None) -> list[str]:
    return [] if value is None else [format_memory(value)]


def _each(
    values: Sequence[Mapping[str, Any]] | None, write: Callable[[Mapping[str, Any]], str]
) -> list[str]:
    return [write(value) for value in values or ()]


def _tmpfs(value: Mapping[str, Any]) -> str:
    options = ", ".join(value.get("mountOptions", ()))
    return f"{value['containerPath']}: {format_memory(value['size'])}" + (
        f" ({options})" if options else ""
    )


def _device(value: Mapping[str, Any]) -> str:
    inside = value.get("containerPath", value["hostPath"])
    text = value["hostPath"] if inside == value["hostPath"] else f"{value['hostPath']} as {inside}"
    permissions = ", ".join(each.lower() for each in value.get("permissions", ()))
    return f"{text} ({permissions})" if permissions else str(text)


def _ulimit(value: Mapping[str, Any]) -> str:
    return f"{value['name']}: {value['softLimit']}, at most {value['hardLimit']}"


def _mount(value: Mapping[str, Any], volumes: Mapping[str, Mapping[str, Any]]) -> str:
    name = value.get("sourceVolume", "")
    host_path = volumes.get(name, {}).get("host", {}).get("sourcePath")
    source = f"{host_path} of the host" if host_path else f"the volume {name}"
    return f"{value.get('containerPath', '')}: {source}" + (
        " (read-only)" if value.get("readOnly") else ""
    )


def _secret(value: Mapping[str, Any]) -> str:
    return f"{value['name']} from {value['valueFrom']}"


def _registry_login(value: Mapping[str, Any] | None) -> list[str]:
    return [f"the secret {value['credentialsParameter']}"] if value else []


def _log(value: Mapping[str, Any]) -> list[str]:
    if not value:
        return []
    options = [f"{name}={text}" for name, text in value.get("options", {}).items()]
    return [value["logDriver"], *options]
