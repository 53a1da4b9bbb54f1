"""An instance: its life, its price, and what ran on it."""

from django.http import HttpRequest, HttpResponse

from . import answers
from .contexts import instances as contexts


@answers.allow("GET")
def instance(request: HttpRequest, instance_id: str) -> HttpResponse:
    """An instance, live or ended, with its attempts, newest first."""
    row = contexts.find(instance_id=instance_id)
    after = contexts.after_of(request.GET)
    return answers.page(
        request,
        "instances/detail.html",
        contexts.build(row=row, after=after),
        as_json=lambda: contexts.as_json(row=row, after=after, user=request.user),
    )
