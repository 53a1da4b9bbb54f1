"""Service jobs."""

from ..calls import Operation

OPERATIONS: dict[str, Operation] = {}
