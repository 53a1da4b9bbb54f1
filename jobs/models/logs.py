"""Where an attempt's log lies: an index of append-only chunks. `jobs.joblogs` has their format."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from jobs.domain.names import DEFAULT_LOG_GROUP

from .attempt import Attempt


class LogStream(models.Model):
    """The log of one attempt, and how far the engine's own log has been shipped into it.

    `anchor_ns` and `anchor_frames` say where to go on: read the engine's log from `anchor_ns` on and
    leave out the first `anchor_frames` frames. They change in the same transaction as the chunks.

    `owner` is the job's, which never changes: lists of what one user may read go by an index of his own.
    `last_minute` is that of `last_ns`. An index of `last_ns` itself would make every append of a line write to
    each index of the table on PostgreSQL; this one makes it do so once a minute.
    """

    attempt = models.OneToOneField(Attempt, on_delete=models.CASCADE, related_name="log_stream")
    # Nothing to check: a user cannot be deleted before his jobs, nor a job without its streams.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    group = models.CharField(max_length=512, default=DEFAULT_LOG_GROUP)
    name = models.CharField(max_length=512)
    created_at = models.DateTimeField(null=True, blank=True)
    line_count = models.BigIntegerField(default=0)
    byte_count = models.BigIntegerField(default=0)
    first_ns = models.BigIntegerField(default=0)
    last_ns = models.BigIntegerField(default=0)
    last_minute = models.BigIntegerField(default=0, help_text="Since the epoch.")
    anchor_ns = models.BigIntegerField(default=0)
    anchor_frames = models.BigIntegerField(default=0)
    truncated_at_bytes = models.BigIntegerField(
        null=True, blank=True, help_text="The size limit that cut it off, if one did."
    )
    completed_at = models.DateTimeField(
        null=True, blank=True, help_text="Set when no more lines can come."
    )
    problem = models.TextField(blank=True, help_text="Why lines are missing, if any are.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "name"], name="log_stream_name_unique"),
        ]
        indexes = [
            # What was printed since some time, and which streams are the newest.
            models.Index(fields=["group", "last_minute", "id"], name="log_stream_by_minute"),
            models.Index(
                fields=["owner", "group", "last_minute", "id"], name="log_stream_own_minute"
            ),
            models.Index(fields=["owner", "group", "name"], name="log_stream_own_name"),
        ]

    def __str__(self) -> str:
        return self.name


class LogChunk(models.Model):
    """A run of lines: small and fresh ones in `data`, sealed ones in the file that `path` names."""

    stream = models.ForeignKey(
        LogStream, on_delete=models.CASCADE, related_name="chunks", db_index=False
    )
    first_line = models.BigIntegerField(help_text="From 0.")
    line_count = models.PositiveIntegerField()
    byte_count = models.PositiveIntegerField(help_text="Of the lines themselves, uncompressed.")
    first_ns = models.BigIntegerField()
    last_ns = models.BigIntegerField()
    data = models.BinaryField(default=b"")
    path = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["stream", "first_line"]
        constraints = [
            models.UniqueConstraint(fields=["stream", "first_line"], name="log_chunk_line_unique"),
            models.CheckConstraint(condition=Q(line_count__gt=0), name="log_chunk_not_empty"),
        ]
        indexes = [models.Index(fields=["stream", "last_ns"], name="log_chunk_by_time")]

    def __str__(self) -> str:
        return f"{self.stream_id} from line {self.first_line}"


class LogGroup(models.Model):
    """A group that somebody made by name, as CloudWatch Logs' `CreateLogGroup`.

    Jobs log to a group whether or not it was made; the default one is always there.
    """

    name = models.CharField(max_length=512, unique=True)
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    tags = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
