"""What happened to a job, and why it waited."""

from django.db import models
from django.db.models import Q

from .job import Job, JobStatus


class Transition(models.Model):
    """One line of a job's history: written in the same transaction as the status itself."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="transitions")
    attempt_number = models.PositiveSmallIntegerField(default=0)
    from_status = models.CharField(max_length=16, choices=JobStatus, blank=True)
    to_status = models.CharField(max_length=16, choices=JobStatus)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(to_status__in=JobStatus.values)
                & Q(from_status__in=["", *JobStatus.values]),
                name="transition_statuses_are_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.from_status or '-'} -> {self.to_status}"


class NodeTransition(models.Model):
    """One line of the history of one node of a job of several nodes, from its placement on.

    Before that a node is nothing but its job. `attempt_number` is the try that it belongs to.
    """

    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, related_name="node_transitions", db_index=False
    )
    attempt_number = models.PositiveSmallIntegerField()
    node_index = models.PositiveSmallIntegerField()
    to_status = models.CharField(max_length=16, choices=JobStatus)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(to_status__in=JobStatus.values), name="node_status_is_known"
            ),
            # A node goes through each status once a try.
            models.UniqueConstraint(
                fields=["job", "attempt_number", "node_index", "to_status"],
                name="node_transition_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}#{self.node_index}: {self.to_status}"


class WaitReason(models.Model):
    """Why a job waited, from when on. The newest row of a RUNNABLE job is why it waits now."""

    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, related_name="wait_reasons", db_index=False
    )
    code = models.CharField(max_length=64)
    reason = models.TextField()
    since = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["job", "-id"], name="wait_reason_newest")]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.code}"
