"""Tags of whatever can have them."""

from ..calls import Operation

OPERATIONS: dict[str, Operation] = {}
