"""Job queues and the environments that each tries, in order."""

from django.db import models
from django.db.models import Q

from .deleted import NotDeletedManager
from .environment import ComputeEnvironment
from .policy import SchedulingPolicy
from .service import ServiceEnvironment


class QueueState(models.TextChoices):
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class QueueStatus(models.TextChoices):
    """AWS Batch's `JQStatus`. A DELETED one is kept for the jobs that it had, and seen by nobody else."""

    CREATING = "CREATING"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    DELETED = "DELETED"
    VALID = "VALID"
    INVALID = "INVALID"


class QueueType(models.TextChoices):
    """AWS Batch's `JobQueueType`, as far as there are such queues here."""

    ECS = "ECS"
    ECS_FARGATE = "ECS_FARGATE"
    SAGEMAKER_TRAINING = "SAGEMAKER_TRAINING"


class JobQueue(models.Model):
    """A queue. Of queues that share an environment, the one with the higher priority goes first.

    `objects` leaves out what is DELETED: its name is free again. Jobs still find it by their foreign keys.
    """

    name = models.CharField(max_length=128)
    type = models.CharField(max_length=32, choices=QueueType, default=QueueType.ECS)
    priority = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=16, choices=QueueState, default=QueueState.ENABLED)
    status = models.CharField(max_length=16, choices=QueueStatus, default=QueueStatus.VALID)
    status_reason = models.TextField(blank=True)
    environments = models.ManyToManyField(
        ComputeEnvironment, through="JobQueueEnvironment", related_name="queues"
    )
    service_environments = models.ManyToManyField(
        ServiceEnvironment, through="JobQueueServiceEnvironment", related_name="queues"
    )
    scheduling_policy = models.ForeignKey(
        SchedulingPolicy,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="queues",
        help_text="Fair share by this policy. Empty: first in, first out.",
    )
    backfill = models.BooleanField(
        default=True,
        help_text="Whether smaller jobs may pass one that waits for room, if that does not delay it.",
    )
    time_limit_actions = models.JSONField(
        default=list,
        blank=True,
        help_text='[{"reason": ..., "state": "RUNNABLE", "maxTimeSeconds": ..., "action": ...}, ...]',
    )
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    objects = NotDeletedManager["JobQueue"]()
    with_deleted = models.Manager["JobQueue"]()

    class Meta:
        base_manager_name = "with_deleted"
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=~Q(status="DELETED"), name="queue_name_unique"
            ),
            models.CheckConstraint(
                condition=Q(state__in=QueueState.values), name="queue_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=QueueStatus.values), name="queue_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(type__in=QueueType.values), name="queue_type_is_known"
            ),
        ]
        # Few are on their way somewhere, and many may have been deleted.
        indexes = [models.Index(fields=["status"], name="queue_status")]

    def __str__(self) -> str:
        return self.name


class JobQueueEnvironment(models.Model):
    """One place in a queue's `computeEnvironmentOrder`: lower `order` is tried first."""

    queue = models.ForeignKey(
        JobQueue, on_delete=models.CASCADE, related_name="environment_order", db_index=False
    )
    environment = models.ForeignKey(
        ComputeEnvironment, on_delete=models.PROTECT, related_name="queue_places"
    )
    order = models.PositiveIntegerField()

    class Meta:
        ordering = ["order"]
        constraints = [
            models.UniqueConstraint(fields=["queue", "order"], name="queue_order_unique"),
            models.UniqueConstraint(
                fields=["queue", "environment"], name="queue_environment_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order}: {self.environment_id}"


class JobQueueServiceEnvironment(models.Model):
    """One place in a queue's `serviceEnvironmentOrder`."""

    queue = models.ForeignKey(
        JobQueue, on_delete=models.CASCADE, related_name="service_order", db_index=False
    )
    environment = models.ForeignKey(
        ServiceEnvironment, on_delete=models.PROTECT, related_name="queue_places"
    )
    order = models.PositiveIntegerField()

    class Meta:
        ordering = ["order"]
        constraints = [
            models.UniqueConstraint(fields=["queue", "order"], name="service_order_unique"),
            models.UniqueConstraint(
                fields=["queue", "environment"], name="service_queue_environment_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order}: {self.environment_id}"


class QuotaShare(models.Model):
    """A share of the capacity of a queue for service jobs, as AWS Batch's `CreateQuotaShare`.

    Service jobs do not run here, so it is kept and described, and never used.
    """

    name = models.CharField(max_length=128)
    queue = models.ForeignKey(JobQueue, on_delete=models.CASCADE, related_name="quota_shares")
    state = models.CharField(max_length=16, choices=QueueState, default=QueueState.ENABLED)
    capacity_limits = models.JSONField(default=list)
    resource_sharing = models.JSONField(default=dict)
    preemption = models.JSONField(default=dict)
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["queue", "name"], name="quota_share_name_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.queue_id}/{self.name}"


class QueueBlock(models.Model):
    """That the job at a queue's head could not start, and why: AWS's event "Batch Job Queue Blocked"."""

    queue = models.ForeignKey(
        JobQueue, on_delete=models.CASCADE, related_name="blocks", db_index=False
    )
    job = models.ForeignKey("Job", on_delete=models.CASCADE, related_name="+")
    reason = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["queue", "-id"], name="queue_block_newest")]

    def __str__(self) -> str:
        return f"{self.queue_id}: {self.reason}"
