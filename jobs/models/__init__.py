"""What is stored. Only `jobs.services` writes it."""

from .access import AccessToken
from .definition import DefinitionStatus, JobDefinition
from .engine import Engine, EngineKind, EngineStatus, ImagePull, ImagePullStatus, Node, NodeState
from .environment import (
    ComputeEnvironment,
    EnvironmentState,
    EnvironmentStatus,
    EnvironmentType,
    default_usd_per_gib_hour,
    default_usd_per_vcpu_hour,
)
from .job import Attempt, Job, JobStatus, Transition, UsageSample, WaitReason
from .lease import SchedulerLease
from .logs import LogChunk, LogStream
from .queue import JobQueue, JobQueueEnvironment, QueueState

__all__ = [
    "AccessToken",
    "Attempt",
    "ComputeEnvironment",
    "DefinitionStatus",
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
    "JobQueue",
    "JobQueueEnvironment",
    "JobStatus",
    "LogChunk",
    "LogStream",
    "Node",
    "NodeState",
    "QueueState",
    "SchedulerLease",
    "Transition",
    "UsageSample",
    "WaitReason",
    "default_usd_per_gib_hour",
    "default_usd_per_vcpu_hour",
]
