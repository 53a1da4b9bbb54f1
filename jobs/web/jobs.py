"""The list of jobs, and the post that submits one."""

from django.http import HttpRequest, HttpResponse

from . import answers
from .access import user_of
from .contexts import jobs as contexts
from .submit import submit_posted


@answers.allow("GET", "POST")
def jobs(request: HttpRequest) -> HttpResponse:
    """GET: jobs, newest first, narrowed by the query. POST: submits a job (201 for scripts)."""
    if request.method == "POST":
        return submit_posted(request)
    query = contexts.read_query(request.GET)
    return answers.page(
        request,
        "jobs/list.html",
        contexts.build(user=user_of(request), query=query),
        as_json=lambda: contexts.as_json(user=user_of(request), query=query),
    )
