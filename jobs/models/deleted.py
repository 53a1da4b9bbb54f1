"""Rows that were deleted, and are kept because the history of jobs names them."""

from typing import TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class NotDeletedManager(models.Manager[M]):
    """All rows but those whose `status` is DELETED."""

    def get_queryset(self) -> models.QuerySet[M]:
        return super().get_queryset().exclude(status="DELETED")
