"""Costs that were added up by the hour and the minute: to look at only. Workers write them anew from their rows."""

from django.contrib import admin

from jobs.models import (
    CostHour,
    CostMark,
    CostMinute,
    CostTagHour,
    CostTagMinute,
    StaleCostHour,
    StaleCostMinute,
)

from .base import ReadOnlyAdmin

SUMS = (
    *("environment", "capacity", "queue", "definition", "owner"),
    *("attempts", "usd", "idle_usd", "on_demand_usd"),
)
TAG_SUMS = ("owner", "key", "value", "attempts", "usd", "idle_usd")


@admin.register(CostHour)
class CostHourAdmin(ReadOnlyAdmin[CostHour]):
    """Newest first; by the index of hours, so lists are in no other order."""

    list_display = ("hour", *SUMS)
    list_select_related = ("environment", "queue", "definition", "owner")
    sortable_by = ()
    ordering = ("-hour", "-id")


@admin.register(CostTagHour)
class CostTagHourAdmin(ReadOnlyAdmin[CostTagHour]):
    """Newest first."""

    list_display = ("hour", *TAG_SUMS)
    list_select_related = ("owner",)
    sortable_by = ()
    ordering = ("-hour", "-id")


@admin.register(CostMinute)
class CostMinuteAdmin(ReadOnlyAdmin[CostMinute]):
    """Newest first."""

    list_display = ("minute", *SUMS)
    list_select_related = ("environment", "queue", "definition", "owner")
    sortable_by = ()
    ordering = ("-minute", "-id")


@admin.register(CostTagMinute)
class CostTagMinuteAdmin(ReadOnlyAdmin[CostTagMinute]):
    """Newest first."""

    list_display = ("minute", *TAG_SUMS)
    list_select_related = ("owner",)
    sortable_by = ()
    ordering = ("-minute", "-id")


@admin.register(CostMark)
class CostMarkAdmin(ReadOnlyAdmin[CostMark]):
    list_display = ("name", "since", "until")


@admin.register(StaleCostHour)
class StaleCostHourAdmin(ReadOnlyAdmin[StaleCostHour]):
    list_display = ("hour",)
    ordering = ("hour",)


@admin.register(StaleCostMinute)
class StaleCostMinuteAdmin(ReadOnlyAdmin[StaleCostMinute]):
    list_display = ("minute",)
    ordering = ("minute",)
