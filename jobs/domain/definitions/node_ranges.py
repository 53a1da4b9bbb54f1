"""Ranges of nodes, as multi-node parallel jobs name them: "0:3", "4:", ":2", ":", "5".

Source: AWS Batch API, `NodeRangeProperty.targetNodes`: a start left out is 0, an end left out the last
node; ranges may be nested, and then the inner one counts; together they cover every node.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.domain.validation import FieldError

PATTERN = re.compile(r"([0-9]{0,9}):([0-9]{0,9})|([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class NodeRange:
    """Nodes `start` to `end`, both included. No `end`: to the last node, however many there are."""

    start: int
    end: int | None

    def last(self, num_nodes: int) -> int:
        """The last index in it of a job of so many nodes."""
        return num_nodes - 1 if self.end is None else min(self.end, num_nodes - 1)

    def holds(self, index: int, num_nodes: int) -> bool:
        return self.start <= index <= self.last(num_nodes)

    def width(self, num_nodes: int) -> tuple[int, float]:
        """How many nodes it holds; of as many, a closed range is narrower than an open one."""
        return self.last(num_nodes) - self.start, math.inf if self.end is None else self.end

    def __str__(self) -> str:
        return f"{self.start}:{'' if self.end is None else self.end}"


def node_range(text: object) -> NodeRange:
    """The range that a text names. Raises FieldError."""
    found = PATTERN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise FieldError('A range of nodes is such as "0:3", "4:" or ":".')
    if found[3] is not None:
        return NodeRange(int(found[3]), int(found[3]))
    given = NodeRange(int(found[1] or 0), int(found[2]) if found[2] else None)
    if given.end is not None and given.end < given.start:
        raise FieldError("The range ends before it starts.")
    return given


def pick_ranges(ranges: Sequence[NodeRange], num_nodes: int) -> list[int]:
    """For each node the position of the range that counts for it: the innermost that holds it.

    Raises FieldError if some node is in none, or two ranges cross or are the same.
    """
    for at, one in enumerate(ranges):
        for other in ranges[:at]:
            _check_nested(other, one, num_nodes)
    picked = []
    for index in range(num_nodes):
        holding = [at for at, each in enumerate(ranges) if each.holds(index, num_nodes)]
        if not holding:
            raise FieldError(
                f"Node {index} is in no node range. Together they cover all nodes, 0 to {num_nodes - 1}."
            )
        picked.append(min(holding, key=lambda at: ranges[at].width(num_nodes)))
    return picked


def _check_nested(one: NodeRange, other: NodeRange, num_nodes: int) -> None:
    first, second = sorted((one, other), key=lambda each: (each.start, -each.last(num_nodes)))
    apart = second.start > first.last(num_nodes)
    within = second.last(num_nodes) <= first.last(num_nodes)
    if one == other or not (apart or within):
        raise FieldError(
            f"The node ranges {one} and {other} overlap. One may lie within the other, or they are apart."
        )
