"""What jobs are found by: to look at only. Workers write it behind the history."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.models import DocumentBlock, JobDocument

from .base import ReadOnlyAdmin


@admin.register(JobDocument)
class JobDocumentAdmin(ReadOnlyAdmin[JobDocument]):
    """Newest first."""

    list_display = ("job", "text")
    list_select_related = ("job",)
    sortable_by = ()
    ordering = ("-job_id",)


@admin.register(DocumentBlock)
class DocumentBlockAdmin(ReadOnlyAdmin[DocumentBlock]):
    """Newest first."""

    list_display = ("first", "end")
    sortable_by = ()
    ordering = ("-first",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[DocumentBlock]:
        """Without the words, which are some tens of KB each: only a row's own page reads them."""
        return super().get_queryset(request).defer("words")
