"""Alarms, and the rows by time that they and the charts are made of."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from jobs.domain.alarms import DEFAULT_PERIOD_MINUTES, DEFAULT_PERIODS
from jobs.models import (
    Alarm,
    AlarmChange,
    AlarmComparison,
    AlarmMetric,
    EnvironmentMetric,
    FollowMark,
    QueueMetric,
)
from jobs.services.setup.alarms import (
    check_alarm,
    create_alarm,
    delete_alarm,
    update_alarm,
    values_of,
)

from .base import ReadOnlyAdmin, ServiceAdmin, ServiceForm


class AlarmForm(ServiceForm[Alarm]):
    name = forms.CharField(required=False)
    metric = forms.ChoiceField(choices=AlarmMetric.choices, required=False)
    queue = forms.CharField(
        required=False, help_text="Of a metric of jobs: a queue's name. Empty: all of them."
    )
    environment = forms.CharField(
        required=False, help_text="Of use: an environment's name. Empty: all of them."
    )
    comparison = forms.ChoiceField(choices=AlarmComparison.choices, required=False)
    threshold = forms.CharField(required=False)
    period_minutes = forms.CharField(required=False, initial=DEFAULT_PERIOD_MINUTES)
    periods = forms.CharField(required=False, initial=DEFAULT_PERIODS)
    is_enabled = forms.BooleanField(required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial.update(values_of(self.instance))

    def check_with_service(self, fields: dict[str, object]) -> None:
        check_alarm(fields=fields, alarm=self.instance if self.instance.pk else None)

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> Alarm:
        now = timezone.now()
        if self.instance.pk:
            return update_alarm(alarm=self.instance, fields=fields, now=now)
        return create_alarm(fields=fields, now=now)


@admin.register(Alarm)
class AlarmAdmin(ServiceAdmin[Alarm]):
    form = AlarmForm
    list_display = (
        "name",
        "metric",
        "queue",
        "environment",
        "comparison",
        "threshold",
        "state",
        "state_since",
        "is_enabled",
    )
    list_select_related = ("queue", "environment")
    list_filter = ("state", "metric", "is_enabled")
    search_fields = ("name",)
    readonly_fields = ("state", "state_reason", "state_since", "created_at")
    fields = (*AlarmForm.base_fields, *readonly_fields)

    def delete_with_service(self, row: Alarm) -> None:
        delete_alarm(alarm=row)


@admin.register(AlarmChange)
class AlarmChangeAdmin(ReadOnlyAdmin[AlarmChange]):
    list_display = ("id", "alarm", "from_state", "to_state", "at", "reason")
    list_select_related = ("alarm",)
    ordering = ("-id",)
    sortable_by = ()


class _MetricAdmin(ReadOnlyAdmin[Any]):
    """Newest first within the length that is chosen: both are in the index."""

    list_filter = ("seconds",)
    ordering = ("-id",)
    sortable_by = ()


@admin.register(QueueMetric)
class QueueMetricAdmin(_MetricAdmin):
    list_display = (
        *("id", "seconds", "start", "queue", "submitted", "started", "succeeded", "failed"),
        *("samples", "waiting_sum", "waiting_max", "running_sum", "running_max"),
    )
    list_select_related = ("queue",)


@admin.register(EnvironmentMetric)
class EnvironmentMetricAdmin(_MetricAdmin):
    list_display = (
        *("id", "seconds", "start", "environment", "samples"),
        *("used_milli_vcpus_sum", "total_milli_vcpus_sum", "instances_sum"),
    )
    list_select_related = ("environment",)


@admin.register(FollowMark)
class FollowMarkAdmin(ReadOnlyAdmin[FollowMark]):
    list_display = ("name", "transition_id", "node_transition_id", "queue_block_id", "until")
