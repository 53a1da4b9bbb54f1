"""Job queues."""

from ..calls import Operation

OPERATIONS: dict[str, Operation] = {}
