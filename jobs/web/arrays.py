"""An array's children as a list for scripts; people see it on the array's page."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse

from jobs.domain.errors import NotFound
from jobs.domain.ids import text_of
from jobs.selectors.jobs import find_job

from . import answers
from .access import user_of
from .contexts import arrays as contexts


@answers.allow("GET")
def children(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The children by index, narrowed by `status`; `after` is the index to go on behind."""
    array = find_job(user=user_of(request), job_id=job_id)
    if not array.is_array:
        raise NotFound(f"The job {text_of(job_id)} is no array, so it has no children.")
    query = contexts.read_query(request.GET)
    if answers.wants_json(request):
        return JsonResponse(contexts.children_as_json(job=array, query=query))
    return HttpResponseRedirect(query.url(array, after=request.GET.get("after", "")) + "#children")
