"""Directories in which jobs keep what they have done so far."""

from django.db import models

from .engine import Engine
from .job import Job


class Checkpoint(models.Model):
    """A job's checkpoint directory: a volume of its engine that all of its attempts see, until retention removes it.

    `volume` is its name on the engine, or the path of a directory that all machines share; of a multi-node job,
    that of node 0. Size and number of files are of `measured_at`, of all nodes together.
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
    measure_again_at = models.DateTimeField(
        null=True, blank=True, help_text="From when on it is measured again if its job still runs."
    )
    tended_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when a worker that looks at it has it for itself."
    )
    is_partial = models.BooleanField(
        default=False, help_text="Whether there was more than could be measured in time."
    )
    settled_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When it was measured after its job's end: it changes no more.",
    )
    remove_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody asked for it to be deleted."
    )
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(removed_at__isnull=True, settled_at__isnull=True),
                name="checkpoint_unsettled",
            ),
            models.Index(
                fields=["settled_at"],
                condition=models.Q(removed_at__isnull=True, settled_at__isnull=False),
                name="checkpoint_settled",
            ),
            models.Index(
                fields=["remove_asked_at"],
                condition=models.Q(removed_at__isnull=True, remove_asked_at__isnull=False),
                name="checkpoint_to_delete",
            ),
        ]

    def __str__(self) -> str:
        return f"checkpoint of {self.job_id}"
