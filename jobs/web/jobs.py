"""The list of jobs, and the post that submits one."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.services.stop import cancel_job, terminate_job
from jobs.services.submit import submit_job

from . import answers
from .access import user_of, visible_jobs
from .contexts import job as job_contexts
from .contexts import jobs as contexts
from .contexts import submit as submit_contexts

MAX_BULK = 200
ACTIONS = {"cancel": (cancel_job, "cancelled"), "terminate": (terminate_job, "told to stop")}


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
        job = submit_job(
            owner=user, fields=submit_contexts.as_submission(fields), now=timezone.now()
        )
    except InvalidInput as error:
        if answers.wants_json(request):
            raise
        context = submit_contexts.build(user=user, typed=fields, errors=error.errors)
        return answers.page(request, "jobs/submit.html", context, status=400)
    return answers.done(
        request,
        to=reverse("job", args=[job.pk]),
        message=f"{job.name} is submitted.",
        as_json=job_contexts.summary(job),
        status=201,
    )


@answers.allow("POST")
def bulk(request: HttpRequest) -> HttpResponse:
    """Cancels or terminates the chosen jobs (`action`, `job` once for each)."""
    fields = answers.posted(request)
    action = fields.get("action")
    chosen = fields.get("job") if request.content_type == "application/json" else None
    ids = _ids(chosen if chosen is not None else request.POST.getlist("job"))
    if not isinstance(action, str) or action not in ACTIONS:
        raise InvalidInput({"action": [f"An action is one of {', '.join(ACTIONS)}."]})
    act, done = ACTIONS[action]
    reason, now = answers.text_field(fields, "reason"), timezone.now()
    found = list(visible_jobs(user_of(request)).filter(pk__in=ids))
    changed = [job for job in found if act(job=job, reason=reason, now=now)]
    return answers.done(
        request,
        to=_back(fields),
        message=_told(len(changed), len(ids), done),
        as_json={"changed": [str(job.pk) for job in changed]},
    )


def _ids(values: object) -> list[UUID]:
    if not isinstance(values, list) or not values:
        raise InvalidInput({"job": ["Choose at least one job."]})
    if len(values) > MAX_BULK:
        raise InvalidInput({"job": [f"At most {MAX_BULK} jobs at once."]})
    try:
        return [UUID(str(value)) for value in values]
    except ValueError:
        raise InvalidInput({"job": ["A job's id is a UUID."]}) from None


def _told(changed: int, asked: int, done: str) -> str:
    rest = asked - changed
    text = f"{changed} of {asked} jobs {done}." if asked > 1 else f"{changed} job {done}."
    return f"{text} The rest had gone on already." if rest else text


def _back(fields: dict[str, object]) -> str:
    """Where the form was: only its query is taken from it, so it cannot lead elsewhere."""
    query = fields.get("query")
    base = reverse("jobs")
    return f"{base}?{query}" if isinstance(query, str) and query.isprintable() and query else base
