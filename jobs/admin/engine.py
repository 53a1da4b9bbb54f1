"""Engines, their nodes, and pulls of images to them."""

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from jobs.models import Engine, EngineKind, ImagePull, Node
from jobs.services.setup.engines import (
    check_engine,
    check_node,
    create_engine,
    delete_engine,
    update_engine,
    update_node,
)

from .base import ReadOnlyAdmin, ServiceAdmin, ServiceForm, Sized, clipped

SEEN = (
    "status",
    "status_reason",
    "version",
    "boot_id",
    "last_seen_at",
    "gap_from",
    "gap_until",
)


class EngineForm(ServiceForm[Engine]):
    name = forms.CharField(required=False)
    kind = forms.ChoiceField(choices=EngineKind.choices, required=False)
    url = forms.CharField(
        required=False,
        label="URL",
        help_text="Such as unix:///var/run/docker.sock. Empty: as DOCKER_HOST says. "
        "A changed URL is in use within seconds.",
        widget=forms.TextInput(attrs={"size": 60}),
    )
    cpu_overcommit = forms.CharField(
        required=False,
        label="vCPUs handed out for each",
        help_text="1: no more than its machines have. Up to 10 where jobs use less than they ask for.",
    )

    def check_with_service(self, fields: dict[str, object]) -> None:
        check_engine(fields=fields, engine=self.instance if self.instance.pk else None)

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> Engine:
        if self.instance.pk:
            return update_engine(engine=self.instance, fields=fields)
        return create_engine(fields=fields)


@admin.register(Engine)
class EngineAdmin(ServiceAdmin[Engine]):
    form = EngineForm
    list_display = ("name", "kind", "url", "cpu_overcommit", "status", "version", "last_seen_at")
    list_filter = ("status", "kind")
    search_fields = ("name",)
    fields = ("name", "kind", "url", "cpu_overcommit", *SEEN)
    readonly_fields = SEEN
    fixed_fields = ("name", "kind")

    def delete_with_service(self, row: Engine) -> None:
        delete_engine(engine=row)


class NodeForm(ServiceForm[Node]):
    gpus = forms.CharField(
        required=False,
        label="GPUs",
        help_text="How many jobs may use. Docker does not tell: count them yourself.",
    )

    def check_with_service(self, fields: dict[str, object]) -> None:
        check_node(fields=fields, node=self.instance)

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> Node:
        return update_node(node=self.instance, fields=fields)


@admin.register(Node)
class NodeAdmin(Sized, ServiceAdmin[Node]):
    """All but the GPUs is told by the engine."""

    form = NodeForm
    list_display = (
        "name",
        "instance_id",
        "engine",
        "state",
        "vcpus",
        "memory",
        "gpus",
        "architecture",
    )
    list_select_related = ("engine",)
    list_filter = ("state", "engine")
    search_fields = ("name", "instance_id")
    fields = list_display
    readonly_fields = ("name", "instance_id", "engine", "state", "vcpus", "memory", "architecture")

    def has_add_permission(self, request: HttpRequest, obj: Node | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Node | None = None) -> bool:
        return False


@admin.register(ImagePull)
class ImagePullAdmin(ReadOnlyAdmin[ImagePull]):
    list_display = (
        clipped("image"),
        "engine",
        "login",
        "status",
        clipped("detail"),
        "bytes_done",
        "bytes_total",
        "started_at",
        "updated_at",
    )
    list_select_related = ("engine",)
    list_filter = ("status", "engine")
    search_fields = ("image",)
    date_hierarchy = "started_at"
