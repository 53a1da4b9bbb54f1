"""Actions on many jobs, and what else people send from the list: workers and pages write it, so all is read-only."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.models import BulkAction, BulkResult, SavedView, SentForm

from .base import ReadOnlyAdmin, clipped


@admin.register(BulkAction)
class BulkActionAdmin(ReadOnlyAdmin[BulkAction]):
    list_display = (
        "id",
        "kind",
        "owner",
        clipped("reason"),
        "done",
        "changed",
        "created_at",
        "finished_at",
    )
    list_select_related = ("owner",)
    list_filter = ("kind", ("finished_at", admin.EmptyFieldListFilter))
    search_fields = ("owner__username",)
    ordering = ("-id",)
    # Ten thousand ids on a page would help nobody.
    exclude = ("job_ids",)
    readonly_fields = ("number_of_jobs",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkAction]:
        return super().get_queryset(request).defer("job_ids")

    @admin.display(description="jobs")
    def number_of_jobs(self, row: BulkAction) -> int:
        return row.total


@admin.register(BulkResult)
class BulkResultAdmin(ReadOnlyAdmin[BulkResult]):
    list_display = ("action", "position", "job", "outcome", clipped("why"), "again")
    list_select_related = ("action",)
    list_filter = ("outcome",)
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkResult]:
        # Each would bring the ten thousand ids of its action along.
        return super().get_queryset(request).defer("action__job_ids")


@admin.register(SentForm)
class SentFormAdmin(ReadOnlyAdmin[SentForm]):
    list_display = ("id", "owner", "made", "created_at")
    list_select_related = ("owner",)
    ordering = ("-id",)


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin[SavedView]):
    list_display = ("name", "owner", "query", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    ordering = ("owner", "name")
