"""Compute environments."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from jobs.domain.resources import format_vcpus
from jobs.models import (
    ComputeEnvironment,
    Engine,
    EnvironmentState,
    default_usd_per_gib_hour,
    default_usd_per_vcpu_hour,
)
from jobs.services.setup.environments import (
    check_environment,
    create_environment,
    delete_environment,
    update_environment,
)

from .base import ServiceAdmin, ServiceForm, json_text


class EnvironmentForm(ServiceForm[ComputeEnvironment]):
    name = forms.CharField(required=False)
    engine = forms.ModelChoiceField(
        queryset=Engine.objects.order_by("name"), to_field_name="name", required=False
    )
    state = forms.ChoiceField(choices=EnvironmentState.choices, required=False)
    max_vcpus = forms.CharField(
        required=False, label="Maximum vCPUs", help_text="Empty: all that the engine has."
    )
    usd_per_vcpu_hour = forms.CharField(required=False, label="US dollars per vCPU-hour")
    usd_per_gib_hour = forms.CharField(required=False, label="US dollars per GiB-hour")
    idle_seconds = forms.CharField(
        required=False,
        label="Idle seconds",
        help_text="Of a MANAGED one: after so long without a job an instance ends. Empty: the usual.",
    )
    interruption_seconds = forms.CharField(
        required=False,
        label="Notice in seconds",
        help_text="Of a MANAGED one: what an interrupted Spot job still has. Empty: the usual.",
    )
    allowed_host_paths = forms.CharField(
        required=False,
        label="Host paths that jobs may mount",
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80}),
        help_text='JSON, such as [{"path": "/data", "readOnly": true}]. A job names exactly one '
        "of these, never a path below it. With / jobs see the whole machine.",
    )
    allow_privileged = forms.BooleanField(
        required=False,
        label="Jobs may run privileged",
        help_text="A privileged container has all rights on the machine.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row = self.instance
        if row.pk:
            maximum = row.max_milli_vcpus
            self.initial["max_vcpus"] = "" if maximum is None else format_vcpus(maximum)
            self.initial["allowed_host_paths"] = json_text(row.allowed_host_paths)
        else:
            self.initial.setdefault("usd_per_vcpu_hour", default_usd_per_vcpu_hour())
            self.initial.setdefault("usd_per_gib_hour", default_usd_per_gib_hour())

    def service_fields(self) -> dict[str, object]:
        fields = super().service_fields()
        if "engine" in fields:
            engine = fields["engine"]
            fields["engine"] = engine.name if isinstance(engine, Engine) else ""
        return fields

    def check_with_service(self, fields: dict[str, object]) -> None:
        check_environment(fields=fields, environment=self.instance if self.instance.pk else None)

    def write_with_service(
        self, request: HttpRequest, fields: dict[str, object]
    ) -> ComputeEnvironment:
        if self.instance.pk:
            return update_environment(environment=self.instance, fields=fields)
        return create_environment(fields=fields, now=timezone.now())


@admin.register(ComputeEnvironment)
class EnvironmentAdmin(ServiceAdmin[ComputeEnvironment]):
    form = EnvironmentForm
    list_display = (
        "name",
        "type",
        "engine",
        "state",
        "status",
        "max_vcpus",
        "usd_per_vcpu_hour",
        "usd_per_gib_hour",
    )
    list_select_related = ("engine",)
    list_filter = ("state", "status", "type", "engine")
    search_fields = ("name",)
    date_hierarchy = "created_at"
    # What the API or the scheduler writes.
    written_elsewhere = (
        "compute_resources",
        "unmanaged_vcpus",
        "service_role",
        "update_policy",
        "extra",
        "tags",
        "status",
        "status_reason",
        "created_at",
    )
    fields = (
        "name",
        "type",
        "engine",
        "state",
        "max_vcpus",
        "usd_per_vcpu_hour",
        "usd_per_gib_hour",
        "idle_seconds",
        "interruption_seconds",
        "allowed_host_paths",
        "allow_privileged",
        *written_elsewhere,
    )
    readonly_fields = ("type", *written_elsewhere)
    fixed_fields = ("name", "engine")
    actions = ("enable_selected", "disable_selected")

    @admin.display(description="maximum vCPUs", empty_value="all")
    def max_vcpus(self, row: ComputeEnvironment) -> Decimal | None:
        return None if row.max_milli_vcpus is None else Decimal(row.max_milli_vcpus) / 1000

    def delete_with_service(self, row: ComputeEnvironment) -> None:
        delete_environment(environment=row)

    @admin.action(description="Enable selected environments", permissions=["operate"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[ComputeEnvironment]) -> None:
        self._set_state(request, queryset, EnvironmentState.ENABLED, "Enabled")

    @admin.action(description="Disable selected environments", permissions=["operate"])
    def disable_selected(
        self, request: HttpRequest, queryset: QuerySet[ComputeEnvironment]
    ) -> None:
        self._set_state(request, queryset, EnvironmentState.DISABLED, "Disabled")

    def _set_state(
        self,
        request: HttpRequest,
        queryset: QuerySet[ComputeEnvironment],
        state: EnvironmentState,
        verb: str,
    ) -> None:
        self.apply(
            request,
            queryset.exclude(state=state),
            verb,
            lambda row: update_environment(environment=row, fields={"state": state}),
            right="batch:UpdateComputeEnvironment",
        )
