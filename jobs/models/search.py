"""What people find jobs again by."""

from django.conf import settings
from django.db import models

from .job import Job


class JobDocument(models.Model):
    """The words by which a job is found, in lower case and with spaces between them (`domain.search`).

    Written behind the history by a worker, so that a submission costs nothing for it; a job that fails is written
    again, with why. Of an array's children only those that failed have one. The database keeps an index of words:
    FTS5 on SQLite, GIN on PostgreSQL.
    """

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="document")
    text = models.TextField()

    def __str__(self) -> str:
        return f"{self.job_id}: {self.text[:60]}"


class SavedView(models.Model):
    """A list of jobs that a user looks at again and again: the query of its URL, under a name of his."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="saved_views",
        db_index=False,
    )
    name = models.CharField(max_length=64)
    query = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_view_unique"),
        ]

    def __str__(self) -> str:
        return self.name
