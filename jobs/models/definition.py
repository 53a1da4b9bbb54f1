"""Job definitions: templates of jobs, in revisions that never change."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class DefinitionStatus(models.TextChoices):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class DefinitionType(models.TextChoices):
    CONTAINER = "container"
    MULTINODE = "multinode"


class JobDefinition(models.Model):
    """One revision of a definition. Registering its name again makes the next revision."""

    name = models.CharField(max_length=128)
    revision = models.PositiveIntegerField()
    status = models.CharField(
        max_length=16, choices=DefinitionStatus, default=DefinitionStatus.ACTIVE
    )
    type = models.CharField(max_length=16, choices=DefinitionType, default=DefinitionType.CONTAINER)
    description = models.CharField(max_length=255, blank=True)
    image = models.CharField(max_length=255)
    command = models.JSONField(
        default=list, blank=True, help_text="A list of words. Empty: the image's own command."
    )
    environment = models.JSONField(
        default=list, blank=True, help_text='[{"name": ..., "value": ...}, ...]'
    )
    milli_vcpus = models.PositiveIntegerField(help_text="Thousandths of a vCPU.")
    memory_mib = models.PositiveIntegerField(help_text="Hard limit, in MiB.")
    gpus = models.PositiveSmallIntegerField(default=0)
    parameters = models.JSONField(
        default=dict,
        blank=True,
        help_text="Values for Ref::name in the command, unless a job has its own.",
    )
    container = models.JSONField(
        default=dict, blank=True, help_text="Further container properties, by AWS's member names."
    )
    ecs_properties = models.JSONField(
        default=dict, blank=True, help_text="Of a job of several containers; else empty."
    )
    node_properties = models.JSONField(
        default=dict, blank=True, help_text="Of a multi-node parallel job; else empty."
    )
    scheduling_priority = models.PositiveSmallIntegerField(null=True, blank=True)
    consumables = models.JSONField(
        default=list, blank=True, help_text='[{"consumableResource": ..., "quantity": ...}, ...]'
    )
    tags = models.JSONField(default=dict, blank=True)
    propagate_tags = models.BooleanField(default=False)
    extra = models.JSONField(
        default=dict,
        blank=True,
        help_text="Members of AWS's request that mean nothing here, given back as they came.",
    )
    registered_as = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="The request of AWS's API that registered it, if that did: answered as it came.",
    )
    attempts = models.PositiveSmallIntegerField(default=1)
    evaluate_on_exit = models.JSONField(
        default=list, blank=True, help_text="Rules on whether a failed attempt is tried again."
    )
    timeout_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="The time limit of each attempt. Empty: none."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "-revision"]
        constraints = [
            models.UniqueConstraint(fields=["name", "revision"], name="definition_revision_unique"),
            models.CheckConstraint(
                condition=Q(status__in=DefinitionStatus.values), name="definition_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(type__in=DefinitionType.values), name="definition_type_is_known"
            ),
            models.CheckConstraint(
                condition=Q(milli_vcpus__gt=0) & Q(memory_mib__gte=4),
                name="definition_asks_for_something",
            ),
            models.CheckConstraint(
                condition=Q(attempts__gte=1) & Q(attempts__lte=10), name="definition_attempts"
            ),
            models.CheckConstraint(
                condition=Q(timeout_seconds__isnull=True) | Q(timeout_seconds__gte=60),
                name="definition_timeout_of_a_minute",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}:{self.revision}"
