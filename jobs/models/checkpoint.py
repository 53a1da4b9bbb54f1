"""Directories in which jobs keep what they have done so far."""

from django.db import models

from .engine import Engine
from .job import Job


class Checkpoint(models.Model):
    """A job's checkpoint directory: a volume of its engine that all of its attempts see, until retention removes it.

    Size and number of files are of `measured_at`.
    """

    job = models.OneToOneField(
        Job, on_delete=models.CASCADE, primary_key=True, related_name="checkpoint"
    )
    engine = models.ForeignKey(Engine, on_delete=models.CASCADE, related_name="+", db_index=False)
    volume = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    size_bytes = models.BigIntegerField(null=True, blank=True)
    file_count = models.PositiveIntegerField(null=True, blank=True)
    measured_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(removed_at__isnull=True),
                name="checkpoint_kept",
            )
        ]

    def __str__(self) -> str:
        return f"checkpoint of {self.job_id}"
