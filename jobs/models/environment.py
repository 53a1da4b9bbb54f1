"""Compute environments: where a queue's jobs may run, and at what price."""

from decimal import Decimal
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from .deleted import NotDeletedManager
from .engine import Engine


class EnvironmentType(models.TextChoices):
    MANAGED = "MANAGED"
    UNMANAGED = "UNMANAGED"


class EnvironmentState(models.TextChoices):
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class EnvironmentStatus(models.TextChoices):
    """AWS Batch's `CEStatus`. A DELETED one is kept for the jobs that ran there, and seen by nobody else."""

    CREATING = "CREATING"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    DELETED = "DELETED"
    VALID = "VALID"
    INVALID = "INVALID"


def default_usd_per_vcpu_hour() -> Decimal:
    return Decimal(settings.BATCHWEB_DEFAULT_USD_PER_VCPU_HOUR)


def default_usd_per_gib_hour() -> Decimal:
    return Decimal(settings.BATCHWEB_DEFAULT_USD_PER_GIB_HOUR)


class ComputeEnvironment(models.Model):
    """A share of an engine. UNMANAGED: it uses the engine's machines as they are.

    `objects` leaves out what is DELETED: its name is free again. Jobs still find it by their foreign keys.
    """

    name = models.CharField(max_length=128)
    type = models.CharField(
        max_length=16, choices=EnvironmentType, default=EnvironmentType.UNMANAGED
    )
    engine = models.ForeignKey(Engine, on_delete=models.PROTECT, related_name="environments")
    state = models.CharField(
        max_length=16, choices=EnvironmentState, default=EnvironmentState.ENABLED
    )
    status = models.CharField(
        max_length=16, choices=EnvironmentStatus, default=EnvironmentStatus.VALID
    )
    status_reason = models.TextField(blank=True)
    max_milli_vcpus = models.PositiveIntegerField(
        null=True, blank=True, help_text="Thousandths of a vCPU. Empty: all that the engine has."
    )
    usd_per_vcpu_hour = models.DecimalField(
        max_digits=12, decimal_places=6, default=default_usd_per_vcpu_hour
    )
    usd_per_gib_hour = models.DecimalField(
        max_digits=12, decimal_places=6, default=default_usd_per_gib_hour
    )
    allow_privileged = models.BooleanField(
        default=False, help_text="Whether jobs may run privileged, with all rights on its machines."
    )
    allowed_host_paths = models.JSONField(
        default=list,
        blank=True,
        help_text='What jobs may mount or use as devices: [{"path": "/data", "readOnly": true}, ...]',
    )
    compute_resources = models.JSONField(
        default=dict, blank=True, help_text="Of a managed one, by AWS's member names; else empty."
    )
    idle_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="How long an instance may be idle before it is ended. Empty: the usual.",
    )
    interruption_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="What a Spot job has between the notice and the end. Empty: the usual.",
    )
    unmanaged_vcpus = models.PositiveIntegerField(null=True, blank=True)
    service_role = models.CharField(max_length=2048, blank=True)
    update_policy = models.JSONField(default=dict, blank=True)
    extra = models.JSONField(
        default=dict,
        blank=True,
        help_text="Members of AWS's request that mean nothing here, given back as they came.",
    )
    uuid = models.UUIDField(default=uuid4, editable=False)
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    objects = NotDeletedManager["ComputeEnvironment"]()
    with_deleted = models.Manager["ComputeEnvironment"]()

    class Meta:
        base_manager_name = "with_deleted"
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=~Q(status="DELETED"), name="environment_name_unique"
            ),
            models.CheckConstraint(
                condition=Q(state__in=EnvironmentState.values), name="environment_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=EnvironmentStatus.values), name="environment_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(type__in=EnvironmentType.values), name="environment_type_is_known"
            ),
            models.CheckConstraint(
                condition=Q(max_milli_vcpus__isnull=True) | Q(max_milli_vcpus__gt=0),
                name="environment_maximum_is_positive",
            ),
            models.CheckConstraint(
                condition=Q(usd_per_vcpu_hour__gte=0) & Q(usd_per_gib_hour__gte=0),
                name="environment_price_not_negative",
            ),
        ]
        # Few are on their way somewhere, and many may have been deleted.
        indexes = [models.Index(fields=["status"], name="environment_status")]

    def __str__(self) -> str:
        return self.name
