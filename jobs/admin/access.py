"""Users and their access tokens. A token's secret is nowhere to be seen: it is not stored."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from jobs.models import AccessToken, Job
from jobs.services.tokens import revoke_token

from .base import ReadOnlyAdmin

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin

admin.site.unregister(User)


@admin.register(User)
class OwnerAdmin(_UserAdmin):
    """Django's, but for one thing: a user's jobs are asked for, not loaded, before he is deleted."""

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Owners of jobs are protected: their jobs' history and cost name them."""
        owners = [user for user in objs if Job.objects.filter(owner=user).exists()]
        if owners:
            reasons = [f"The jobs of {user}: make the user inactive instead." for user in owners]
            return [str(user) for user in objs], {}, set(), reasons
        return super().get_deleted_objects(objs, request)


@admin.register(AccessToken)
class AccessTokenAdmin(ReadOnlyAdmin[AccessToken]):
    list_display = ("name", "prefix", "user", "created_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "prefix", "user__username")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    exclude = ("digest",)
    actions = ("revoke_selected",)

    @admin.action(description="Revoke selected access tokens", permissions=["operate"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> None:
        now = timezone.now()
        self.apply(
            request,
            queryset.filter(revoked_at__isnull=True).select_related("user"),
            "Revoked",
            lambda token: revoke_token(user=token.user, token_id=token.id, now=now),
        )
