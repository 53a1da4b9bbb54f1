"""Checkpoint directories on record: looked after by the workers, so all is read-only."""

from django.contrib import admin

from jobs.models import Checkpoint

from .base import OfJobAdmin


@admin.register(Checkpoint)
class CheckpointAdmin(OfJobAdmin[Checkpoint]):
    ordering = ("-job_id",)
    list_display = (
        "job_id",
        "engine",
        "volume",
        "size_bytes",
        "file_count",
        "measured_at",
        "remove_asked_at",
        "removed_at",
    )
    list_select_related = ("engine",)
