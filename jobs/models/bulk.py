"""One action on many jobs, carried out in portions."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class BulkKind(models.TextChoices):
    CANCEL = "CANCEL"
    TERMINATE = "TERMINATE"
    RERUN = "RERUN"


class BulkAction(models.Model):
    """Cancel, terminate or rerun of a list of jobs, and how far it is.

    `done` counts the jobs of `job_ids` (in their order) that were looked at, so a worker that dies
    goes on from there; `changed` those that something was done to, `refused` those that nothing could be
    done to. `problems` says why, of the first of them. For the rest there was nothing to do; `untouched`
    says why, of the first of those.
    """

    kind = models.CharField(max_length=16, choices=BulkKind)
    reason = models.TextField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="bulk_actions"
    )
    job_ids = models.JSONField(default=list)
    done = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, blank=True, help_text='[{"job": ..., "why": ...}]')
    untouched = models.JSONField(
        default=list, blank=True, help_text='[{"job": ..., "name": ..., "status": ..., "why": ...}]'
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=BulkKind.values), name="bulk_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(done__gte=F("changed") + F("refused")), name="bulk_changed_is_done"
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(finished_at__isnull=True), name="bulk_unfinished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {len(self.job_ids)} jobs"
