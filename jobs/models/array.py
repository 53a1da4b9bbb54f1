"""How many children of an array are in which status."""

from django.db import models

from jobs.domain.states import LIVE, JobStatus

from .job import Job


class ArraySummary(models.Model):
    """One counter a status, moved by `services.writing.transition` in the transaction that moves the children.

    So the summary of 10,000 children is one row to read, and costs one update however many there are.
    """

    job = models.OneToOneField(
        Job, on_delete=models.CASCADE, primary_key=True, related_name="array_summary"
    )
    submitted = models.PositiveIntegerField(default=0)
    pending = models.PositiveIntegerField(default=0)
    runnable = models.PositiveIntegerField(default=0)
    starting = models.PositiveIntegerField(default=0)
    running = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "array summaries"

    def __str__(self) -> str:
        return f"{self.job_id}: {self.counts()}"

    def counts(self) -> dict[JobStatus, int]:
        """The number of children in each status."""
        return {status: getattr(self, column_of(status)) for status in JobStatus}

    @property
    def total(self) -> int:
        """How many children there are: the array's size, or fewer if only some are run again."""
        return sum(self.counts().values())

    @property
    def unfinished(self) -> int:
        return sum(count for status, count in self.counts().items() if status in LIVE)


def column_of(status: str) -> str:
    """The counter of a status."""
    return status.lower()
