"""What clients of Batch ask of STS."""

from collections.abc import Mapping

from .calls import Operation


def operations() -> Mapping[str, Operation]:
    """Every operation by its name."""
    return {}
