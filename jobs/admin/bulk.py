"""Actions on many jobs. Workers carry them out from where they stand, so all is read-only."""

from django.contrib import admin

from jobs.models import BulkAction

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
        return len(row.job_ids)
