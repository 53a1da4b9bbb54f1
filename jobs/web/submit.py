"""Submitting a job: the form, the checks it makes while it is filled in, and the post."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.domain.ids import id_of, text_of
from jobs.selectors.jobs import find_job
from jobs.services.requests.submit import submit_job

from . import answers
from .access import user_of
from .contexts import job as job_contexts
from .contexts import submit as contexts
from .contexts import undo
from .contexts.submit_rights import with_denial
from .handed_out import SHOWN_AGAIN_FOR
from .once import AGAIN, once
from .permissions import address_of


@answers.allow("GET", "POST")
def submit(request: HttpRequest) -> HttpResponse:
    """GET: the form; its values may stand in the URL, `again` names a job to be like.

    POST: submits, as a post to the list of jobs does. The page's own form comes here, so that one that is refused
    stays at the form's address.
    """
    if request.method == "POST":
        return submit_posted(request)
    user = user_of(request)
    typed = contexts.fields_in_url(request)
    again = request.GET.get("again", "")
    if again:
        typed = contexts.of_job(find_job(user=user, job_id=_job_id(again)))
    return _form(request, contexts.build(user=user, typed=typed))


def submit_posted(request: HttpRequest) -> HttpResponse:
    """Submits the job that is posted; 201 for scripts. For people the form again, if anything is wrong with it."""
    fields = contexts.typed_fields(request)
    user = user_of(request)
    try:
        sent = once(
            request,
            make=lambda: submit_job(
                owner=user,
                fields=contexts.as_submission(fields),
                now=timezone.now(),
                address=address_of(request),
            ),
            find=lambda job_id: find_job(user=user, job_id=UUID(job_id)),
        )
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "jobs/submit.html",
            lambda errors: _told(request, contexts.build(user=user, typed=fields, errors=errors)),
        )
    except PermissionDenied as denied:
        if answers.wants_json(request):
            raise
        context = contexts.build(user=user, typed=fields, errors={"": [str(denied)]})
        return answers.page(request, "jobs/submit.html", context, status=403)
    job = sent.made
    # Of a double click, the browser shows the second answer.
    is_fresh = timezone.now() - job.created_at < SHOWN_AGAIN_FOR
    return answers.done(
        request,
        to=reverse("job", args=[job.pk]),
        message=AGAIN if sent.is_again else f"{job.name} is submitted.",
        as_json=job_contexts.summary(job),
        status=201,
        undo=undo.of_submission(job) if is_fresh else None,
    )


@answers.allow("POST")
def fill(request: HttpRequest) -> HttpResponse:
    """The form again, with the values of the definition that was chosen: for browsers without scripts.

    A post, so that neither the form's CSRF token nor what was typed gets into a URL.
    """
    typed = contexts.typed_fields(request)
    return _form(request, contexts.build(user=user_of(request), typed=typed))


@answers.allow("POST")
def check(request: HttpRequest) -> HttpResponse:
    """The messages beside the fields, and the estimate, for what is filled in so far."""
    typed = contexts.typed_fields(request)
    if request.content_type != "application/json":
        typed = contexts.without_half_typed(typed)
    context = _told(request, contexts.check(user=user_of(request), typed=typed))
    wrong = context["errors"]
    return answers.page(
        request,
        "jobs/submit_check.html",
        {**context, "field_errors": [(name, wrong.get(name, [])) for name in contexts.FIELDS]},
        as_json=lambda: {"errors": wrong},
    )


@answers.allow("GET")
def waited_for(request: HttpRequest) -> HttpResponse:
    """Jobs that a new one could wait for, as the choices of the form's input: those with the words typed there."""
    typed = [text for text in request.GET.getlist("depends_on_job") if text.strip()]
    found = contexts.jobs_to_wait_for(user=user_of(request), typed=typed)
    return answers.page(
        request,
        "jobs/submit_jobs.html",
        {"jobs": found.jobs, "failed": () if found.jobs else found.failed[:1]},
        as_json=lambda: {
            "jobs": [
                {"id": text_of(job.pk), "name": job.name, "status": job.status}
                for job in found.jobs
            ]
        },
    )


def _form(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
    return answers.page(request, "jobs/submit.html", _told(request, context))


def _told(request: HttpRequest, context: Mapping[str, Any]) -> dict[str, Any]:
    """With what a policy of the user would refuse."""
    return with_denial(context, user=user_of(request), address=address_of(request))


def _job_id(text: str) -> UUID:
    try:
        return id_of(text)
    except ValueError:
        # As for an id that there is not: the answer is the same 404.
        return UUID(int=0)
