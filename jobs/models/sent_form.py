"""Forms that were sent, so that the same one sent twice does a thing once."""

from django.conf import settings
from django.db import models


class SentForm(models.Model):
    """What a form that carried a `request_token` made: written in the transaction that made it.

    `digest` is of the token and of all that was sent with it, so a form that was changed meanwhile is
    another one. Kept for some days (`services.requests.once`).
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    digest = models.CharField(max_length=64)
    made = models.CharField(max_length=36, help_text="The id of the job, or of the bulk action.")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "digest"], name="sent_form_unique"),
        ]
        indexes = [models.Index(fields=["created_at"], name="sent_form_at")]

    def __str__(self) -> str:
        return f"{self.digest[:8]}: {self.made}"
