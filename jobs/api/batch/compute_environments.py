"""Compute environments."""

from ..calls import Operation

OPERATIONS: dict[str, Operation] = {}
