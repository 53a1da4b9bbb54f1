"""A job as AWS's API has it, and the command of the AWS CLI that submits one like it."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from jobs import changes
from jobs.domain import ids
from jobs.domain.errors import NotFound
from jobs.selectors import dependencies
from jobs.selectors.jobs import find_job

from . import answers
from .access import user_of
from .contexts import aws_request
from .contexts.lazily import lazily
from .job_gone import or_gone
from .plaintext import in_json

# DescribeJobs' answer for one job (`jobs.api.documents`).
Describe = Callable[[User, UUID, datetime], dict[str, Any] | None]


@answers.allow("GET")
@or_gone
def job_api(request: HttpRequest, job_id: UUID, describe: Describe) -> HttpResponse:
    """The page of both; scripts get `job`, `submit_job` (its request) and `command`."""
    user, now = user_of(request), timezone.now()
    endpoint_url = answers.endpoint_url(request)
    job = find_job(user=user, job_id=job_id)
    asked = lazily(lambda: aws_request.request_of(job, dependencies.waits_for(job=job, user=user)))

    def described() -> dict[str, Any]:
        found = describe(user, job_id, now)
        if found is None:
            raise NotFound(f"There is no job {ids.text_of(job_id)}.")
        return found

    return answers.page(
        request,
        "jobs/api.html",
        {
            "job": job,
            "array_id": ids.parent_id(job.pk) if job.parent_id else None,
            "topics": changes.job_topic(job.pk),
            "document": lazily(lambda: _text(described())),
            "command": lazily(lambda: aws_request.command_of(asked(), endpoint_url)),
            "endpoint_url": endpoint_url,
            "image_is_own": lazily(lambda: "image" in asked().get("containerOverrides", {})),
        },
        as_json=lambda: {
            "job": described(),
            "submit_job": asked(),
            "command": aws_request.command_of(asked(), endpoint_url),
        },
    )


def _text(document: dict[str, Any]) -> str:
    return in_json(json.dumps(document, indent=2, ensure_ascii=False))
