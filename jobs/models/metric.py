"""How busy queues and environments were: small rows by time, which charts and alarms read in place of the history."""

from django.db import models
from django.db.models import Q

from .environment import ComputeEnvironment
from .queue import JobQueue

# `FollowMark`s of those who write these rows; `selectors.search` has one more.
METRICS_MARK = "metrics"
SAMPLES_MARK = "samples"
ALARMS_MARK = "alarms"


class MetricSpan(models.IntegerChoices):
    """How much time a row stands for. Each moment is in one row of each span."""

    MINUTE = 60
    HOUR = 3600
    DAY = 86400


class FollowMark(models.Model):
    """How far something that is done again and again has come.

    "metrics" and "search": up to which row of the history it is read, by a reader who reads each row once (see
    `selectors.events.history`) and writes what he makes of the rows in the transaction that moves the mark; the row is
    the lock of what he writes. `until` of "metrics" is up to when its rows by time are whole. "samples": the newest
    minute of which a look was taken, moved in its transaction. "alarms": up to when all alarms were looked at,
    moved after their transactions; who dies in between looks again. "events": up to which rows of all three tables
    that tell of events those are found that rules send.
    """

    name = models.CharField(max_length=32, primary_key=True)
    transition_id = models.BigIntegerField(default=0)
    node_transition_id = models.BigIntegerField(default=0)
    queue_block_id = models.BigIntegerField(default=0)
    until = models.DateTimeField(
        null=True, blank=True, help_text="Up to when what he makes of them is whole."
    )

    def __str__(self) -> str:
        return f"{self.name}: {self.transition_id}"


class QueueMetric(models.Model):
    """What happened in a queue in a time, and how full it was; an array's children count, the array itself does not.

    Counts are of transitions within the time. Waits (from RUNNABLE to RUNNING) and runs (of attempts that made a
    job end) are kept as histograms: `{"<bucket>": count}`, see `domain.histograms`. `failures` counts by the kinds
    of `domain.failures`. Sums and maxima are of `samples` looks at the queue.
    """

    seconds = models.PositiveIntegerField(choices=MetricSpan)
    start = models.DateTimeField()
    queue = models.ForeignKey(
        JobQueue, on_delete=models.CASCADE, related_name="metrics", db_index=False
    )
    submitted = models.PositiveIntegerField(default=0)
    started = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    failures = models.JSONField(default=dict, blank=True)
    waits = models.JSONField(default=dict, blank=True)
    runs = models.JSONField(default=dict, blank=True)
    samples = models.PositiveIntegerField(default=0)
    waiting_sum = models.BigIntegerField(default=0, help_text="Jobs that were RUNNABLE.")
    waiting_max = models.PositiveIntegerField(default=0)
    running_sum = models.BigIntegerField(default=0, help_text="Jobs that were STARTING or RUNNING.")
    running_max = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seconds", "start", "queue"], name="queue_metric_unique"
            ),
            models.CheckConstraint(
                condition=Q(seconds__in=MetricSpan.values), name="queue_metric_span_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"queue {self.queue_id}: {self.seconds} s from {self.start}"


class EnvironmentMetric(models.Model):
    """How much of an environment was in use: sums and maxima of `samples` looks at it.

    Environments may share an engine's machines, so what several of them may use together is never more than
    their engine has.
    """

    seconds = models.PositiveIntegerField(choices=MetricSpan)
    start = models.DateTimeField()
    environment = models.ForeignKey(
        ComputeEnvironment, on_delete=models.CASCADE, related_name="metrics", db_index=False
    )
    samples = models.PositiveIntegerField(default=0)
    used_milli_vcpus_sum = models.BigIntegerField(default=0)
    used_milli_vcpus_max = models.PositiveIntegerField(default=0)
    total_milli_vcpus_sum = models.BigIntegerField(default=0)
    used_memory_mib_sum = models.BigIntegerField(default=0)
    used_memory_mib_max = models.PositiveIntegerField(default=0)
    total_memory_mib_sum = models.BigIntegerField(default=0)
    instances_sum = models.BigIntegerField(default=0)
    engine_milli_vcpus_sum = models.BigIntegerField(
        default=0, help_text="Of all ready machines of its engine. 0: not known."
    )
    engine_memory_mib_sum = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seconds", "start", "environment"], name="environment_metric_unique"
            ),
            models.CheckConstraint(
                condition=Q(seconds__in=MetricSpan.values), name="environment_metric_span_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"environment {self.environment_id}: {self.seconds} s from {self.start}"


class AlarmState(models.TextChoices):
    """CloudWatch's states of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class AlarmMetric(models.TextChoices):
    WAITING_JOBS = "WAITING_JOBS", "jobs waiting (RUNNABLE)"
    RUNNING_JOBS = "RUNNING_JOBS", "jobs running"
    FAILED_JOBS = "FAILED_JOBS", "jobs failed"
    SUCCEEDED_JOBS = "SUCCEEDED_JOBS", "jobs succeeded"
    WAIT_P90_SECONDS = "WAIT_P90_SECONDS", "wait before running, 90th percentile (s)"
    RUN_P90_SECONDS = "RUN_P90_SECONDS", "run time, 90th percentile (s)"
    VCPU_PERCENT = "VCPU_PERCENT", "vCPUs in use (%)"
    MEMORY_PERCENT = "MEMORY_PERCENT", "memory in use (%)"


class AlarmComparison(models.TextChoices):
    GREATER_THAN = "GREATER_THAN", ">"
    GREATER_OR_EQUAL = "GREATER_OR_EQUAL", "≥"
    LESS_THAN = "LESS_THAN", "<"
    LESS_OR_EQUAL = "LESS_OR_EQUAL", "≤"


class Alarm(models.Model):
    """Tells when a metric is beyond a threshold for `periods` times `period_minutes`, one after the other.

    Metrics of jobs are of one queue, or of all; those of use are of one environment, or of all.
    """

    name = models.CharField(max_length=128, unique=True)
    metric = models.CharField(max_length=24, choices=AlarmMetric)
    queue = models.ForeignKey(
        JobQueue, on_delete=models.CASCADE, null=True, blank=True, related_name="alarms"
    )
    environment = models.ForeignKey(
        ComputeEnvironment, on_delete=models.CASCADE, null=True, blank=True, related_name="alarms"
    )
    comparison = models.CharField(max_length=20, choices=AlarmComparison)
    threshold = models.FloatField()
    period_minutes = models.PositiveSmallIntegerField(default=5)
    periods = models.PositiveSmallIntegerField(default=1)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    state = models.CharField(
        max_length=20, choices=AlarmState, default=AlarmState.INSUFFICIENT_DATA
    )
    state_reason = models.TextField(blank=True)
    state_since = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(metric__in=AlarmMetric.values), name="alarm_metric_is_known"
            ),
            models.CheckConstraint(
                condition=Q(comparison__in=AlarmComparison.values),
                name="alarm_comparison_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=AlarmState.values), name="alarm_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(queue__isnull=True) | Q(environment__isnull=True),
                name="alarm_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AlarmChange(models.Model):
    """One line of an alarm's history."""

    alarm = models.ForeignKey(
        Alarm, on_delete=models.CASCADE, related_name="changes", db_index=False
    )
    from_state = models.CharField(max_length=20, choices=AlarmState)
    to_state = models.CharField(max_length=20, choices=AlarmState)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["alarm", "-id"], name="alarm_change_newest")]

    def __str__(self) -> str:
        return f"{self.alarm_id}: {self.from_state} -> {self.to_state}"
