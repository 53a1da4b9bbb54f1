"""Logins of image registries. A password can be written here and never read."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from jobs.models import RegistryLogin
from jobs.services.access.registry_logins import (
    check_login,
    create_login,
    delete_login,
    update_login,
)

from .base import ServiceForm
from .encrypted import EncryptedAdmin, unread_value


class RegistryLoginForm(ServiceForm[RegistryLogin]):
    # Django takes fields out of the class: its own attribute of this name stays what it is.
    prefix = forms.CharField(  # type: ignore[assignment]
        required=False, help_text="Such as registry.example.com/team."
    )
    username = forms.CharField(required=False)
    password = unread_value()
    shared = forms.BooleanField(required=False, help_text="Whether everybody's jobs may use it.")
    # Who adds one.
    adding_user: User | None = None

    def check_with_service(self, fields: dict[str, object]) -> None:
        is_new = self.instance.pk is None
        owner = self.adding_user if is_new else self.instance.owner
        assert owner is not None
        check_login(owner=owner, fields=fields, login=None if is_new else self.instance)

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> RegistryLogin:
        now = timezone.now()
        assert isinstance(request.user, User)
        if self.instance.pk:
            return update_login(login=self.instance, by=request.user, fields=fields, now=now)
        return create_login(owner=request.user, fields=fields, now=now)


@admin.register(RegistryLogin)
@method_decorator(sensitive_variables(), name="changeform_view")
@method_decorator(sensitive_post_parameters("password"), name="changeform_view")
class RegistryLoginAdmin(EncryptedAdmin[RegistryLogin]):
    form = RegistryLoginForm
    list_display = ("prefix", "username", "owner", "shared", "last_used_at", "accepted")
    list_select_related = ("owner",)
    list_filter = ("shared", "accepted")
    search_fields = ("prefix", "username")
    readonly_fields = (
        *("owner", "created_at", "updated_at", "last_used_at"),
        *("check_asked_at", "checked_at", "accepted", "answer"),
    )
    fields = ("prefix", "username", "password", "shared", *readonly_fields)
    fixed_fields = ("prefix",)

    def get_form(
        self,
        request: HttpRequest,
        obj: RegistryLogin | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[RegistryLoginForm]:
        """A class of this request's own: whose login a new one is decides what it may be for."""
        form = cast("type[RegistryLoginForm]", super().get_form(request, obj, change, **kwargs))
        form.adding_user = request.user if isinstance(request.user, User) else None
        return form

    def delete_with_service(self, row: RegistryLogin) -> None:
        delete_login(login=row)
