"""Who changed what, by which door."""

from django.conf import settings
from django.db import models
from django.db.models import Q

# What HTTP answers to who may not.
REFUSED_STATUS = 403
ADDRESS_CHARACTERS = 64
ACTION_CHARACTERS = 128
TARGET_CHARACTERS = 512


class AuditDoor(models.TextChoices):
    PAGE = "PAGE", "dashboard or form post"
    API = "API", "AWS-compatible API"
    ADMIN = "ADMIN", "administration"
    SERVER = "SERVER", "the server by itself"


class AuditEntry(models.Model):
    """One request that changed something, or was refused for want of rights; of the server itself: what it changed.

    Submissions are not listed: each job tells by itself who submitted it, and when.
    """

    at = models.DateTimeField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    username = models.CharField(max_length=150, help_text="As it was then.")
    door = models.CharField(max_length=8, choices=AuditDoor)
    address = models.CharField(max_length=ADDRESS_CHARACTERS, blank=True)
    action = models.CharField(
        max_length=ACTION_CHARACTERS, help_text="Such as queue_edit, or UpdateJobQueue."
    )
    target = models.CharField(
        max_length=TARGET_CHARACTERS, blank=True, help_text="What it was done to."
    )
    status = models.PositiveSmallIntegerField(help_text="Of the answer, by HTTP.")

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["user", "-id"], name="audit_user_newest"),
            models.Index(fields=["action", "-id"], name="audit_action_newest"),
            models.Index(fields=["user", "action", "-id"], name="audit_user_action"),
            models.Index(fields=["at"], name="audit_at"),
            # They are few, and so are these indexes' rows.
            models.Index(fields=["-id"], condition=Q(status=REFUSED_STATUS), name="audit_refused"),
            models.Index(
                fields=["user", "-id"],
                condition=Q(status=REFUSED_STATUS),
                name="audit_refused_user",
            ),
            models.Index(
                fields=["action", "-id"],
                condition=Q(status=REFUSED_STATUS),
                name="audit_refused_action",
            ),
            models.Index(
                fields=["username", "-id"], condition=Q(user=None), name="audit_deleted_user"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.username}: {self.action} {self.target}"
