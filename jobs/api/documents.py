"""What the API says of things, for pages that show it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from jobs.selectors.job_details import read_details
from jobs.selectors.realm import arns as realm_of_settings

from .batch.shapes.jobs import job_detail
from .shapes import without_nulls


def job_document(user: User, job_id: UUID, now: datetime) -> dict[str, Any] | None:
    """A job as DescribeJobs gives it; None if there is none, or none for the user. At most four queries."""
    rows = read_details(user=user, job_ids=[job_id]).get(job_id)
    if rows is None:
        return None
    return dict(without_nulls(job_detail(realm_of_settings(), rows, now)))
