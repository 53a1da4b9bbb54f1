"""Service environments: where AWS Batch would run SageMaker training jobs. Here nothing runs in them."""

from django.db import models
from django.db.models import Q


class ServiceEnvironmentState(models.TextChoices):
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class ServiceEnvironment(models.Model):
    """As AWS Batch's `CreateServiceEnvironment`: kept and described, so that scripts that make one go on."""

    name = models.CharField(max_length=128, unique=True)
    type = models.CharField(max_length=32, default="SAGEMAKER_TRAINING")
    state = models.CharField(
        max_length=16, choices=ServiceEnvironmentState, default=ServiceEnvironmentState.ENABLED
    )
    capacity_limits = models.JSONField(default=list)
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ServiceEnvironmentState.values),
                name="service_environment_state_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name
