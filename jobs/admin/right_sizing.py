"""What definitions' jobs asked for and used."""

from django.contrib import admin

from jobs.models import RightSizing

from .base import ReadOnlyAdmin


@admin.register(RightSizing)
class RightSizingAdmin(ReadOnlyAdmin[RightSizing]):
    """To look at: workers find it."""

    list_display = (
        "definition_name",
        "measured_runs",
        "fitting_milli_vcpus",
        "fitting_memory_mib",
        "saving_usd",
        "computed_at",
        "stale_at",
    )
    search_fields = ("definition_name",)
