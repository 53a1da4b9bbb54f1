"""The list of jobs, and the post that submits one."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.selectors.jobs import find_job
from jobs.services.requests.submit import submit_job

from . import answers
from .access import user_of
from .contexts import job as job_contexts
from .contexts import jobs as contexts
from .contexts import submit as submit_contexts
from .contexts import undo
from .once import AGAIN, once


@answers.allow("GET", "POST")
def jobs(request: HttpRequest) -> HttpResponse:
    """GET: jobs, newest first, narrowed by the query. POST: submits a job (201 for scripts)."""
    if request.method == "POST":
        return _submit(request)
    query = contexts.read_query(request.GET)
    return answers.page(
        request,
        "jobs/list.html",
        contexts.build(user=user_of(request), query=query),
        as_json=lambda: contexts.as_json(user=user_of(request), query=query),
    )


def _submit(request: HttpRequest) -> HttpResponse:
    fields = submit_contexts.typed_fields(request)
    user = user_of(request)
    try:
        sent = once(
            request,
            make=lambda: submit_job(
                owner=user, fields=submit_contexts.as_submission(fields), now=timezone.now()
            ),
            find=lambda job_id: find_job(user=user, job_id=UUID(job_id)),
        )
    except InvalidInput as error:
        if answers.wants_json(request):
            raise
        context = submit_contexts.build(user=user, typed=fields, errors=error.errors)
        return answers.page(request, "jobs/submit.html", context, status=400)
    job = sent.made
    return answers.done(
        request,
        to=reverse("job", args=[job.pk]),
        message=AGAIN if sent.is_again else f"{job.name} is submitted.",
        as_json=job_contexts.summary(job),
        status=201,
        undo=None if sent.is_again else undo.of_submission(job),
    )
