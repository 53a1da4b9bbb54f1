"""Logins of private image registries."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class RegistryLogin(models.Model):
    """A user name and password that images below `prefix` are pulled with.

    The password is stored encrypted; `services.access.registry_logins` alone writes `encrypted`. Its owner's jobs may
    use it, and everybody's if it is `shared`. `updated_at` also says which password was tried: see `ImagePull.proven`.
    """

    prefix = models.CharField(
        max_length=255, help_text="A registry's host, with its port and a path if need be."
    )
    username = models.CharField(max_length=255)
    encrypted = models.BinaryField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="registry_logins"
    )
    shared = models.BooleanField(default=False, help_text="Whether everybody's jobs may use it.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    last_used_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last sent to the registry."
    )
    check_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when it is to be tried; empty: it is not."
    )
    checked_at = models.DateTimeField(null=True, blank=True)
    accepted = models.BooleanField(
        null=True, blank=True, help_text="Whether the registry accepted it when it was last tried."
    )
    answer = models.TextField(blank=True, help_text="What the registry answered, in words.")

    class Meta:
        ordering = ["prefix", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["prefix", "owner"],
                condition=Q(shared=False),
                name="registry_login_of_owner",
            ),
            models.UniqueConstraint(
                fields=["prefix"], condition=Q(shared=True), name="registry_login_of_all"
            ),
        ]
        indexes = [models.Index(fields=["prefix", "id"], name="registry_login_by_prefix")]

    def __str__(self) -> str:
        return f"{self.username} at {self.prefix}"
