"""Jobs, their attempts, and the history of their states."""

from decimal import Decimal

import uuid6
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from jobs.domain import states

from .definition import JobDefinition
from .engine import Node
from .environment import ComputeEnvironment
from .queue import JobQueue


class JobStatus(models.TextChoices):
    """`jobs.domain.states.JobStatus` as Django's choices; a test holds the two together."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    RUNNABLE = "RUNNABLE"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


LIVE_STATUSES = sorted(states.LIVE)


class Job(models.Model):
    """A job, with what it asked for frozen at its submission.

    Only `services.transition` writes `status`. A request to end the job is `stop_requested_at`: a wish,
    not a state. The id is a UUID of version 7: it grows with time, so new rows go to the end of
    every index and submission order is the order of ids.
    """

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    name = models.CharField(max_length=128)
    queue = models.ForeignKey(
        JobQueue, on_delete=models.PROTECT, related_name="jobs", db_index=False
    )
    definition = models.ForeignKey(
        JobDefinition, on_delete=models.PROTECT, related_name="jobs", db_index=False
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="jobs",
        db_index=False,
    )
    status = models.CharField(max_length=16, choices=JobStatus, default=JobStatus.SUBMITTED)
    status_reason = models.TextField(blank=True)
    status_changed_at = models.DateTimeField()

    image = models.CharField(max_length=255)
    command = models.JSONField(default=list, blank=True)
    environment = models.JSONField(default=list, blank=True)
    milli_vcpus = models.PositiveIntegerField()
    memory_mib = models.PositiveIntegerField()
    attempts_allowed = models.PositiveSmallIntegerField(default=1)
    evaluate_on_exit = models.JSONField(default=list, blank=True)
    timeout_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="The time limit of each attempt. Empty: none."
    )

    attempts_made = models.PositiveSmallIntegerField(default=0)
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    stop_reason = models.TextField(blank=True)

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True, help_text="Of the newest attempt.")
    stopped_at = models.DateTimeField(null=True, blank=True, help_text="When it became terminal.")
    exit_code = models.IntegerField(null=True, blank=True)
    cost_usd = models.DecimalField(
        max_digits=18, decimal_places=9, default=Decimal(0), help_text="Of all ended attempts."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=JobStatus.values), name="job_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(attempts_made__lte=F("attempts_allowed")), name="job_attempts_in_bounds"
            ),
            models.CheckConstraint(
                condition=Q(status__in=LIVE_STATUSES) | Q(stopped_at__isnull=False),
                name="job_terminal_has_end",
            ),
            models.CheckConstraint(
                condition=Q(timeout_seconds__isnull=True) | Q(timeout_seconds__gte=60),
                name="job_timeout_of_a_minute",
            ),
        ]
        indexes = [
            # What the scheduler reads: small, however many jobs are stored.
            models.Index(
                fields=["status", "queue", "id"],
                condition=Q(status__in=LIVE_STATUSES),
                name="job_live",
            ),
            # The jobs page: newest first, under each of its filters.
            models.Index(fields=["queue", "-id"], name="job_queue_newest"),
            models.Index(fields=["definition", "-id"], name="job_definition_newest"),
            models.Index(fields=["owner", "-id"], name="job_owner_newest"),
            models.Index(fields=["status", "-id"], name="job_status_newest"),
            models.Index(fields=["name", "-id"], name="job_name_newest"),
            models.Index(fields=["status", "stopped_at"], name="job_ended_when"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class Attempt(models.Model):
    """One try at running a job: a container on a node. It is live until `ended_at` is set.

    While live it holds its `milli_vcpus` and `memory_mib` of its node. `launch_token` names who may
    start the container; see `services.launch`.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveSmallIntegerField()
    environment = models.ForeignKey(
        ComputeEnvironment, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    node = models.ForeignKey(
        Node, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    milli_vcpus = models.PositiveIntegerField()
    memory_mib = models.PositiveIntegerField()
    usd_per_vcpu_hour = models.DecimalField(max_digits=12, decimal_places=6)
    usd_per_gib_hour = models.DecimalField(max_digits=12, decimal_places=6)

    placed_at = models.DateTimeField()
    launch_token = models.CharField(max_length=32, blank=True)
    launch_claimed_at = models.DateTimeField(null=True, blank=True)
    container_id = models.CharField(max_length=128, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(
        null=True, blank=True, help_text="When its time limit is over, counted from its start."
    )
    timed_out_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was asked to stop because of its time limit."
    )
    stop_signalled_at = models.DateTimeField(
        null=True, blank=True, help_text="When its container was sent SIGTERM."
    )
    stopped_at = models.DateTimeField(
        null=True, blank=True, help_text="When its container ended, by the engine's clock."
    )
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When its end was recorded.")
    exit_code = models.IntegerField(null=True, blank=True)
    oom_killed = models.BooleanField(default=False)
    reason = models.TextField(blank=True, help_text="The container's reason, as the API gives it.")
    status_reason = models.TextField(blank=True)
    explanation = models.TextField(blank=True, help_text="How it ended, in a sentence for people.")
    cost_usd = models.DecimalField(max_digits=18, decimal_places=9, default=Decimal(0))
    removed_at = models.DateTimeField(
        null=True, blank=True, help_text="When its container was removed from the engine."
    )

    class Meta:
        ordering = ["job", "number"]
        constraints = [
            models.UniqueConstraint(fields=["job", "number"], name="attempt_number_unique"),
            models.UniqueConstraint(
                fields=["job"], condition=Q(ended_at__isnull=True), name="attempt_one_live_per_job"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="attempt_number_from_one"),
            models.CheckConstraint(condition=Q(cost_usd__gte=0), name="attempt_cost_not_negative"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=False)
                | Q(exit_code__isnull=True, stopped_at__isnull=True),
                name="attempt_end_is_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["node", "environment"],
                condition=Q(ended_at__isnull=True),
                name="attempt_live",
            ),
            # The next deadline is found among what runs, not among all that ever ran.
            models.Index(
                fields=["deadline_at"],
                condition=Q(ended_at__isnull=True, deadline_at__isnull=False),
                name="attempt_deadline",
            ),
            models.Index(
                fields=["ended_at"],
                condition=Q(ended_at__isnull=False, removed_at__isnull=True),
                name="attempt_to_clean_up",
            ),
            models.Index(
                fields=["environment", "ended_at"],
                name="attempt_environment_ended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} #{self.number}"


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


class UsageSample(models.Model):
    """What a running attempt used at one moment."""

    attempt = models.ForeignKey(
        Attempt, on_delete=models.CASCADE, related_name="usage_samples", db_index=False
    )
    at = models.DateTimeField()
    milli_vcpus = models.PositiveIntegerField(help_text="Mean since the sample before.")
    memory_mib = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["attempt", "at"], name="usage_sample_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.attempt_id} at {self.at}"
