"""Consumable resources: licences, tokens, quotas that jobs need beside machines."""

from django.db import models
from django.db.models import F, Q

from .job import Job


class ConsumableType(models.TextChoices):
    """Given back at a try's end, or used up."""

    REPLENISHABLE = "REPLENISHABLE"
    NON_REPLENISHABLE = "NON_REPLENISHABLE"


class ConsumableResource(models.Model):
    """A counted resource, as AWS Batch's `CreateConsumableResource`.

    `in_use_quantity` moves in the transactions that place a job and end its try. Of a NON_REPLENISHABLE one
    nothing is in use: what a job takes leaves `total_quantity` for good.
    """

    name = models.CharField(max_length=128, unique=True)
    type = models.CharField(
        max_length=32, choices=ConsumableType, default=ConsumableType.REPLENISHABLE
    )
    total_quantity = models.PositiveBigIntegerField(default=0)
    in_use_quantity = models.PositiveBigIntegerField(default=0)
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(type__in=ConsumableType.values), name="consumable_type_is_known"
            ),
            models.CheckConstraint(
                condition=Q(type=ConsumableType.REPLENISHABLE) | Q(in_use_quantity=0),
                name="consumable_used_up_is_gone",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def available_quantity(self) -> int:
        """What a job could take now. Never negative, though the total may have been lowered meanwhile."""
        return max(self.total_quantity - self.in_use_quantity, 0)


class ConsumableChange(models.Model):
    """A change of a total that was asked for with a `clientToken`: asked for again, it is not made again.

    `digest` is that of the request, so that the same token with another one is another change.
    """

    resource = models.ForeignKey(
        ConsumableResource, on_delete=models.CASCADE, related_name="changes", db_index=False
    )
    client_token = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "client_token", "digest"], name="consumable_change_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id}: {self.client_token}"


class ConsumableHold(models.Model):
    """What one try of a job has taken of a resource, until `released_at`."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="consumable_holds")
    attempt_number = models.PositiveSmallIntegerField()
    resource = models.ForeignKey(
        ConsumableResource, on_delete=models.PROTECT, related_name="holds", db_index=False
    )
    quantity = models.PositiveBigIntegerField()
    taken_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["job", "attempt_number", "resource"], name="consumable_hold_unique"
            ),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True) | Q(released_at__gte=F("taken_at")),
                name="consumable_hold_in_order",
            ),
        ]
        indexes = [
            models.Index(
                fields=["resource"],
                condition=Q(released_at__isnull=True),
                name="consumable_hold_live",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} #{self.attempt_number}: {self.quantity} of {self.resource_id}"
