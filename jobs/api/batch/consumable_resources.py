"""Consumable resources."""

from ..calls import Operation

OPERATIONS: dict[str, Operation] = {}
