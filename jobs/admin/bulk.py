"""Actions on many jobs, and what else people send from the list: workers and pages write it, so all is read-only."""

from django.contrib import admin

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

    @admin.display(description="jobs")
    def number_of_jobs(self, row: BulkAction) -> int:
        return row.total


@admin.register(BulkResult)
class BulkResultAdmin(ReadOnlyAdmin[BulkResult]):
    list_display = ("action", "position", "job", "outcome", clipped("why"), "again")
    list_select_related = ("action",)
    list_filter = ("outcome",)
    ordering = ("-id",)


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
