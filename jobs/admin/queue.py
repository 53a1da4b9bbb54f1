"""Job queues, each with its environments in order."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from jobs.domain.queue_rules import MAX_QUEUE_ENVIRONMENTS
from jobs.models import (
    ComputeEnvironment,
    JobQueue,
    JobQueueEnvironment,
    QueueState,
    QueueType,
    SchedulingPolicy,
)
from jobs.services.setup.queues import check_queue, create_queue, delete_queue, update_queue

from .base import ReadOnlyAdmin, ServiceAdmin, ServiceForm, json_text

CHOICES = tuple(f"environment_{place}" for place in range(1, MAX_QUEUE_ENVIRONMENTS + 1))


def _choice(label: str) -> "forms.ModelChoiceField[ComputeEnvironment]":
    return forms.ModelChoiceField(
        queryset=ComputeEnvironment.objects.order_by("name"),
        to_field_name="name",
        required=False,
        label=label,
    )


class QueueForm(ServiceForm[JobQueue]):
    name = forms.CharField(required=False)
    priority = forms.CharField(required=False, help_text="A higher one goes first.", initial="1")
    state = forms.ChoiceField(choices=QueueState.choices, required=False)
    environment_1 = _choice("First environment")
    environment_2 = _choice("Second environment")
    environment_3 = _choice("Third environment")
    scheduling_policy = forms.ModelChoiceField(
        queryset=SchedulingPolicy.objects.order_by("name"),
        to_field_name="name",
        required=False,
        help_text="Empty: first in, first out. A queue keeps its kind; the policy can be replaced.",
    )
    backfill = forms.BooleanField(
        required=False,
        initial=True,
        help_text="Smaller jobs may pass one that waits for room, if that does not delay it.",
    )
    time_limit_actions = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80}),
        help_text='JSON, such as [{"reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "state": '
        '"RUNNABLE", "maxTimeSeconds": 3600, "action": "CANCEL"}].',
    )

    field_of = {"environments": "environment_1"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            places = self.instance.environment_order.select_related("environment")
            for field, place in zip(CHOICES, places, strict=False):
                self.initial[field] = place.environment.name
            policy = self.instance.scheduling_policy
            self.initial["scheduling_policy"] = policy.name if policy else None
            self.initial["time_limit_actions"] = json_text(self.instance.time_limit_actions)

    def service_fields(self) -> dict[str, object]:
        fields = super().service_fields()
        chosen = [fields.pop(field) for field in CHOICES]
        names = [each.name for each in chosen if isinstance(each, ComputeEnvironment)]
        policy = fields["scheduling_policy"]
        fields["scheduling_policy"] = policy.name if isinstance(policy, SchedulingPolicy) else ""
        if self.instance.type == QueueType.SAGEMAKER_TRAINING:
            return fields
        return {**fields, "environments": names}

    def check_with_service(self, fields: dict[str, object]) -> None:
        check_queue(fields=fields, queue=self.instance if self.instance.pk else None)

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> JobQueue:
        if self.instance.pk:
            return update_queue(queue=self.instance, fields=fields)
        return create_queue(fields=fields, now=timezone.now())


@admin.register(JobQueue)
class QueueAdmin(ServiceAdmin[JobQueue]):
    form = QueueForm
    list_display = (
        "name",
        "priority",
        "state",
        "status",
        "type",
        "environment_names",
        "scheduling_policy",
        "created_at",
    )
    list_select_related = ("scheduling_policy",)
    list_filter = ("state", "status", "type")
    search_fields = ("name",)
    date_hierarchy = "created_at"
    fields = (
        "name",
        "priority",
        "state",
        *CHOICES,
        "scheduling_policy",
        "backfill",
        "time_limit_actions",
        "type",
        "status",
        "status_reason",
        "tags",
        "created_at",
    )
    readonly_fields = ("type", "status", "status_reason", "tags", "created_at")
    fixed_fields = ("name",)
    actions = ("enable_selected", "disable_selected")

    def get_queryset(self, request: HttpRequest) -> QuerySet[JobQueue]:
        return super().get_queryset(request).prefetch_related("environment_order__environment")

    @admin.display(description="environments")
    def environment_names(self, row: JobQueue) -> str:
        return ", ".join(place.environment.name for place in row.environment_order.all())

    def delete_with_service(self, row: JobQueue) -> None:
        delete_queue(queue=row)

    @admin.action(description="Enable selected queues", permissions=["operate"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[JobQueue]) -> None:
        self._set_state(request, queryset, QueueState.ENABLED, "Enabled")

    @admin.action(description="Disable selected queues", permissions=["operate"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[JobQueue]) -> None:
        self._set_state(request, queryset, QueueState.DISABLED, "Disabled")

    def _set_state(
        self, request: HttpRequest, queryset: QuerySet[JobQueue], state: QueueState, verb: str
    ) -> None:
        self.apply(
            request,
            queryset.exclude(state=state),
            verb,
            lambda row: update_queue(queue=row, fields={"state": state}),
            right="batch:UpdateJobQueue",
        )


@admin.register(JobQueueEnvironment)
class QueueEnvironmentAdmin(ReadOnlyAdmin[JobQueueEnvironment]):
    """To look at: the queue's own form has the order."""

    list_display = ("queue", "order", "environment")
    list_display_links = ("order",)
    list_select_related = ("queue", "environment")
    list_filter = ("queue", "environment")
