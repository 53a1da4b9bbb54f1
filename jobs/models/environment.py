"""Compute environments: where a queue's jobs may run, and at what price."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q

from .engine import Engine


class EnvironmentType(models.TextChoices):
    UNMANAGED = "UNMANAGED"


class EnvironmentState(models.TextChoices):
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class EnvironmentStatus(models.TextChoices):
    VALID = "VALID"
    INVALID = "INVALID"


def default_usd_per_vcpu_hour() -> Decimal:
    return Decimal(settings.BATCHWEB_DEFAULT_USD_PER_VCPU_HOUR)


def default_usd_per_gib_hour() -> Decimal:
    return Decimal(settings.BATCHWEB_DEFAULT_USD_PER_GIB_HOUR)


class ComputeEnvironment(models.Model):
    """A share of an engine. UNMANAGED: it uses the engine's machines as they are."""

    name = models.CharField(max_length=128, unique=True)
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
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
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

    def __str__(self) -> str:
        return self.name
