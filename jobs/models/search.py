"""What people find jobs again by."""

from django.conf import settings
from django.db import models

from .job import Job


class JobDocument(models.Model):
    """The words by which a job is found, in lower case and with spaces between them (`domain.search`).

    Written behind the history by a worker, so that a submission costs nothing for it; a job that fails is written
    again, with why. Of an array's children only those that failed have one.
    """

    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="document")
    text = models.TextField()

    def __str__(self) -> str:
        return f"{self.job_id}: {self.text[:60]}"


class DocumentBlock(models.Model):
    """The words of all documents of the jobs from one id on up to another: what the index of words is of.

    Some hundreds of documents have one entry for a word, so that the index is small, and the newest blocks with
    a word are found at once however many jobs have it (docs/search.md). The newest block has no end and no words:
    its documents are looked at without an index, and when they are many, they are cut into blocks.

    The database keeps the index: FTS5 with triggers on SQLite, GIN on PostgreSQL. Whoever changes this table's
    columns makes the triggers anew: SQLite drops them with the table that a changed one takes the place of.
    """

    first = models.UUIDField(unique=True, help_text="The smallest job id that is in it.")
    end = models.UUIDField(null=True, blank=True, help_text="The smallest that is behind it.")
    words = models.TextField(
        blank=True,
        help_text="Apart by spaces, and each with its owner's id again (`domain.search.owned`).",
    )

    class Meta:
        ordering = ["-first"]

    def __str__(self) -> str:
        return f"from {self.first}"


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
