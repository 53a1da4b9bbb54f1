"""Saved views: lists of jobs that somebody keeps under names of his own."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain.validation import Checker
from jobs.models import SavedView
from jobs.selectors.listing.saved_views import saved_views
from jobs.services.requests.saved_views import delete_view, save_view

from . import answers
from .access import user_of
from .contexts import jobs as contexts
from .contexts import undo

FIELDS = frozenset({"name", "query"})


@answers.allow("GET", "POST")
def views(request: HttpRequest) -> HttpResponse:
    """GET: one's own views, for scripts; they stand above the list of jobs. POST keeps the filters in `query`, as in
    the list's URL, under a `name`, in place of what had that name (201)."""
    user = user_of(request)
    if request.method != "POST":
        if answers.wants_json(request):
            return JsonResponse({"results": [_as_json(each) for each in saved_views(user=user)]})
        return HttpResponseRedirect(reverse("jobs"))
    fields = answers.posted(request)
    checker = Checker()
    checker.only(fields, FIELDS)
    checker.done()
    query = contexts.read_strictly(answers.text_field(fields, "query"))
    view, before = save_view(
        owner=user, name=fields.get("name"), query=query.query_string(), now=timezone.now()
    )
    return answers.done(
        request,
        to=_url(view),
        message=f"The view {view.name} is {'saved' if before is None else 'changed'}.",
        as_json=_as_json(view),
        status=201,
        undo=undo.of_new_view(view) if before is None else undo.of_view(view, query=before),
    )


@answers.allow("POST")
def delete(request: HttpRequest, view_id: int) -> HttpResponse:
    """Deletes one of one's own."""
    view = delete_view(owner=user_of(request), view_id=view_id)
    return answers.done(
        request,
        to=reverse("jobs"),
        message=f"The view {view.name} is deleted.",
        as_json=_as_json(view),
        undo=undo.of_view(view),
    )


def _url(view: SavedView) -> str:
    return reverse("jobs") + (f"?{view.query}" if view.query else "")


def _as_json(view: SavedView) -> dict[str, object]:
    return {"id": view.pk, "name": view.name, "query": view.query, "url": _url(view)}
