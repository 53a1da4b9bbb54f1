"""Instance types, and the instances and Spot pressure that passes write."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from jobs.domain.environments.instance_types import ARCHITECTURES
from jobs.models import Instance, InstanceType, SpotPressure
from jobs.services.setup.instance_types import (
    PURCHASE_FIELDS,
    SIZE_FIELDS,
    check_instance_type,
    create_instance_type,
    delete_instance_type,
    update_instance_type,
    values_of,
)

from .base import ReadOnlyAdmin, ServiceAdmin, ServiceForm, Sized

PRICES = ("usd_per_hour", "spot_usd_per_hour", "region", "priced_on")
# Shown of what cannot be changed, in the place of the form's `vcpus`.
SHOWN_SIZE = ("vcpus", "memory", "gpus", "gpu_name", "architecture")


class InstanceTypeForm(ServiceForm[InstanceType]):
    name = forms.CharField(
        required=False, help_text="Family, dot, size, such as rack.large. It stays as it is."
    )
    vcpus = forms.CharField(required=False, label="vCPUs")
    memory_mib = forms.CharField(required=False, label="Memory (MiB)")
    gpus = forms.CharField(required=False, label="GPUs")
    gpu_name = forms.CharField(required=False, label="GPU name")
    architecture = forms.ChoiceField(
        choices=[(each, each) for each in ARCHITECTURES], required=False
    )
    usd_per_hour = forms.CharField(
        required=False,
        label="US dollars per hour",
        help_text="On-Demand. Empty for a custom type that is priced by what its machine cost.",
    )
    spot_usd_per_hour = forms.CharField(
        required=False,
        label="Spot, US dollars per hour",
        help_text="Where nobody else wants the capacity. Empty: not to be had as Spot.",
    )
    region = forms.CharField(required=False, help_text="Where the prices hold.")
    priced_on = forms.CharField(
        required=False, help_text="Of which day the prices are: 2026-07-20."
    )
    purchase_usd = forms.CharField(required=False, label="Purchase, US dollars")
    lifetime_years = forms.CharField(required=False, label="Lifetime, years")
    watts = forms.CharField(required=False, label="Power, watts")
    usd_per_kwh = forms.CharField(required=False, label="Power, US dollars per kWh")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        row = kwargs.get("instance")
        if row is not None:
            kwargs["initial"] = {**values_of(row), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def check_with_service(self, fields: dict[str, object]) -> None:
        row = self.instance if self.instance.pk else None
        check_instance_type(fields=fields, instance_type=row)

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> InstanceType:
        if self.instance.pk:
            return update_instance_type(instance_type=self.instance, fields=fields)
        return create_instance_type(fields=fields)


@admin.register(InstanceType)
class InstanceTypeAdmin(Sized, ServiceAdmin[InstanceType]):
    """Prices of all types; sizes of custom ones, which alone are added and deleted here."""

    form = InstanceTypeForm
    list_display = (
        "name",
        "vcpus",
        "memory",
        "gpus",
        "gpu_name",
        "architecture",
        "usd_per_hour",
        "spot_usd_per_hour",
        "region",
        "priced_on",
        "is_custom",
    )
    list_filter = ("is_custom", "architecture", "family")
    search_fields = ("name", "gpu_name")
    ordering = ("family", "milli_vcpus", "memory_mib", "name")

    def get_readonly_fields(self, request: HttpRequest, obj: InstanceType | None = None) -> Any:
        if obj is None:
            return ()
        if obj.is_custom:
            return ("name",)
        # Those that are not shown, too: so the form has no field of theirs.
        return ("name", *SHOWN_SIZE, "memory_mib", *PURCHASE_FIELDS)

    def get_fields(self, request: HttpRequest, obj: InstanceType | None = None) -> Any:
        if obj is not None and not obj.is_custom:
            return ("name", *SHOWN_SIZE, *PRICES)
        return ("name", *SIZE_FIELDS, *PRICES, *PURCHASE_FIELDS)

    def has_delete_permission(self, request: HttpRequest, obj: InstanceType | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_custom)

    def delete_with_service(self, row: InstanceType) -> None:
        delete_instance_type(instance_type=row)


class LiveFilter(admin.SimpleListFilter):
    """Instances that are not ended: few, and with an index of their own."""

    title = "now"
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "Live now")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Instance]) -> QuerySet[Instance]:
        return queryset.filter(ended_at__isnull=True) if self.value() == "1" else queryset


@admin.register(Instance)
class InstanceAdmin(Sized, ReadOnlyAdmin[Instance]):
    """To look at: passes of the scheduler launch and end instances. Newest first."""

    list_display = (
        "instance_id",
        "type_name",
        "is_spot",
        "state",
        "environment",
        "node",
        "launched_at",
        "ended_at",
        "end_cause",
        "usd",
        "idle_usd",
    )
    list_select_related = ("environment", "node")
    list_filter = (LiveFilter,)
    # By the index: a comparison of texts would read all that was ever launched.
    search_fields = ("instance_id__exact",)
    search_help_text = "An instance's id."
    sortable_by = ()
    ordering = ("-id",)


@admin.register(SpotPressure)
class SpotPressureAdmin(ReadOnlyAdmin[SpotPressure]):
    """To look at: how much of an engine was asked for, from when on. Newest first."""

    list_display = ("engine", "pressure", "at")
    list_select_related = ("engine",)
    list_filter = ("engine",)
    sortable_by = ()
    ordering = ("-id",)
