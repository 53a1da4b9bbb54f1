"""What clients of Batch ask of EC2: the machines whose instance ids are handed out."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.models import Node, NodeState
from jobs.selectors.tasks import list_nodes

from .calls import Caller, Operation, Request
from .errors import ApiError
from .paging import key_in, token_of

INSTANCE_ID = re.compile(r"i-[0-9a-f]{17}|i-[0-9a-f]{8}")
MAX_RESULTS = 1000
LEAST_RESULTS = 5
# EC2's numbers of states.
STATES = {NodeState.READY: (16, "running"), NodeState.DOWN: (80, "stopped")}
ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "amd64": "x86_64"}
FILTERS = ("instance-id", "instance-state-name")


def describe_instances(caller: Caller, request: Request, now: datetime) -> dict[str, Any]:
    """Nodes as instances, each in a reservation of its own."""
    if request.get("DryRun"):
        raise ApiError(
            "DryRunOperation",
            "Request would have succeeded, but DryRun flag is set.",
            status=412,
        )
    ids = request.get("InstanceIds") or None
    chosen, states = _filters(request)
    size = _page_size(request, ids)
    nodes = list_nodes(
        instance_ids=ids if chosen is None else _both(ids, chosen),
        states=states,
        after=_after(request),
        limit=size + 1,
    )
    if ids is not None and chosen is None and states is None:
        _refuse_missing(ids, nodes)
    shown = nodes[:size]
    more = len(nodes) > size
    return {
        "Reservations": [_reservation(caller, node) for node in shown],
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
    """The instance ids and the states of nodes that filters leave; None: all."""
    ids: list[str] | None = None
    states: list[str] | None = None
    for each in request.get("Filters", ()):
        name, values = each.get("Name"), each.get("Values", [])
        if name == "instance-id":
            ids = _both(ids, values)
        elif name == "instance-state-name":
            left = [state.value for state, (_, word) in STATES.items() if word in values]
            states = _both(states, left)
        else:
            raise ApiError(
                "InvalidParameterValue",
                f"The filter '{str(name)[:80]}' is invalid: there are {' and '.join(FILTERS)} here.",
            )
    return ids, states


def _both(some: list[str] | None, others: list[str]) -> list[str]:
    return list(others) if some is None else [each for each in some if each in others]


def _refuse_missing(ids: list[str], nodes: list[Node]) -> None:
    missing = sorted(set(ids) - {node.instance_id for node in nodes})
    if missing:
        which = f"ID '{missing[0]}' does" if len(missing) == 1 else f"IDs '{', '.join(missing)}' do"
        raise ApiError("InvalidInstanceID.NotFound", f"The instance {which} not exist")


def _reservation(caller: Caller, node: Node) -> dict[str, Any]:
    code, word = STATES[NodeState(node.state)]
    return {
        "ReservationId": "r-" + node.instance_id.removeprefix("i-"),
        "OwnerId": caller.arns.account,
        "Instances": [
            {
                "InstanceId": node.instance_id,
                "State": {"Code": code, "Name": word},
                "Architecture": ARCHITECTURES.get(node.architecture),
                # There is one zone: the installation.
                "Placement": {
                    "AvailabilityZone": f"{caller.arns.region}a",
                    "Tenancy": "default",
                },
                "CpuOptions": {
                    "CoreCount": max(node.milli_vcpus // 1000, 1),
                    "ThreadsPerCore": 1,
                },
                "Tags": [{"Key": "Name", "Value": node.name}],
            }
        ],
    }


def operations() -> Mapping[str, Operation]:
    """Every operation by its name."""
    return {
        "DescribeInstances": Operation(
            describe_instances,
            "Instances are the machines of Batchweb's engines: without a type, an image or addresses, in the "
            "zone `<region>a`. Filters: `instance-id`, `instance-state-name`.",
        )
    }
