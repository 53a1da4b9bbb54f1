"""The submit form, and the checks it makes while it is filled in. `jobs.web.jobs` takes its post."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from jobs.domain.ids import id_of, text_of
from jobs.selectors.jobs import find_job

from . import answers
from .access import user_of
from .contexts import submit as contexts


@answers.allow("GET")
def submit(request: HttpRequest) -> HttpResponse:
    """The form; its values may stand in the URL, `again` names a job to be like."""
    user = user_of(request)
    typed = contexts.fields_in_url(request)
    again = request.GET.get("again", "")
    if again:
        typed = contexts.of_job(find_job(user=user, job_id=_job_id(again)))
    return answers.page(request, "jobs/submit.html", contexts.build(user=user, typed=typed))


@answers.allow("POST")
def fill(request: HttpRequest) -> HttpResponse:
    """The form again, with the values of the definition that was chosen: for browsers without scripts.

    A post, so that neither the form's CSRF token nor what was typed gets into a URL.
    """
    context = contexts.build(user=user_of(request), typed=contexts.typed_fields(request))
    return answers.page(request, "jobs/submit.html", context)


@answers.allow("POST")
def check(request: HttpRequest) -> HttpResponse:
    """The messages beside the fields, and the estimate, for what is filled in so far."""
    typed = contexts.typed_fields(request)
    if request.content_type != "application/json":
        typed = contexts.without_half_typed(typed)
    context = contexts.check(user=user_of(request), typed=typed)
    return answers.page(
        request,
        "jobs/submit_check.html",
        context,
        as_json=lambda: {"errors": context["errors"]},
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


def _job_id(text: str) -> UUID:
    try:
        return id_of(text)
    except ValueError:
        # As for an id that there is not: the answer is the same 404.
        return UUID(int=0)
