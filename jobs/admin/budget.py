"""Budgets."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from jobs.domain.budgets import DEFAULT_WARN_PERCENTAGE
from jobs.models import Budget, BudgetAction, BudgetScope
from jobs.services.setup.budgets import (
    check_budget,
    create_budget,
    delete_budget,
    update_budget,
    values_of,
)

from .base import ServiceAdmin, ServiceForm


class BudgetForm(ServiceForm[Budget]):
    name = forms.CharField(required=False)
    scope = forms.ChoiceField(choices=BudgetScope.choices, required=False)
    queue = forms.CharField(required=False, help_text="Of a budget for a queue: its name.")
    owner = forms.CharField(required=False, help_text="Of a budget for a user: his name.")
    tag_key = forms.CharField(required=False, help_text="Of a budget for a tag.")
    tag_value = forms.CharField(required=False, help_text="Empty: any value of the key.")
    usd_per_month = forms.CharField(
        required=False, label="US dollars a month", help_text="A calendar month, UTC."
    )
    warn_percentage = forms.CharField(required=False, initial=DEFAULT_WARN_PERCENTAGE)
    action = forms.ChoiceField(choices=BudgetAction.choices, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial.update(values_of(self.instance))

    def check_with_service(self, fields: dict[str, object]) -> None:
        check_budget(fields=fields, budget=self.instance if self.instance.pk else None)

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> Budget:
        now = timezone.now()
        if self.instance.pk:
            return update_budget(budget=self.instance, fields=fields, now=now)
        return create_budget(fields=fields, now=now)


@admin.register(Budget)
class BudgetAdmin(ServiceAdmin[Budget]):
    form = BudgetForm
    list_display = (
        "name",
        "scope",
        "queue",
        "owner",
        "tag_key",
        "tag_value",
        "usd_per_month",
        "action",
        "spent_usd",
        "exceeded_at",
    )
    list_select_related = ("queue", "owner")
    list_filter = ("scope", "action")
    search_fields = ("name",)
    readonly_fields = (
        "month",
        "spent_usd",
        "spent_as_of",
        "warned_at",
        "exceeded_at",
        "created_at",
    )
    fields = (*BudgetForm.base_fields, *readonly_fields)

    def delete_with_service(self, row: Budget) -> None:
        delete_budget(budget=row)
