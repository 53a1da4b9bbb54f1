"""Access policies. Superusers alone write them: who may write what binds him is not bound by it."""

from django.contrib import admin

from jobs.models import AccessPolicy

from .base import ReadOnlyAdmin, clipped


@admin.register(AccessPolicy)
class AccessPolicyAdmin(ReadOnlyAdmin[AccessPolicy]):
    list_display = ("name", clipped("description"), "created_at", "updated_at")
    search_fields = ("name", "description")
