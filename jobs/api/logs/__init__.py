"""CloudWatch Logs, as much of it as clients of Batch use: reading what jobs print, and log groups."""

from collections.abc import Mapping
from types import MappingProxyType

from ..calls import Operation
from . import events, groups, live_tail, streams

MODULES = (events, groups, live_tail, streams)


def operations() -> Mapping[str, Operation]:
    """Every operation by its name."""
    return MappingProxyType(
        {name: each for module in MODULES for name, each in module.OPERATIONS.items()}
    )
