"""What a job waits for before it may start."""

from django.db import models
from django.db.models import F, Q

from .job import Job


class DependencyType(models.TextChoices):
    """AWS Batch's `ArrayJobDependency`, and empty for the plain kind.

    SEQUENTIAL names no other job, so it is not an edge but `JobSpec.sequential`.
    """

    PLAIN = "", "waits for success"
    N_TO_N = "N_TO_N", "child i waits for child i"


class JobDependency(models.Model):
    """`job` waits for `on`. Both are whole jobs: of an array, its parent.

    `met` is written by `services.passes.settle` alone. An N_TO_N edge is met when all of `on` has succeeded, but
    lets each child go as soon as its counterpart has.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="dependencies")
    on = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="dependents", db_index=False)
    type = models.CharField(
        max_length=16, choices=DependencyType, blank=True, default=DependencyType.PLAIN
    )
    met = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "job dependencies"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["job", "on", "type"], name="dependency_unique"),
            # Edges are written with the job that waits, and only to jobs that were there before,
            # so there can be no longer cycle than this.
            models.CheckConstraint(condition=~Q(job=F("on")), name="dependency_not_on_itself"),
            models.CheckConstraint(
                condition=Q(type__in=DependencyType.values), name="dependency_type_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["on", "met"], name="dependency_of"),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} on {self.on_id} {self.type}".strip()
