"""What is stored. Only `jobs.services` writes it."""

from jobs.domain.names import DEFAULT_LOG_GROUP

from .access import AccessKey, AccessToken, JobCredentials
from .access_policy import AccessPolicy
from .array import ArraySummary
from .attempt import DEFAULT_CONTAINER, Attempt, Capacity, UsageSample
from .audit import REFUSED_STATUS, AuditDoor, AuditEntry
from .bulk import BulkAction, BulkKind, BulkOutcome, BulkResult
from .checkpoint import Checkpoint
from .consumable import ConsumableChange, ConsumableHold, ConsumableResource, ConsumableType
from .cost import (
    Budget,
    BudgetAction,
    BudgetScope,
    CostHour,
    CostMark,
    CostMinute,
    CostTagHour,
    CostTagMinute,
    StaleCostHour,
    StaleCostMinute,
)
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
from .event_rule import DeliveryState, EventDelivery, EventKind, EventRule, TargetKind
from .history import NodeTransition, Transition, WaitReason
from .instance import (
    Architecture,
    Instance,
    InstanceEndCause,
    InstanceState,
    InstanceType,
    SpotPressure,
)
from .job import Job, JobStatus, StopKind
from .lease import SchedulerLease
from .logs import LogChunk, LogGroup, LogStream
from .metric import (
    Alarm,
    AlarmChange,
    AlarmComparison,
    AlarmMetric,
    AlarmState,
    EnvironmentMetric,
    FollowMark,
    MetricSpan,
    QueueMetric,
)
from .policy import SchedulingPolicy, ShareUsage
from .queue import (
    JobQueue,
    JobQueueEnvironment,
    JobQueueServiceEnvironment,
    QueueBlock,
    QueueState,
    QueueStatus,
    QueueType,
    QuotaShare,
)
from .registry import RegistryLogin
from .right_sizing import RightSizing
from .search import DocumentBlock, JobDocument, SavedView
from .secret import Secret
from .sent_form import SentForm
from .service import ServiceEnvironment, ServiceEnvironmentState
from .spec import JobSpec

__all__ = [
    "DEFAULT_CONTAINER",
    "DEFAULT_LOG_GROUP",
    "REFUSED_STATUS",
    "AccessKey",
    "AccessPolicy",
    "AccessToken",
    "Alarm",
    "AlarmChange",
    "AlarmComparison",
    "AlarmMetric",
    "AlarmState",
    "Architecture",
    "ArraySummary",
    "Attempt",
    "AuditDoor",
    "AuditEntry",
    "Budget",
    "BudgetAction",
    "BudgetScope",
    "BulkAction",
    "BulkKind",
    "BulkOutcome",
    "BulkResult",
    "Capacity",
    "Checkpoint",
    "ComputeEnvironment",
    "ConsumableChange",
    "ConsumableHold",
    "ConsumableResource",
    "ConsumableType",
    "CostHour",
    "CostMark",
    "CostMinute",
    "CostTagHour",
    "CostTagMinute",
    "DefinitionStatus",
    "DefinitionType",
    "DeliveryState",
    "DependencyType",
    "DocumentBlock",
    "Engine",
    "EngineKind",
    "EngineStatus",
    "EnvironmentMetric",
    "EnvironmentState",
    "EnvironmentStatus",
    "EnvironmentType",
    "EventDelivery",
    "EventKind",
    "EventRule",
    "FollowMark",
    "ImagePull",
    "ImagePullStatus",
    "Instance",
    "InstanceEndCause",
    "InstanceState",
    "InstanceType",
    "Job",
    "JobCredentials",
    "JobDefinition",
    "JobDependency",
    "JobDocument",
    "JobQueue",
    "JobQueueEnvironment",
    "JobQueueServiceEnvironment",
    "JobSpec",
    "JobStatus",
    "LogChunk",
    "LogGroup",
    "LogStream",
    "MetricSpan",
    "Node",
    "NodeState",
    "NodeTransition",
    "QueueBlock",
    "QueueMetric",
    "QueueState",
    "QueueStatus",
    "QueueType",
    "QuotaShare",
    "RegistryLogin",
    "RightSizing",
    "SavedView",
    "SchedulerLease",
    "SchedulingPolicy",
    "Secret",
    "SentForm",
    "ServiceEnvironment",
    "ServiceEnvironmentState",
    "ShareUsage",
    "SpotPressure",
    "StaleCostHour",
    "StaleCostMinute",
    "StopKind",
    "TargetKind",
    "Transition",
    "UsageSample",
    "WaitReason",
    "default_usd_per_gib_hour",
    "default_usd_per_vcpu_hour",
]
