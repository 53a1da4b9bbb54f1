"""What clients of Batch ask of EC2: the machines and instances whose ids are handed out."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from jobs.domain.environments.instance_choice import ARCHITECTURES, architecture_of
from jobs.models import Instance, InstanceState, Node, NodeState
from jobs.selectors.tasks import list_hosts

from .calls import Caller, Operation, Request
from .errors import ApiError
from .paging import key_in, token_of

INSTANCE_ID = re.compile(r"i-[0-9a-f]{17}|i-[0-9a-f]{8}")
MAX_RESULTS = 1000
LEAST_RESULTS = 5
# EC2's numbers and names of states.
NODE_STATES = {NodeState.READY: (16, "running"), NodeState.DOWN: (80, "stopped")}
INSTANCE_STATES = {
    InstanceState.LAUNCHING: (0, "pending"),
    InstanceState.RUNNING: (16, "running"),
    InstanceState.DRAINING: (16, "running"),
    InstanceState.ENDED: (48, "terminated"),
}
# For so long EC2 lists instances that have ended, too.
SEEN_AFTER_END = timedelta(hours=1)
FILTERS = ("instance-id", "instance-state-name")


def describe_instances(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Nodes, and the instances on them, each in a reservation of its own."""
    if request.get("DryRun"):
        raise ApiError(
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
            status=412,
        )
    ids = request.get("InstanceIds") or None
    chosen, states = _filters(request)
    size = _page_size(request, ids)
    hosts = list_hosts(
        instance_ids=ids if chosen is None else _both(ids, chosen),
        node_states=_states(NODE_STATES, states),
        instance_states=_states(INSTANCE_STATES, states),
        ended_since=now - SEEN_AFTER_END,
        after=_after(request),
        limit=size + 1,
    )
    if ids is not None and chosen is None and states is None:
        _refuse_missing(ids, hosts)
    shown = hosts[:size]
    more = len(hosts) > size
    return {
        "Reservations": [_reservation(caller, host) for host in shown],
        "NextToken": token_of("DescribeInstances", shown[-1].instance_id) if more else None,
    }


def _page_size(request: Request, ids: list[str] | None) -> int:
    size = request.get("MaxResults")
    if ids is not None:
        if size is not None:
            raise ApiError(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        for text in ids:
            if not INSTANCE_ID.fullmatch(text):
                raise ApiError("InvalidInstanceID.Malformed", f'Invalid id: "{text[:80]}"')
        return len(ids)
    if size is None:
        return MAX_RESULTS
    if not LEAST_RESULTS <= size <= MAX_RESULTS:
        raise ApiError(
            "InvalidParameterValue",
            f"MaxResults: Give a number from {LEAST_RESULTS} to {MAX_RESULTS}, not {size}.",
        )
    return int(size)


def _after(request: Request) -> str:
    token = request.get("NextToken")
    if not token:
        return ""
    try:
        return str(key_in("DescribeInstances", token))
    except ApiError as error:
        raise ApiError("InvalidNextToken", error.message) from None


def _filters(request: Request) -> tuple[list[str] | None, list[str] | None]:
    """The instance ids and the states by EC2's names that filters leave; None: all."""
    ids: list[str] | None = None
    states: list[str] | None = None
    for each in request.get("Filters", ()):
        name, values = each.get("Name"), each.get("Values", [])
        if name == "instance-id":
            ids = _both(ids, values)
        elif name == "instance-state-name":
            states = _both(states, values)
        else:
            raise ApiError(
                "InvalidParameterValue",
                f"The filter '{str(name)[:80]}' is invalid: there are {' and '.join(FILTERS)} here.",
            )
    return ids, states


def _states(
    names: Mapping[Any, tuple[int, str]], wanted: Collection[str] | None
) -> list[str] | None:
    """Our states by those of EC2."""
    if wanted is None:
        return None
    return [str(state) for state, (_, name) in names.items() if name in wanted]


def _both(some: list[str] | None, others: list[str]) -> list[str]:
    return list(others) if some is None else [each for each in some if each in others]


def _refuse_missing(ids: list[str], hosts: Sequence[Node | Instance]) -> None:
    missing = sorted(set(ids) - {host.instance_id for host in hosts})
    if missing:
        which = f"ID '{missing[0]}' does" if len(missing) == 1 else f"IDs '{', '.join(missing)}' do"
        raise ApiError("InvalidInstanceID.NotFound", f"The instance {which} not exist")


def _reservation(caller: Caller, host: Node | Instance) -> dict[str, Any]:
    of_its_kind = _of_instance(host) if isinstance(host, Instance) else _of_node(host)
    return {
        "ReservationId": "r-" + host.instance_id.removeprefix("i-"),
        "OwnerId": caller.arns.account,
        "Instances": [
            {
                "InstanceId": host.instance_id,
                # There is one zone: the installation.
                "Placement": {
                    "AvailabilityZone": f"{caller.arns.region}a",
                    "Tenancy": "default",
                },
                "CpuOptions": {
                    "CoreCount": max(host.milli_vcpus // 1000, 1),
                    "ThreadsPerCore": 1,
                },
                **of_its_kind,
            }
        ],
    }


def _of_node(node: Node) -> dict[str, Any]:
    return {
        "State": _state(*NODE_STATES[NodeState(node.state)]),
        "Architecture": _architecture(node),
        "Tags": _tags(Name=node.name),
    }


def _of_instance(instance: Instance) -> dict[str, Any]:
    tags = instance.environment.compute_resources.get("tags", {})
    own = {"Name": instance.type_name, "aws:batch:compute-environment": instance.environment.name}
    return {
        "State": _state(*INSTANCE_STATES[InstanceState(instance.state)]),
        "InstanceType": instance.type_name,
        "InstanceLifecycle": "spot" if instance.is_spot else None,
        "LaunchTime": instance.launched_at,
        "StateTransitionReason": instance.end_reason or None,
        "Architecture": _architecture(instance.node),
        "Tags": _tags(**{**own, **tags}),
    }


def _state(code: int, name: str) -> dict[str, Any]:
    return {"Code": code, "Name": name}


def _architecture(node: Node) -> str | None:
    architecture = architecture_of(node.architecture)
    return architecture if architecture in ARCHITECTURES.values() else None


def _tags(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def operations() -> Mapping[str, Operation]:
    """Every operation by its name."""
    return {
        "DescribeInstances": Operation(
            describe_instances,
            "Instances are those of managed environments, for an hour after their end too, and the machines of "
            "Batchweb's engines, which have no type: without images and addresses, in the zone `<region>a`. Filters: "
            "`instance-id`, `instance-state-name`.",
        )
    }
