"""Charts of what queues and environments did and how full they were."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from jobs.domain.errors import InvalidInput

from . import answers
from .access import user_of
from .contexts import monitoring as contexts
from .contexts.metric_query import read_query


@answers.allow("GET")
def monitoring(request: HttpRequest) -> HttpResponse:
    """Charts of a range, of all or of one queue and environment: a page, or JSON."""
    user, now = user_of(request), timezone.now()
    try:
        query = read_query(request.GET, now=now)
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "monitoring/monitoring.html",
            lambda errors: contexts.build_refused(
                given=request.GET, errors=errors, user=user, now=now
            ),
        )
    context = contexts.build(query=query, user=user, now=now)
    return answers.page(
        request,
        "monitoring/monitoring.html",
        {**context, "tables": "tables" in request.GET},
        as_json=lambda: contexts.as_json(query=query, user=user, now=now),
    )
