"""What everything cost: sums of some days, and the rows that each figure is the sum of."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from jobs.domain.errors import InvalidInput

from . import answers
from .access import user_of
from .contexts import cost_rows as row_contexts
from .contexts import costs as contexts
from .contexts.cost_query import read_query, read_rows_query


@answers.allow("GET")
def costs(request: HttpRequest) -> HttpResponse:
    """Costs of some days by all that they are told apart by: a page, JSON, or with `format=csv` a table."""
    user = user_of(request)
    now = timezone.now()
    try:
        query = read_query(request.GET, now=now)
    except InvalidInput as error:
        if request.GET.get("format") == "csv":
            raise
        return answers.refused(
            request,
            error,
            "costs/costs.html",
            lambda errors: contexts.build_refused(
                given=request.GET, errors=errors, now=now, user=user
            ),
        )
    if request.GET.get("format") == "csv":
        response = HttpResponse(
            contexts.as_csv(query=query, user=user), content_type="text/csv; charset=utf-8"
        )
        name = f"costs-{query.first}-{query.last}.csv"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "private, no-cache"
        return response
    return answers.page(
        request,
        "costs/costs.html",
        contexts.build(query=query, user=user),
        as_json=lambda: contexts.as_json(query=query, user=user),
    )


@answers.allow("GET")
def rows(request: HttpRequest) -> HttpResponse:
    """The rows of one figure."""
    user = user_of(request)
    query = read_rows_query(request.GET, now=timezone.now())
    return answers.page(
        request,
        "costs/rows.html",
        row_contexts.build(query=query, user=user),
        as_json=lambda: row_contexts.as_json(query=query, user=user),
    )
