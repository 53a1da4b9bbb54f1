"""Job definitions."""

from ..calls import Operation

OPERATIONS: dict[str, Operation] = {}
