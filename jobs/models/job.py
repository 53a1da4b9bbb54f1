"""Jobs."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from jobs.domain import ids, states

from .definition import JobDefinition
from .expressions import FoldedName
from .literals import literals
from .queue import JobQueue
from .spec import JobSpec


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
# The same, for queries that the index of live jobs is meant for.
LIVE_LITERALS = literals(LIVE_STATUSES)


class StopKind(models.TextChoices):
    """Who asked a job to end, and how far that goes: AWS Batch's `isCancelled` and `isTerminated`."""

    NONE = "", "not asked, or by a time limit"
    CANCEL = "CANCEL", "what is not placed yet"
    TERMINATE = "TERMINATE", "whatever it is at"
    DEPENDENCY = "DEPENDENCY", "a job that it depends on has failed"
    QUEUE_RULE = "QUEUE_RULE", "a rule of its queue on how long its head may wait"


class Job(models.Model):
    """A job, an array of them (the parent), or a child of an array.

    What it runs is its `spec`, frozen at its submission; columns of its own are what the scheduler
    orders and places by. Only `services.writing.transition` writes `status`. A request to end the job is
    `stop_requested_at`: a wish, not a state. Ids grow with time (`domain.ids`), so new rows go to the end
    of every index, and submission order is the order of ids.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_job_id, editable=False)
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

    spec = models.ForeignKey(JobSpec, on_delete=models.PROTECT, related_name="jobs", db_index=False)
    parent = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        db_index=False,
        help_text="The array that it is a child of.",
    )
    array_index = models.PositiveSmallIntegerField(null=True, blank=True)
    array_size = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Of an array and its children: how many indices it has."
    )
    rerun_of = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="reruns",
        db_index=False,
        help_text="The job, or the array whose failed children, it runs again.",
    )
    node_count = models.PositiveSmallIntegerField(
        default=1, help_text="More than one: a multi-node parallel job."
    )
    milli_vcpus = models.PositiveIntegerField(help_text="What its largest node needs.")
    memory_mib = models.PositiveIntegerField(help_text="What its largest node needs.")
    gpus = models.PositiveSmallIntegerField(default=0, help_text="What its largest node needs.")
    share_identifier = models.CharField(max_length=255, blank=True)
    scheduling_priority = models.PositiveSmallIntegerField(
        default=0, help_text="Within its share; a higher one goes first."
    )
    has_consumables = models.BooleanField(default=False)
    tags = models.JSONField(
        null=True,
        blank=True,
        help_text="If they were changed after its submission; else its spec's.",
    )
    attempts_allowed = models.PositiveSmallIntegerField(default=1)
    timeout_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="The time limit of each attempt. Empty: none."
    )

    has_dependents = models.BooleanField(
        default=False, help_text="Whether another job, or the next child, waits for its end."
    )
    needs_settling = models.BooleanField(
        default=False,
        help_text="It has ended, and who waits for that was not told yet; of an array that has not "
        "ended, that its children are to be looked at.",
    )
    attempts_made = models.PositiveSmallIntegerField(default=0)
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    stop_kind = models.CharField(max_length=16, choices=StopKind, blank=True, default=StopKind.NONE)
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
            models.CheckConstraint(
                condition=Q(parent__isnull=True, array_index__isnull=True)
                | Q(parent__isnull=False, array_index__lt=F("array_size")),
                name="job_child_has_index",
            ),
            models.CheckConstraint(condition=Q(node_count__gte=1), name="job_has_a_node"),
            models.CheckConstraint(
                condition=Q(stop_kind__in=StopKind.values), name="job_stop_kind_is_known"
            ),
            models.UniqueConstraint(
                fields=["parent", "array_index"],
                condition=Q(parent__isnull=False),
                name="job_child_unique",
            ),
        ]
        indexes = [
            # What the scheduler reads: small, however many jobs are stored.
            models.Index(
                fields=["status", "queue", "id"],
                condition=Q(status__in=LIVE_STATUSES),
                name="job_live",
            ),
            models.Index(
                fields=["id"], condition=Q(status=states.JobStatus.SUBMITTED), name="job_submitted"
            ),
            # A queue's front. SQLite sees only from a condition of the very same words that it may use it.
            models.Index(
                fields=["queue", "id"],
                condition=Q(status=states.JobStatus.RUNNABLE),
                name="job_runnable",
            ),
            # The order within a share of a fair-share queue.
            models.Index(
                fields=["queue", "share_identifier", "-scheduling_priority", "id"],
                condition=Q(status=states.JobStatus.RUNNABLE),
                name="job_by_share",
            ),
            models.Index(fields=["id"], condition=Q(needs_settling=True), name="job_to_settle"),
            models.Index(
                fields=["id"],
                condition=Q(status__in=LIVE_STATUSES, stop_requested_at__isnull=False),
                name="job_stopping",
            ),
            # An array's children by status: the grid, rerun, cancel.
            models.Index(
                fields=["parent", "status"],
                condition=Q(parent__isnull=False),
                name="job_children_by_status",
            ),
            # Few jobs are such, and the others need not be written down.
            models.Index(
                fields=["rerun_of"], condition=Q(rerun_of__isnull=False), name="job_rerun_of"
            ),
            # The jobs page and AWS's ListJobs: newest first, under each of their filters. An array counts as one
            # job there. With each change of a job's status PostgreSQL writes them all and SQLite those with the
            # status, so what a few queries more can do without an index (`selectors.listing.newest`) has none.
            models.Index(
                fields=["queue", "-id"], condition=Q(parent__isnull=True), name="job_queue_newest"
            ),
            models.Index(
                fields=["definition", "queue", "-id"],
                condition=Q(parent__isnull=True),
                name="job_definition_queue_newest",
            ),
            models.Index(
                fields=["queue", "status", "-id"],
                condition=Q(parent__isnull=True),
                name="job_queue_status_newest",
            ),
            models.Index(
                fields=["queue", "share_identifier", "-id"],
                condition=Q(parent__isnull=True) & ~Q(share_identifier=""),
                name="job_queue_share_newest",
            ),
            models.Index(
                F("queue"),
                FoldedName("name"),
                F("id").desc(),
                condition=Q(parent__isnull=True),
                name="job_queue_by_name",
            ),
            models.Index(
                fields=["id"],
                condition=Q(parent__isnull=True, has_consumables=True),
                name="job_with_consumables",
            ),
            models.Index(
                fields=["owner", "-id"], condition=Q(parent__isnull=True), name="job_owner_newest"
            ),
            models.Index(
                fields=["owner", "status", "-id"],
                condition=Q(parent__isnull=True),
                name="job_owner_status_newest",
            ),
            # Only of what has ended: SQLite would take it for whatever asks for a status, before an id.
            models.Index(
                fields=["status", "stopped_at"],
                condition=Q(stopped_at__isnull=False),
                name="job_ended_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"

    @property
    def is_array(self) -> bool:
        """Whether it is an array's parent: it has no container of its own."""
        return self.array_size is not None and self.array_index is None

    @property
    def image(self) -> str:
        return self.spec.image

    @property
    def command(self) -> list[str]:
        words: list[str] = self.spec.command
        return words

    @property
    def environment(self) -> list[dict[str, str]]:
        variables: list[dict[str, str]] = self.spec.environment
        return variables

    @property
    def evaluate_on_exit(self) -> list[dict[str, str]]:
        rules: list[dict[str, str]] = self.spec.evaluate_on_exit
        return rules
