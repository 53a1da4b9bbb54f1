"""Scheduling policies: fair share between the users of a queue."""

from django.db import models
from django.db.models import Q


class SchedulingPolicy(models.Model):
    """A fair-share policy, as AWS Batch's `FairsharePolicy`. A queue without one is first in, first out."""

    name = models.CharField(max_length=128, unique=True)
    share_decay_seconds = models.PositiveIntegerField(
        default=0, help_text="How long past use counts. 0: AWS's least, 600 seconds."
    )
    compute_reservation = models.PositiveSmallIntegerField(
        default=0, help_text="Percent of the maximum kept for shares that are not active."
    )
    share_distribution = models.JSONField(
        default=list,
        blank=True,
        help_text='[{"shareIdentifier": ..., "weightFactor": ...}, ...]; a lower factor means more.',
    )
    quota_share_policy = models.JSONField(
        default=dict, blank=True, help_text="Of a queue for service jobs, by AWS's member names."
    )
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "scheduling policies"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(share_decay_seconds__lte=604_800), name="policy_decay_of_a_week"
            ),
            models.CheckConstraint(
                condition=Q(compute_reservation__lte=99), name="policy_reservation_below_100"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ShareUsage(models.Model):
    """What a share of a queue has used: vCPU-milliseconds that fade with the policy's decay.

    `milli_vcpu_seconds` is the decayed sum as it stood at `as_of`; what runs now is not in it.
    """

    queue = models.ForeignKey(
        "JobQueue", on_delete=models.CASCADE, related_name="share_usages", db_index=False
    )
    share_identifier = models.CharField(max_length=255)
    milli_vcpu_seconds = models.FloatField(default=0)
    as_of = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["queue", "share_identifier"], name="share_usage_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.queue_id}/{self.share_identifier}"
