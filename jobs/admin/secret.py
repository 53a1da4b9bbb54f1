"""Secrets. A value can be written here and never read."""

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from jobs.models import Secret
from jobs.services.access.secrets import check_secret, create_secret, delete_secret, update_secret

from .base import ServiceForm
from .encrypted import EncryptedAdmin, unread_value


class SecretForm(ServiceForm[Secret]):
    name = forms.CharField(required=False, help_text="Jobs ask for it by this name.")
    value = unread_value()
    shared = forms.BooleanField(required=False, help_text="Whether everybody's jobs may use it.")

    def check_with_service(self, fields: dict[str, object]) -> None:
        check_secret(fields=fields, secret=self.instance if self.instance.pk else None)

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> Secret:
        now = timezone.now()
        assert isinstance(request.user, User)
        if self.instance.pk:
            return update_secret(secret=self.instance, by=request.user, fields=fields, now=now)
        return create_secret(owner=request.user, fields=fields, now=now)


@admin.register(Secret)
@method_decorator(sensitive_variables(), name="changeform_view")
@method_decorator(sensitive_post_parameters("value"), name="changeform_view")
class SecretAdmin(EncryptedAdmin[Secret]):
    form = SecretForm
    list_display = ("name", "owner", "shared", "created_at", "updated_at")
    list_select_related = ("owner",)
    list_filter = ("shared",)
    search_fields = ("name",)
    fields = ("name", "value", "shared", "owner", "created_at", "updated_at")
    readonly_fields = ("owner", "created_at", "updated_at")
    fixed_fields = ("name",)

    def delete_with_service(self, row: Secret) -> None:
        delete_secret(secret=row)
