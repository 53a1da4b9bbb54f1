"""Job definitions. A revision never changes: adding one registers the next, an action deregisters."""

import shlex
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs.domain.access_actions import DEREGISTER_JOB_DEFINITION
from jobs.domain.numbers import is_whole
from jobs.domain.variables import variables_text
from jobs.models import DefinitionStatus, JobDefinition
from jobs.selectors.definition_texts import definition_texts
from jobs.services.setup.definitions import (
    check_definition,
    deregister_definition,
    register_definition,
)

from .base import ServiceAdmin, ServiceForm, Sized

SOURCE = "source"
RESOURCES_AND_RETRIES = (
    "vcpus",
    "memory_mib",
    "gpus",
    "attempts",
    "evaluate_on_exit",
    "timeout_seconds",
    "scheduling_priority",
    "consumables",
)
PROPERTIES = ("container", "parameters", "ecs_properties", "node_properties")
TAGS = ("tags", "propagate_tags")


def _several_lines(help_text: str, *, label: str | None = None) -> forms.CharField:
    return forms.CharField(
        required=False,
        label=label,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
        help_text=help_text,
    )


class DefinitionForm(ServiceForm[JobDefinition]):
    name = forms.CharField(
        required=False, help_text="A name that exists already gets its next revision."
    )
    description = forms.CharField(required=False, widget=forms.TextInput(attrs={"size": 80}))
    image = forms.CharField(required=False, widget=forms.TextInput(attrs={"size": 60}))
    command = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
        help_text="As in a shell. Empty: the image's own.",
    )
    environment = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80}),
        help_text="One variable a line: NAME=value.",
    )
    vcpus = forms.CharField(required=False, label="vCPUs", initial="1")
    memory_mib = forms.CharField(required=False, label="Memory (MiB)", initial="512")
    attempts = forms.CharField(required=False, initial="1")
    evaluate_on_exit = forms.CharField(
        required=False,
        label="Retry rules",
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80}),
        help_text='JSON, such as [{"onExitCode": "137", "action": "RETRY"}]. The first that matches '
        "decides; if none does, a failed attempt is tried again.",
    )
    timeout_seconds = forms.CharField(
        required=False,
        label="Time limit (seconds)",
        help_text="Of each attempt, at least 60. Empty: none.",
    )

    gpus = forms.CharField(required=False, label="GPUs", help_text="Empty: none.")
    container = _several_lines(
        "JSON: further members of AWS's containerProperties, such as user, linuxParameters, ulimits, "
        "volumes and mountPoints, secrets, privileged.",
        label="Container properties",
    )
    parameters = _several_lines("Values for Ref::name in the command. One a line: name=value.")
    ecs_properties = _several_lines(
        "JSON: AWS's ecsProperties. Then image, command, environment and amounts stay empty.",
        label="Several containers",
    )
    node_properties = _several_lines(
        "JSON: AWS's nodeProperties. Then image, command, environment and amounts stay empty.",
        label="Several nodes",
    )
    scheduling_priority = forms.CharField(
        required=False,
        help_text="0 to 9999, on queues with fair share. Empty: each job says its own.",
    )
    consumables = _several_lines(
        'JSON, such as [{"consumableResource": "licence", "quantity": 1}].',
        label="Consumable resources",
    )
    tags = _several_lines("One a line: key=value.")
    propagate_tags = forms.BooleanField(required=False, label="Tags go on to containers")

    def check_with_service(self, fields: dict[str, object]) -> None:
        check_definition(fields=fields)

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> JobDefinition:
        by = request.user if isinstance(request.user, User) else None
        return register_definition(
            fields=fields, by=by, now=timezone.now(), address=request.META.get("REMOTE_ADDR") or ""
        )


@admin.register(JobDefinition)
class DefinitionAdmin(Sized, ServiceAdmin[JobDefinition]):
    form = DefinitionForm
    list_display = (
        "__str__",
        "status",
        "image",
        "command_text",
        "vcpus",
        "memory",
        "attempts",
        "created_by",
        "created_at",
    )
    list_select_related = ("created_by",)
    list_filter = ("status",)
    search_fields = ("name", "image")
    date_hierarchy = "created_at"
    actions = ("deregister_selected",)
    fieldsets = (
        (None, {"fields": ("name", "description", "image", "command", "environment")}),
        ("Resources and retries", {"fields": RESOURCES_AND_RETRIES}),
        ("Properties", {"fields": PROPERTIES, "classes": ("collapse",)}),
        ("Tags", {"fields": TAGS, "classes": ("collapse",)}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: JobDefinition | None = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        shown = (
            "name",
            "revision",
            "type",
            "status",
            "next_revision",
            "description",
            "image",
            "command_text",
            "environment_text",
            "vcpus",
            "memory",
            "gpus",
            "attempts",
            "evaluate_on_exit",
            "timeout_seconds",
            "scheduling_priority",
            "consumables",
            *PROPERTIES,
            *TAGS,
            "extra",
            "created_by",
            "created_at",
        )
        return ((None, {"fields": shown}),)

    def get_readonly_fields(self, request: HttpRequest, obj: JobDefinition | None = None) -> Any:
        return () if obj is None else self.get_fieldsets(request, obj)[0][1]["fields"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Of `?source=<id>`: a new revision starts as a copy of an old one."""
        source = request.GET.get(SOURCE, "")
        row = JobDefinition.objects.filter(id=int(source)).first() if is_whole(source) else None
        if row is None:
            return {}
        return dict(definition_texts(row))

    @admin.display(description="command", empty_value="the image's own")
    def command_text(self, row: JobDefinition) -> str | None:
        return shlex.join(row.command) or None

    @admin.display(description="environment", empty_value="none")
    def environment_text(self, row: JobDefinition) -> SafeString | None:
        text = variables_text(row.environment)
        return format_html("<pre>{}</pre>", text) if text else None

    @admin.display(description="change")
    def next_revision(self, row: JobDefinition) -> SafeString:
        url = reverse("admin:jobs_jobdefinition_add")
        return format_html(
            'A revision never changes. <a href="{}?{}={}">Register the next one, '
            "starting from this</a>.",
            url,
            SOURCE,
            row.pk,
        )

    @admin.action(description="Deregister selected revisions", permissions=["operate"])
    def deregister_selected(self, request: HttpRequest, queryset: QuerySet[JobDefinition]) -> None:
        now = timezone.now()
        by = request.user if isinstance(request.user, User) else None
        address = str(request.META.get("REMOTE_ADDR") or "")
        self.apply(
            request,
            queryset.filter(status=DefinitionStatus.ACTIVE),
            "Deregistered",
            lambda row: deregister_definition(definition=row, by=by, now=now, address=address),
            right=DEREGISTER_JOB_DEFINITION,
        )
