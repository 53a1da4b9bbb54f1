"""`nodeProperties`: a multi-node parallel job.

Source: AWS Batch API, `NodeProperties` and `NodeRangeProperty`; the limit of node ranges is from the AWS Batch
User Guide, "Multi-node parallel jobs".
"""

from collections.abc import Mapping
from typing import Any

from jobs.domain.consumables import consumable_properties
from jobs.domain.members import a_list, a_number, a_text, an_object
from jobs.domain.validation import FieldError, read_json

from .container_properties import container_properties
from .ecs_properties import ecs_properties
from .node_ranges import node_range, pick_ranges

# Ours: all nodes are placed together, so more would rather be a slip.
MAX_NODES = 1000
MAX_RANGES = 5


def target_nodes(value: object) -> str:
    """A range of nodes, as it was written. Raises FieldError."""
    node_range(value)
    return str(value).strip()


_group = an_object(
    {
        "targetNodes": target_nodes,
        "container": container_properties,
        "ecsProperties": ecs_properties,
        "instanceTypes": a_list(a_text, at_most=1),
        "consumableResourceProperties": consumable_properties,
    },
    required=("targetNodes",),
    refused={"eksProperties": "Use container or ecsProperties instead."},
)
_node_properties = an_object(
    {
        "numNodes": a_number(1, MAX_NODES, "nodes"),
        "mainNode": a_number(0, MAX_NODES - 1, ""),
        "nodeRangeProperties": a_list(_group, at_most=MAX_RANGES),
    },
    required=("numNodes", "mainNode", "nodeRangeProperties"),
)


def node_properties(value: object) -> dict[str, Any]:
    """Canonical `nodeProperties`, from an object or JSON text; {} for an empty one. Raises FieldError.

    The main node is one of the nodes, the ranges together cover all of them, and each says what
    its nodes run.
    """
    given = read_json(value)
    if given in (None, {}):
        return {}
    clean: dict[str, Any] = _node_properties(given)
    for index, group in enumerate(clean["nodeRangeProperties"]):
        _check_group(group, f"nodeRangeProperties[{index}]", clean["numNodes"])
    check_nodes(clean)
    return clean


def check_nodes(properties: Mapping[str, Any]) -> None:
    """Raises FieldError if the main node or some node is in no range, or ranges cross."""
    num_nodes = properties["numNodes"]
    if properties["mainNode"] >= num_nodes:
        raise FieldError(
            problems=[("mainNode", f"With {num_nodes} nodes this is at most {num_nodes - 1}.")]
        )
    groups = properties["nodeRangeProperties"]
    try:
        pick_ranges([node_range(group["targetNodes"]) for group in groups], num_nodes)
    except FieldError as error:
        raise FieldError(problems=error.at("nodeRangeProperties")) from None


def _check_group(group: Mapping[str, Any], where: str, num_nodes: int) -> None:
    given = node_range(group["targetNodes"])
    if max(given.start, given.end or 0) >= num_nodes:
        raise FieldError(
            problems=[
                (f"{where}.targetNodes", f"With {num_nodes} nodes the last is {num_nodes - 1}.")
            ]
        )
    if ("container" in group) == ("ecsProperties" in group):
        raise FieldError(problems=[(where, "Give either container or ecsProperties.")])
