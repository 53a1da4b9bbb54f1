"""What jobs run, arrays' counters, and dependencies. Services keep them in step with jobs: read-only."""

from django.contrib import admin

from jobs.models import ArraySummary, JobDependency, JobSpec

from .base import OfJobAdmin, clipped


@admin.register(JobSpec)
class JobSpecAdmin(OfJobAdmin[JobSpec]):
    # An array's children share their parent's.
    job_path = "jobs"
    search_fields = ("jobs",)
    list_display = ("id", clipped("image"), clipped("command"), "sequential")


@admin.register(ArraySummary)
class ArraySummaryAdmin(OfJobAdmin[ArraySummary]):
    list_display = (
        "job_id",
        "submitted",
        "pending",
        "runnable",
        "starting",
        "running",
        "succeeded",
        "failed",
    )
    ordering = ("-job_id",)


@admin.register(JobDependency)
class JobDependencyAdmin(OfJobAdmin[JobDependency]):
    list_display = ("id", "job_id", "on_id", "type", "met")
