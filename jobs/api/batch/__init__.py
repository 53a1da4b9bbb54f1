"""AWS Batch: a module for each kind of resource, with its operations."""

from collections.abc import Mapping
from types import MappingProxyType

from ..calls import Operation
from .jobs import describe, lists, snapshots, stops, submit
from .sagemaker import quota_shares, service_environments, service_jobs
from .setup import (
    compute_environments,
    consumable_resources,
    job_definitions,
    job_queues,
    scheduling_policies,
    tags,
)

MODULES = (
    describe,
    lists,
    stops,
    compute_environments,
    consumable_resources,
    job_definitions,
    job_queues,
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
