"""Costs that were added up by the hour: to look at only. The scheduler writes them anew from attempts and instances."""

from django.contrib import admin

from jobs.models import CostHour, CostMark, CostTagHour, StaleCostHour

from .base import ReadOnlyAdmin


@admin.register(CostHour)
class CostHourAdmin(ReadOnlyAdmin[CostHour]):
    """Newest first; by the index of hours, so lists are in no other order."""

    list_display = (
        "hour",
        "environment",
        "capacity",
        "queue",
        "definition",
        "owner",
        "attempts",
        "usd",
        "idle_usd",
        "on_demand_usd",
    )
    list_select_related = ("environment", "queue", "definition", "owner")
    sortable_by = ()
    ordering = ("-hour", "-id")


@admin.register(CostTagHour)
class CostTagHourAdmin(ReadOnlyAdmin[CostTagHour]):
    """Newest first."""

    list_display = ("hour", "owner", "key", "value", "attempts", "usd", "idle_usd")
    list_select_related = ("owner",)
    sortable_by = ()
    ordering = ("-hour", "-id")


@admin.register(CostMark)
class CostMarkAdmin(ReadOnlyAdmin[CostMark]):
    list_display = ("name", "until")


@admin.register(StaleCostHour)
class StaleCostHourAdmin(ReadOnlyAdmin[StaleCostHour]):
    list_display = ("hour",)
    ordering = ("hour",)
