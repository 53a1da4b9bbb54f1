"""What the jobs of a definition asked for and used, and what they should ask for."""

from decimal import Decimal

from django.db import models
from django.db.models import Q


class RightSizing(models.Model):
    """Of a definition's name, all revisions together: what its newest runs used, as a worker found it last.

    `stale_at` is set when runs have ended since. Without enough runs there is no request that fits, and
    no saving. `runs` holds what each run asked for and used (`services.costs.right_sizing`).
    """

    definition_name = models.CharField(max_length=128, unique=True)
    stale_at = models.DateTimeField(null=True, blank=True)
    computed_at = models.DateTimeField(null=True, blank=True)
    measured_runs = models.PositiveIntegerField(default=0, help_text="Runs with samples.")
    samples = models.PositiveIntegerField(default=0)
    out_of_memory_runs = models.PositiveIntegerField(default=0)
    asked_milli_vcpus = models.PositiveIntegerField(default=0, help_text="By its newest run.")
    asked_memory_mib = models.PositiveIntegerField(default=0, help_text="By its newest run.")
    p50_milli_vcpus = models.PositiveIntegerField(null=True, blank=True)
    p95_milli_vcpus = models.PositiveIntegerField(null=True, blank=True)
    peak_milli_vcpus = models.PositiveIntegerField(null=True, blank=True)
    p50_memory_mib = models.PositiveIntegerField(null=True, blank=True)
    p95_memory_mib = models.PositiveIntegerField(null=True, blank=True)
    peak_memory_mib = models.PositiveIntegerField(null=True, blank=True)
    fitting_milli_vcpus = models.PositiveIntegerField(null=True, blank=True)
    fitting_memory_mib = models.PositiveIntegerField(null=True, blank=True)
    is_fargate = models.BooleanField(
        default=False, help_text="Whether what fits is one of Fargate's sizes."
    )
    usd = models.DecimalField(
        max_digits=20,
        decimal_places=9,
        default=Decimal(0),
        help_text="What its jobs cost in the last 30 days.",
    )
    saving_usd = models.DecimalField(
        max_digits=20,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="What of that those of the definition's size would not have cost with the request that fits.",
    )
    overrides_saving_usd = models.DecimalField(
        max_digits=20,
        decimal_places=9,
        null=True,
        blank=True,
        help_text="The same of jobs that asked for another size than the definition's.",
    )
    is_estimate = models.BooleanField(
        default=False, help_text="Whether the saving is worked out from a part of those jobs."
    )
    runs = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["definition_name"]
        verbose_name_plural = "right-sizing"
        indexes = [
            models.Index(
                fields=["stale_at"], condition=Q(stale_at__isnull=False), name="right_sizing_stale"
            ),
        ]

    def __str__(self) -> str:
        return self.definition_name
