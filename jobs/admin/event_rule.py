"""Rules that send events, and their deliveries: only to look at. What signs webhooks is not shown."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.models import EventDelivery, EventRule

from .base import ReadOnlyAdmin, clipped


@admin.register(EventRule)
class EventRuleAdmin(ReadOnlyAdmin[EventRule]):
    list_display = (
        *("name", "owner", "is_enabled", "target_kind", "address"),
        *("last_sent_at", "failures", "next_at"),
    )
    list_select_related = ("owner",)
    list_filter = ("target_kind", "is_enabled")
    search_fields = ("name",)
    exclude: ClassVar[tuple[str, ...]] = ("encrypted", "claim")

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventRule]:
        return super().get_queryset(request).defer("encrypted")


@admin.register(EventDelivery)
class EventDeliveryAdmin(ReadOnlyAdmin[EventDelivery]):
    """Newest first: ids grow with time."""

    list_display = (
        *("id", "rule", "kind", "name", "status", "at", "state", "tries", "status_code"),
        clipped("error"),
    )
    list_select_related = ("rule",)
    ordering = ("-id",)
    sortable_by = ()
