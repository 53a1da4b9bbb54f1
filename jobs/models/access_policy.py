"""Access policies: what users and groups are denied, or given, beside their roles."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models


class AccessPolicy(models.Model):
    """An identity-based policy as in IAM. `document` is JSON text, as `domain.access_documents` checked it.

    It is text, so that its members stay in the order in which they were written.
    """

    name = models.CharField(max_length=128, unique=True)
    description = models.CharField(max_length=1000, blank=True)
    document = models.TextField()
    users = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="access_policies", blank=True
    )
    groups = models.ManyToManyField(Group, related_name="access_policies", blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "access policies"

    def __str__(self) -> str:
        return self.name
