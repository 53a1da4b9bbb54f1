"""Bearer tokens for scripts."""

from django.conf import settings
from django.db import models


class AccessToken(models.Model):
    """A token that stands for its user. Only a digest is kept: who lost his token makes a new one."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_tokens"
    )
    name = models.CharField(max_length=128)
    prefix = models.CharField(max_length=16, help_text="Its first characters, to tell it by.")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"
