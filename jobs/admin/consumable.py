"""Consumable resources, and who holds what of them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from jobs.models import ConsumableChange, ConsumableHold, ConsumableResource, ConsumableType
from jobs.services.setup.consumable_resources import (
    check_change,
    check_resource,
    create_resource,
    delete_resource,
    update_resource,
)

from .base import OfJobAdmin, ReadOnlyAdmin, ServiceAdmin, ServiceForm

TAGS_HELP = "One a line: key=value. Later they are changed through the API."


class ResourceForm(ServiceForm[ConsumableResource]):
    name = forms.CharField(required=False)
    type = forms.ChoiceField(
        choices=ConsumableType.choices,
        required=False,
        help_text="REPLENISHABLE: a job gives it back when it ends.",
    )
    total_quantity = forms.CharField(required=False, help_text="How much there is in all.")

    tags = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3, "cols": 80}), help_text=TAGS_HELP
    )

    field_of = {"quantity": "total_quantity"}

    def service_fields(self) -> dict[str, object]:
        fields = super().service_fields()
        if self.instance.pk:
            return {"operation": "SET", "quantity": fields["total_quantity"]}
        return fields

    def check_with_service(self, fields: dict[str, object]) -> None:
        if self.instance.pk:
            check_change(resource=self.instance, fields=fields)
        else:
            check_resource(fields=fields)

    def write_with_service(
        self, request: HttpRequest, fields: dict[str, object]
    ) -> ConsumableResource:
        now = timezone.now()
        if self.instance.pk:
            return update_resource(resource=self.instance, fields=fields, now=now)
        return create_resource(fields=fields, now=now)


@admin.register(ConsumableResource)
class ResourceAdmin(ServiceAdmin[ConsumableResource]):
    form = ResourceForm
    list_display = ("name", "type", "total_quantity", "in_use_quantity", "available", "created_at")
    list_filter = ("type",)
    search_fields = ("name",)
    fields = ("name", "type", "total_quantity", "in_use_quantity", "tags", "created_at")
    readonly_fields = ("in_use_quantity", "created_at")
    fixed_fields = ("name", "type", "tags")

    @admin.display(description="available")
    def available(self, row: ConsumableResource) -> int:
        return row.available_quantity

    def delete_with_service(self, row: ConsumableResource) -> None:
        delete_resource(resource=row)


class HeldFilter(admin.SimpleListFilter):
    """Holds that are not given back yet: few, and with an index of their own."""

    title = "now"
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "Held now")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ConsumableHold]
    ) -> QuerySet[ConsumableHold]:
        return queryset.filter(released_at__isnull=True) if self.value() == "1" else queryset


@admin.register(ConsumableHold)
class HoldAdmin(OfJobAdmin[ConsumableHold]):
    list_display = (
        "id",
        "job_id",
        "attempt_number",
        "resource",
        "quantity",
        "taken_at",
        "released_at",
    )
    list_select_related = ("resource",)
    list_filter = (HeldFilter,)


@admin.register(ConsumableChange)
class ChangeAdmin(ReadOnlyAdmin[ConsumableChange]):
    """To look at: changes that were asked for with a token, for as long as that holds."""

    list_display = ("client_token", "resource", "at")
    list_select_related = ("resource",)
    search_fields = ("client_token", "resource__name")
