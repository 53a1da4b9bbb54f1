"""Job queues and the environments that each tries, in order."""

from django.db import models
from django.db.models import Q

from .environment import ComputeEnvironment


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
