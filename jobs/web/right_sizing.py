"""Right-sizing: what definitions asked for and used, one with its runs, and the samples of a run."""

from django.http import HttpRequest, HttpResponse

from . import answers
from .access import user_of
from .contexts import right_sizing as contexts


@answers.allow("GET")
def right_sizing(request: HttpRequest) -> HttpResponse:
    """Definitions, those first that would save most."""
    return answers.page(
        request,
        "right_sizing/list.html",
        contexts.build_list(query=request.GET),
        as_json=lambda: contexts.list_as_json(query=request.GET),
    )


@answers.allow("GET")
def definition(request: HttpRequest, name: str) -> HttpResponse:
    """A definition with the runs that were looked at."""
    sizing, user = contexts.find(name=name), user_of(request)
    return answers.page(
        request,
        "right_sizing/detail.html",
        contexts.build(sizing=sizing, user=user),
        as_json=lambda: contexts.as_json(sizing=sizing, user=user),
    )


@answers.allow("GET")
def run(request: HttpRequest, name: str, attempt_id: int) -> HttpResponse:
    """The samples of a run."""
    context = contexts.build_run(
        sizing=contexts.find(name=name), attempt_id=attempt_id, user=user_of(request)
    )
    return answers.page(
        request,
        "right_sizing/run.html",
        context,
        as_json=lambda: contexts.run_as_json(context),
    )
