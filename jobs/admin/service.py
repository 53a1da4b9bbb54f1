"""Service environments and quota shares: only to look at, the API makes and changes them."""

from django.contrib import admin

from jobs.models import JobQueueServiceEnvironment, QuotaShare, ServiceEnvironment

from .base import ReadOnlyAdmin


@admin.register(ServiceEnvironment)
class ServiceEnvironmentAdmin(ReadOnlyAdmin[ServiceEnvironment]):
    list_display = ("name", "type", "state", "created_at")
    list_filter = ("state",)
    search_fields = ("name",)


@admin.register(JobQueueServiceEnvironment)
class QueueServiceEnvironmentAdmin(ReadOnlyAdmin[JobQueueServiceEnvironment]):
    list_display = ("queue", "order", "environment")
    list_select_related = ("queue", "environment")
    search_fields = ("queue__name", "environment__name")


@admin.register(QuotaShare)
class QuotaShareAdmin(ReadOnlyAdmin[QuotaShare]):
    list_display = ("name", "queue", "state", "created_at")
    list_select_related = ("queue",)
    list_filter = ("state",)
    search_fields = ("name", "queue__name")
