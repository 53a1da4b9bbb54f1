"""How scripts say who they are: bearer tokens, AWS access keys, and the credentials of running jobs."""

from django.conf import settings
from django.db import models

from .attempt import Attempt


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


class AccessKey(models.Model):
    """An AWS access key of ours. Signatures are checked with the secret itself, so that is kept, encrypted."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_keys"
    )
    name = models.CharField(max_length=128)
    access_key_id = models.CharField(max_length=32, unique=True)
    encrypted_secret = models.BinaryField()
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.access_key_id})"


class JobCredentials(models.Model):
    """Temporary credentials of a container whose job has a role, from when it first fetches them: they end with
    its attempt.

    The token that it shows to be given them is kept nowhere: see `services.attempts.job_credentials`.
    `session_digest` is of the session token that goes with each request that is signed with them.
    """

    attempt = models.OneToOneField(
        Attempt, on_delete=models.CASCADE, related_name="credentials", primary_key=True
    )
    role_arn = models.CharField(max_length=2048)
    access_key_id = models.CharField(max_length=32, unique=True)
    encrypted_secret = models.BinaryField()
    encrypted_session_token = models.BinaryField()
    session_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="Fetched again, they are good for longer.")

    class Meta:
        verbose_name_plural = "job credentials"
        # What is to be forgotten.
        indexes = [models.Index(fields=["expires_at"], name="credentials_by_end")]

    def __str__(self) -> str:
        return f"{self.access_key_id} of attempt {self.attempt_id}"
