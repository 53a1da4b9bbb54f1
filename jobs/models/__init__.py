"""What is stored. Only `jobs.services` writes it."""

from .access import AccessToken
from .array import ArraySummary
from .attempt import DEFAULT_CONTAINER, Attempt, UsageSample
from .bulk import BulkAction, BulkKind
from .consumable import ConsumableHold, ConsumableResource, ConsumableType
from .definition import DefinitionStatus, DefinitionType, JobDefinition
from .dependency import DependencyType, JobDependency
from .engine import Engine, EngineKind, EngineStatus, ImagePull, ImagePullStatus, Node, NodeState
from .environment import (
    ComputeEnvironment,
    EnvironmentState,
    EnvironmentStatus,
    EnvironmentType,
    default_usd_per_gib_hour,
    default_usd_per_vcpu_hour,
)
from .history import Transition, WaitReason
from .job import Job, JobStatus, StopKind
from .lease import SchedulerLease
from .logs import LogChunk, LogStream
from .policy import SchedulingPolicy, ShareUsage
from .queue import JobQueue, JobQueueEnvironment, QueueState
from .secret import Secret
from .spec import JobSpec

__all__ = [
    "DEFAULT_CONTAINER",
    "AccessToken",
    "ArraySummary",
    "Attempt",
    "BulkAction",
    "BulkKind",
    "ComputeEnvironment",
    "ConsumableHold",
    "ConsumableResource",
    "ConsumableType",
    "DefinitionStatus",
    "DefinitionType",
    "DependencyType",
    "Engine",
    "EngineKind",
    "EngineStatus",
    "EnvironmentState",
    "EnvironmentStatus",
    "EnvironmentType",
    "ImagePull",
    "ImagePullStatus",
    "Job",
    "JobDefinition",
    "JobDependency",
    "JobQueue",
    "JobQueueEnvironment",
    "JobSpec",
    "JobStatus",
    "LogChunk",
    "LogStream",
    "Node",
    "NodeState",
    "QueueState",
    "SchedulerLease",
    "SchedulingPolicy",
    "Secret",
    "ShareUsage",
    "StopKind",
    "Transition",
    "UsageSample",
    "WaitReason",
    "default_usd_per_gib_hour",
    "default_usd_per_vcpu_hour",
]
