"""Scheduling policies."""

from ..calls import Operation

OPERATIONS: dict[str, Operation] = {}
