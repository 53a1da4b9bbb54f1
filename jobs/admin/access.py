"""Users, their access tokens and access keys, and what they did. Their secrets are nowhere to be seen."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from jobs.models import AccessKey, AccessPolicy, AccessToken, AuditEntry, Job, JobCredentials
from jobs.services.access.access_keys import problem_of, revoke_access_key
from jobs.services.access.tokens import revoke_token

from .base import OfJobAdmin, ReadOnlyAdmin, clipped

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin

admin.site.unregister([User, Group])


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


@admin.register(Group)
class GroupsAdmin(GroupAdmin):
    """Django's, but for one thing: whom access policies bind through his group is not freed by its deletion."""

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Groups with access policies are protected from all but superusers."""
        bound = AccessPolicy.objects.filter(groups__in=objs).order_by("name").distinct()
        if not getattr(request.user, "is_superuser", False) and bound:
            names = ", ".join(policy.name for policy in bound)
            told = f"Superusers alone delete a group that has access policies: {names}."
            return [str(group) for group in objs], {}, set(), [told]
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
            right="batchweb:RevokeAccessToken",
        )


@admin.register(AccessKey)
class AccessKeyAdmin(ReadOnlyAdmin[AccessKey]):
    list_display = (
        "name",
        "access_key_id",
        "user",
        "created_at",
        "last_used_at",
        "revoked_at",
        "problem",
    )
    list_select_related = ("user",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "access_key_id", "user__username")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    exclude = ("encrypted_secret",)
    readonly_fields = ("problem",)
    actions = ("revoke_selected",)

    @admin.display(empty_value="", description="problem")
    def problem(self, key: AccessKey) -> str:
        return problem_of(key)

    @admin.action(description="Revoke selected access keys", permissions=["operate"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[AccessKey]) -> None:
        now = timezone.now()
        self.apply(
            request,
            queryset.filter(revoked_at__isnull=True).select_related("user"),
            "Revoked",
            lambda key: revoke_access_key(user=key.user, key_id=key.id, now=now),
            right="batchweb:RevokeAccessKey",
        )


@admin.register(JobCredentials)
class JobCredentialsAdmin(OfJobAdmin[JobCredentials]):
    job_path = "attempt__job_id"
    search_fields = ("attempt__job_id",)
    list_display = ("access_key_id", "attempt", "role_arn", "created_at", "expires_at")
    list_select_related = ("attempt",)
    ordering = ("-attempt_id",)
    exclude = ("encrypted_secret", "encrypted_session_token", "session_digest")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    list_display = ("at", "username", "action", clipped("target"), "door", "address", "status")
    list_filter = ("door",)
    search_fields = ("username", "action", "target")
    sortable_by = ()
    ordering = ("-id",)
