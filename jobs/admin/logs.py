"""The index of logs. Its rows and the chunks' files belong together, so all is read-only."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.models import LogChunk, LogGroup, LogStream

from .base import OfJobAdmin, ReadOnlyAdmin, clipped


@admin.register(LogGroup)
class LogGroupAdmin(ReadOnlyAdmin[LogGroup]):
    list_display = ("name", "retention_days", "created_at")
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(LogStream)
class LogStreamAdmin(OfJobAdmin[LogStream]):
    job_path = "attempt__job_id"
    list_display = (
        "group",
        "name",
        "attempt",
        "line_count",
        "byte_count",
        "truncated_at_bytes",
        "completed_at",
        clipped("problem"),
    )
    list_select_related = ("attempt",)


@admin.register(LogChunk)
class LogChunkAdmin(OfJobAdmin[LogChunk]):
    job_path = "stream__attempt__job_id"
    list_display = ("id", "stream", "first_line", "line_count", "byte_count", "path")
    list_select_related = ("stream",)
    # The lines themselves are on the job's page.
    exclude = ("data",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogChunk]:
        return super().get_queryset(request).defer("data")
