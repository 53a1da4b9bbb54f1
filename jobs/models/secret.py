"""Secrets that containers are given as environment variables."""

from django.conf import settings
from django.db import models


class Secret(models.Model):
    """A named value, stored encrypted; `services.access.secrets` alone reads and writes `encrypted`.

    Its owner's jobs may use it, and everybody's if it is `shared`.
    """

    name = models.CharField(max_length=512, unique=True)
    encrypted = models.BinaryField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="secrets"
    )
    shared = models.BooleanField(default=False, help_text="Whether everybody's jobs may use it.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
