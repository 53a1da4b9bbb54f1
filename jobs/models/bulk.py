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
    says why, of the first of those. What became of each job is in its `results`. One that was stopped has
    `finished_at` and jobs that it never looked at. `undoes` is the action that it takes back; then
    `asked_by` may be another than its owner, for whom it is carried out.
    """

    kind = models.CharField(max_length=16, choices=BulkKind)
    reason = models.TextField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="bulk_actions"
    )
    job_ids = models.JSONField(default=list)
    total = models.PositiveIntegerField(default=0, help_text="How many jobs.")
    done = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, blank=True, help_text='[{"job": ..., "why": ...}]')
    untouched = models.JSONField(
        default=list, blank=True, help_text='[{"job": ..., "name": ..., "status": ..., "why": ...}]'
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose access policies are asked; nobody: its owner's.",
    )
    address = models.CharField(
        max_length=64, blank=True, default="", help_text="From where it was asked for."
    )
    undoes = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="undone_by"
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
        return f"{self.kind} of {self.total} jobs"


class BulkOutcome(models.TextChoices):
    CHANGED = "CHANGED", "done"
    UNTOUCHED = "UNTOUCHED", "nothing to do"
    REFUSED = "REFUSED", "not possible"


class BulkResult(models.Model):
    """What became of one job of a bulk action; written in the transaction that did it.

    `job` and `again` (what runs it again) are ids: of what is gone, or not the action's owner's, the id is kept.
    """

    action = models.ForeignKey(
        BulkAction, on_delete=models.CASCADE, related_name="results", db_index=False
    )
    position = models.PositiveIntegerField(help_text="In the action's list, from 0.")
    job = models.UUIDField()
    outcome = models.CharField(max_length=16, choices=BulkOutcome)
    why = models.TextField(blank=True)
    again = models.UUIDField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "position"], name="bulk_result_unique"),
            models.CheckConstraint(
                condition=Q(outcome__in=BulkOutcome.values), name="bulk_outcome_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action_id}: {self.job} {self.outcome}"
