"""Tries at running a job: one row a container."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from .engine import Node
from .environment import ComputeEnvironment
from .instance import Instance
from .job import Job

DEFAULT_CONTAINER = "default"


class Capacity(models.TextChoices):
    """What kind of capacity an attempt ran on: how it is priced, and whether it may be interrupted."""

    UNMANAGED = "UNMANAGED", "the engine's machines as they are"
    EC2 = "EC2", "On-Demand instance"
    SPOT = "SPOT", "Spot instance"
    FARGATE = "FARGATE", "Fargate"
    FARGATE_SPOT = "FARGATE_SPOT", "Fargate Spot"


class Attempt(models.Model):
    """One container of one try at running a job, on a node. It is live until `ended_at` is set.

    A plain job has one row a try. One of several containers or nodes has a row for each, with the same
    `number`, written together when the try is placed. While live it holds its `milli_vcpus`,
    `memory_mib` and `gpus` of its node. `launch_token` names who may start the container (see
    `services.attempts.launch`).
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveSmallIntegerField()
    environment = models.ForeignKey(
        ComputeEnvironment, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    node = models.ForeignKey(
        Node, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    instance = models.ForeignKey(
        Instance,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="attempts",
        db_index=False,
        help_text="On which it runs; then it holds its room of that, and not of the node.",
    )
    capacity = models.CharField(max_length=16, choices=Capacity, default=Capacity.UNMANAGED)
    node_index = models.PositiveSmallIntegerField(default=0)
    container_index = models.PositiveSmallIntegerField(default=0)
    container_name = models.CharField(max_length=255, default=DEFAULT_CONTAINER)
    essential = models.BooleanField(
        default=True, help_text="Whether its end is the end of all containers of its node."
    )
    image = models.CharField(max_length=255)
    milli_vcpus = models.PositiveIntegerField()
    memory_mib = models.PositiveIntegerField()
    gpus = models.JSONField(
        default=list, blank=True, help_text="The GPUs of its node that it holds."
    )
    usd_per_vcpu_hour = models.DecimalField(max_digits=12, decimal_places=6)
    usd_per_gib_hour = models.DecimalField(max_digits=12, decimal_places=6)
    ephemeral_gib = models.PositiveSmallIntegerField(
        default=0, help_text="Of Fargate: storage beyond what is included."
    )
    usd_per_ephemeral_gib_hour = models.DecimalField(
        max_digits=12, decimal_places=6, default=Decimal(0), help_text="Of that storage."
    )

    placed_at = models.DateTimeField()
    waits_for_others = models.BooleanField(
        default=False,
        help_text="Whether others of its try must have started or ended before it may start.",
    )
    launch_token = models.CharField(max_length=32, blank=True)
    launch_claimed_at = models.DateTimeField(null=True, blank=True)
    container_id = models.CharField(max_length=128, blank=True)
    address = models.GenericIPAddressField(
        null=True, blank=True, help_text="Of its container in its network."
    )
    started_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(
        null=True, blank=True, help_text="When its time limit is over, counted from its start."
    )
    timed_out_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was asked to stop because of its time limit."
    )
    stop_asked_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the end of another container of its try asked it to stop.",
    )
    interrupted_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was told that its Spot capacity is taken away."
    )
    interruption_kill_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is killed for that, if it still runs."
    )
    interruption_reason = models.TextField(blank=True)
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
    was_stopped = models.BooleanField(
        default=False, help_text="Whether it ended because it was asked to, not by itself."
    )
    may_retry = models.BooleanField(
        default=True, help_text="False: it ended in a way that another try could not mend."
    )
    cost_usd = models.DecimalField(max_digits=18, decimal_places=9, default=Decimal(0))
    on_demand_usd = models.DecimalField(
        max_digits=18,
        decimal_places=9,
        default=Decimal(0),
        help_text="What the same would have cost On-Demand.",
    )
    idle_usd = models.DecimalField(
        max_digits=18,
        decimal_places=9,
        default=Decimal(0),
        help_text="Its part of its instance's idle time, known once that has ended.",
    )
    removed_at = models.DateTimeField(
        null=True, blank=True, help_text="When its container was removed from the engine."
    )

    class Meta:
        ordering = ["job", "number", "node_index", "container_index"]
        constraints = [
            models.UniqueConstraint(
                fields=["job", "number", "node_index", "container_index"],
                name="attempt_container_unique",
            ),
            # One try at a time: whatever its number, a container of a job lives once.
            models.UniqueConstraint(
                fields=["job", "node_index", "container_index"],
                condition=Q(ended_at__isnull=True),
                name="attempt_one_live_try",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="attempt_number_from_one"),
            models.CheckConstraint(condition=Q(cost_usd__gte=0), name="attempt_cost_not_negative"),
            models.CheckConstraint(
                condition=Q(capacity__in=Capacity.values), name="attempt_capacity_is_known"
            ),
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
                fields=["stop_asked_at"],
                condition=Q(ended_at__isnull=True, stop_asked_at__isnull=False),
                name="attempt_asked_to_stop",
            ),
            models.Index(
                fields=["stop_signalled_at"],
                condition=Q(ended_at__isnull=True, stop_signalled_at__isnull=False),
                name="attempt_stopping",
            ),
            # First what its rows have in common: else SQLite would take `attempt_ended`, with all that ever ended.
            models.Index(
                fields=["removed_at", "ended_at"],
                condition=Q(ended_at__isnull=False, removed_at__isnull=True),
                name="attempt_to_clean_up",
            ),
            # What ended within a time, for its cost.
            models.Index(
                fields=["ended_at", "id"],
                condition=Q(ended_at__isnull=False),
                name="attempt_ended",
            ),
            models.Index(
                fields=["instance"],
                condition=Q(instance__isnull=False),
                name="attempt_of_instance",
            ),
            # What is on an instance now. With both columns given, SQLite takes it before the one above.
            models.Index(
                fields=["instance", "ended_at"],
                condition=Q(instance__isnull=False, ended_at__isnull=True),
                name="attempt_on_instance",
            ),
            models.Index(
                fields=["interruption_kill_at"],
                condition=Q(ended_at__isnull=True, interruption_kill_at__isnull=False),
                name="attempt_interrupted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} #{self.number}"

    @property
    def host_id(self) -> str:
        """What it ran on, as clients know it: its instance, or the machine itself where it has none."""
        return self.instance.instance_id if self.instance else self.node.instance_id


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
