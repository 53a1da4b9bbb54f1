"""Rows with a value that is stored encrypted: it can be written here and never read."""

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest

from .base import M, ServiceAdmin


def unread_value() -> forms.CharField:
    """The input of such a value: it starts empty, and left empty it changes nothing."""
    return forms.CharField(
        required=False,
        strip=False,
        # What was typed is not drawn again, either.
        widget=forms.PasswordInput(attrs={"size": 60, "autocomplete": "new-password"}),
        help_text="It is stored encrypted and cannot be shown. Empty: the old one stays.",
    )


class EncryptedAdmin(ServiceAdmin[M]):
    """Of a model that keeps the value in `encrypted`, which is never fetched."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        return super().get_queryset(request).defer("encrypted")
