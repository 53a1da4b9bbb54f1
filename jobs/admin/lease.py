"""Which scheduler is active: to look at only, a hand edit would let two decide at once."""

from django.contrib import admin

from jobs.models import SchedulerLease

from .base import ReadOnlyAdmin


@admin.register(SchedulerLease)
class SchedulerLeaseAdmin(ReadOnlyAdmin[SchedulerLease]):
    list_display = ("name", "holder", "token", "beats")
