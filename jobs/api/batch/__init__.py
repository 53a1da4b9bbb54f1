"""AWS Batch: a module for each kind of resource, with its operations."""

from collections.abc import Mapping
from types import MappingProxyType

from ..calls import Operation
from . import (
    compute_environments,
    consumable_resources,
    job_definitions,
    job_lists,
    job_queues,
    job_stops,
    jobs,
    quota_shares,
    scheduling_policies,
    service_environments,
    service_jobs,
    snapshots,
    submit,
    tags,
)

MODULES = (
    compute_environments,
    consumable_resources,
    job_definitions,
    job_lists,
    job_queues,
    job_stops,
    jobs,
    quota_shares,
    scheduling_policies,
    service_environments,
    service_jobs,
    snapshots,
    submit,
    tags,
)


def operations() -> Mapping[str, Operation]:
    """Every operation by its name."""
    return MappingProxyType(
        {name: each for module in MODULES for name, each in module.OPERATIONS.items()}
    )
