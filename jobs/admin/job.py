"""Jobs and what belongs to them. A hand edit would break their history, so all is read-only."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from jobs.domain.access_actions import CANCEL_JOB, TERMINATE_JOB
from jobs.domain.states import CANCELLABLE
from jobs.models import (
    Attempt,
    Job,
    NodeTransition,
    QueueBlock,
    Transition,
    UsageSample,
    WaitReason,
)
from jobs.models.job import LIVE_STATUSES
from jobs.services.requests.stop import cancel_job, terminate_job

from .base import OfJobAdmin, ReadOnlyAdmin, Sized, SubmittedFilter, clipped, uuid_or_none

if TYPE_CHECKING:
    _AttemptInline = admin.TabularInline[Attempt, Job]
    _TransitionInline = admin.TabularInline[Transition, Job]
else:
    _AttemptInline = _TransitionInline = admin.TabularInline


class AttemptInline(_AttemptInline):
    model = Attempt
    fields = readonly_fields = (
        "number",
        "node_index",
        "container_name",
        "environment",
        "node",
        "container",
        "started_at",
        "stopped_at",
        "exit_code",
        "why",
        "cost_usd",
    )
    extra = 0
    can_delete = False
    show_change_link = True
    container = staticmethod(clipped("container_id", characters=13))
    why = staticmethod(clipped("status_reason"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        return super().get_queryset(request).select_related("environment", "node")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class TransitionInline(_TransitionInline):
    model = Transition
    fields = readonly_fields = (
        "at",
        "attempt_number",
        "from_status",
        "to_status",
        "why",
    )
    extra = 0
    can_delete = False
    ordering = ("id",)
    why = staticmethod(clipped("reason", characters=120))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(Sized, ReadOnlyAdmin[Job]):
    list_display = (
        clipped("name", characters=40),
        "status",
        "created_at",
        clipped("queue", characters=30),
        clipped("definition", characters=30),
        "owner",
        "vcpus",
        "memory",
        "attempts_made",
        "exit_code",
        "cost_usd",
        "id",
    )
    list_select_related = ("queue", "definition", "owner")
    list_filter = ("status", SubmittedFilter, "queue")
    search_fields = ("id", "name")
    search_help_text = "A job's id, or its exact name."
    sortable_by = ()
    ordering = ("-id",)
    inlines = (AttemptInline, TransitionInline)
    actions = ("terminate_selected", "cancel_selected")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """By the indexes on id and name: a search inside names would read every job."""
        term = search_term.strip()
        if not term:
            return queryset, False
        job_id = uuid_or_none(term)
        found = queryset.filter(name=term) if job_id is None else queryset.filter(id=job_id)
        return found, False

    @admin.action(
        description="Terminate selected jobs (running ones are stopped)", permissions=["operate"]
    )
    def terminate_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        now = timezone.now()
        reason = f"Terminated in the administration by {request.user.get_username()}"
        self.apply(
            request,
            queryset.filter(status__in=LIVE_STATUSES),
            "Terminated",
            lambda job: terminate_job(job=job, reason=reason, now=now),
            right=TERMINATE_JOB,
        )

    @admin.action(
        description="Cancel selected jobs (only those that wait)", permissions=["operate"]
    )
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        now = timezone.now()
        reason = f"Cancelled in the administration by {request.user.get_username()}"
        self.apply(
            request,
            queryset.filter(status__in=CANCELLABLE),
            "Cancelled",
            lambda job: cancel_job(job=job, reason=reason, now=now),
            right=CANCEL_JOB,
        )


class LiveFilter(admin.SimpleListFilter):
    """Attempts that hold resources of a node now: few, and with an index of their own."""

    title = "now"
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "Not ended yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> QuerySet[Attempt]:
        return queryset.filter(ended_at__isnull=True) if self.value() == "1" else queryset


@admin.register(Attempt)
class AttemptAdmin(Sized, OfJobAdmin[Attempt]):
    list_display = (
        "__str__",
        "node_index",
        "container_name",
        "environment",
        "node",
        "vcpus",
        "memory",
        "placed_at",
        "started_at",
        "ended_at",
        "exit_code",
        "oom_killed",
        "cost_usd",
    )
    list_select_related = ("environment", "node")
    list_filter = (LiveFilter,)


@admin.register(Transition)
class TransitionAdmin(OfJobAdmin[Transition]):
    list_display = (
        "id",
        "job_id",
        "attempt_number",
        "from_status",
        "to_status",
        clipped("reason"),
        "at",
    )


@admin.register(NodeTransition)
class NodeTransitionAdmin(OfJobAdmin[NodeTransition]):
    list_display = (
        "id",
        "job_id",
        "attempt_number",
        "node_index",
        "to_status",
        clipped("reason"),
        "at",
    )


@admin.register(QueueBlock)
class QueueBlockAdmin(OfJobAdmin[QueueBlock]):
    list_display = ("id", "queue", "job_id", clipped("reason", characters=120), "at")
    list_select_related = ("queue",)


@admin.register(WaitReason)
class WaitReasonAdmin(OfJobAdmin[WaitReason]):
    list_display = ("id", "job_id", "since", clipped("reason", characters=120))


@admin.register(UsageSample)
class UsageSampleAdmin(Sized, OfJobAdmin[UsageSample]):
    job_path = "attempt__job_id"
    list_display = ("id", "attempt", "at", "vcpus", "memory")
    list_select_related = ("attempt",)
