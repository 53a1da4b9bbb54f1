"""The first page: what runs, what waits, what it costs."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from . import answers
from .access import user_of
from .contexts import overview as contexts


@answers.allow("GET")
def overview(request: HttpRequest) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    return answers.page(
        request,
        "overview.html",
        contexts.build(user=user, now=now),
        as_json=lambda: contexts.as_json(user=user, now=now),
    )
