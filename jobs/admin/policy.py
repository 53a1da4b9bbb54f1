"""Scheduling policies, and what shares have used."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from jobs.domain.variables import pairs_text
from jobs.models import SchedulingPolicy, ShareUsage
from jobs.services.setup.policies import check_policy, create_policy, delete_policy, update_policy

from .base import ReadOnlyAdmin, ServiceAdmin, ServiceForm, json_text


class PolicyForm(ServiceForm[SchedulingPolicy]):
    name = forms.CharField(required=False)
    share_decay_seconds = forms.CharField(
        required=False, initial="3600", help_text="How long past use counts. 0: 600 seconds."
    )
    compute_reservation = forms.CharField(
        required=False,
        initial="0",
        help_text="Percent of the maximum that is kept for shares that are not active.",
    )
    share_distribution = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "cols": 80}),
        help_text='JSON, such as [{"shareIdentifier": "teamA", "weightFactor": 0.5}]. A lower factor '
        "means more; shares that are not listed have 1.",
    )
    tags = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
        help_text="One a line: key=value.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["share_distribution"] = json_text(self.instance.share_distribution)
            self.initial["tags"] = pairs_text(self.instance.tags)

    def check_with_service(self, fields: dict[str, object]) -> None:
        check_policy(fields=fields, policy=self.instance if self.instance.pk else None)

    def write_with_service(
        self, request: HttpRequest, fields: dict[str, object]
    ) -> SchedulingPolicy:
        now = timezone.now()
        if self.instance.pk:
            return update_policy(policy=self.instance, fields=fields)
        return create_policy(fields=fields, now=now)


@admin.register(SchedulingPolicy)
class PolicyAdmin(ServiceAdmin[SchedulingPolicy]):
    form = PolicyForm
    list_display = ("name", "share_decay_seconds", "compute_reservation", "used_by", "created_at")
    search_fields = ("name",)
    fields = (
        "name",
        "share_decay_seconds",
        "compute_reservation",
        "share_distribution",
        "tags",
        "created_at",
    )
    readonly_fields = ("created_at",)
    fixed_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SchedulingPolicy]:
        return super().get_queryset(request).prefetch_related("queues")

    @admin.display(description="used by", empty_value="no queue")
    def used_by(self, row: SchedulingPolicy) -> str | None:
        return ", ".join(queue.name for queue in row.queues.all()) or None

    def delete_with_service(self, row: SchedulingPolicy) -> None:
        delete_policy(policy=row)


@admin.register(ShareUsage)
class ShareUsageAdmin(ReadOnlyAdmin[ShareUsage]):
    list_display = ("share_identifier", "queue", "milli_vcpu_seconds", "as_of")
    list_select_related = ("queue",)
    list_filter = ("queue",)
    search_fields = ("share_identifier",)
