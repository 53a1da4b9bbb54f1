"""A link to a job that is gone, or not his: a page that says so and leads on."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from jobs.domain import ids
from jobs.domain.errors import NotFound
from jobs.models import Job
from jobs.selectors.jobs import find_job

from . import answers
from .access import user_of

View = Callable[..., HttpResponse]


def or_gone(view: View) -> View:
    """Gives browsers that page, with status 404, where the view raises NotFound; scripts and htmx get the error."""

    @wraps(view)
    def shown(request: HttpRequest, job_id: UUID, **rest: Any) -> HttpResponse:
        try:
            return view(request, job_id, **rest)
        except NotFound:
            if answers.wants_json(request) or answers.wants_fragment(request):
                raise
            return _page(request, job_id)

    return shown


def _page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    # As it stands in the link: a plain id may read as one of a child that nobody has heard of.
    asked_for = request.path_info.split("/")[2]
    context = {"job_id": asked_for, "array": _array_of(request, job_id)}
    return answers.page(request, "jobs/gone.html", context, status=404)


def _array_of(request: HttpRequest, job_id: UUID) -> Job | None:
    """The array whose child the id would be, if the user may see it."""
    if ids.child_index(job_id) is None:
        return None
    try:
        found = find_job(user=user_of(request), job_id=ids.parent_id(job_id))
    except NotFound:
        return None
    return found if found.is_array else None
