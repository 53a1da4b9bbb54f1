"""Job queues and the environments that each tries, in order."""

from django.db import models
from django.db.models import Q

from .environment import ComputeEnvironment
from .policy import SchedulingPolicy


class QueueState(models.TextChoices):
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class JobQueue(models.Model):
    """A queue. Of queues that share an environment, the one with the higher priority goes first."""

    name = models.CharField(max_length=128, unique=True)
    priority = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=16, choices=QueueState, default=QueueState.ENABLED)
    environments = models.ManyToManyField(
        ComputeEnvironment, through="JobQueueEnvironment", related_name="queues"
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

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=QueueState.values), name="queue_state_is_known"
            ),
        ]

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
