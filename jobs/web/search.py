"""Search over all history: a page, and suggestions below the header's box."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from . import answers
from .access import user_of
from .contexts import search as contexts

# The list below the header's box, which asks for itself while somebody types.
SUGGESTIONS = "search-suggestions"


@answers.allow("GET")
def search(request: HttpRequest) -> HttpResponse:
    """Jobs by their words, newest first, and what else has such a name. A job's whole id leads to the job."""
    query, user = contexts.read_query(request.GET), user_of(request)
    if _is_typing(request):
        return answers.page(
            request, "search/suggestions.html", contexts.suggest(user=user, query=query)
        )
    if not answers.wants_json(request) and (url := contexts.job_url(user=user, query=query)):
        return HttpResponseRedirect(url)
    return answers.page(
        request,
        "search/search.html",
        contexts.build(user=user, query=query),
        as_json=lambda: contexts.as_json(user=user, query=query),
    )


def _is_typing(request: HttpRequest) -> bool:
    target = request.headers.get("HX-Target", "")
    return answers.wants_fragment(request) and target.partition("#")[2] == SUGGESTIONS
