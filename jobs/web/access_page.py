"""For administrators: who may come in and do what, and who did what."""

from django.http import HttpRequest, HttpResponse

from jobs.domain.errors import InvalidInput

from . import answers
from .access import require_staff
from .contexts import people as contexts


@answers.allow("GET")
def access(request: HttpRequest) -> HttpResponse:
    """Users by name (`q`, `after`), groups, and what each may do."""
    require_staff(request)
    query = contexts.list_query(request.GET)
    return answers.page(
        request,
        "access/people.html",
        contexts.build_list(query=query),
        as_json=lambda: contexts.list_as_json(query=query),
    )


@answers.allow("GET")
def audit(request: HttpRequest) -> HttpResponse:
    """The audit trail, newest first, by `user`, `action`, `refused=true` and `until` (a day, by UTC)."""
    require_staff(request)
    query = contexts.trail_query(request.GET)
    try:
        asked = contexts.asked_for(query)
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "access/audit.html",
            lambda errors: contexts.build_trail(query=query, asked=None, errors=errors),
        )
    return answers.page(
        request,
        "access/audit.html",
        contexts.build_trail(query=query, asked=asked),
        as_json=lambda: contexts.trail_as_json(query=query, asked=asked),
    )
