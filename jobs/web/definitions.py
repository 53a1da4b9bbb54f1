"""Job definitions: the list, a revision, two side by side, and registering one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from jobs.domain import numbers
from jobs.domain.errors import InvalidInput
from jobs.domain.numbers import MAX_REVISION
from jobs.models import JobDefinition
from jobs.services.setup.definitions import deregister_definition, register_definition

from . import answers
from .access import require_staff
from .contexts import definition_form as forms
from .contexts import definitions as contexts
from .once import AGAIN, found_again, once
from .permissions import address_of


@answers.allow("GET", "POST")
def definitions(request: HttpRequest) -> HttpResponse:
    """GET: definitions by name. POST: registers one (201 for scripts)."""
    if request.method == "POST":
        return _register(request)
    query = contexts.list_query(request.GET)
    return answers.page(
        request,
        "definitions/list.html",
        contexts.build_list(query=query),
        as_json=lambda: contexts.list_as_json(query=query),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    """The form; `?from=name` or `?from=name:revision` starts it as a copy, with `vcpus` and `memory_mib` of the
    URL if it has some."""
    require_staff(request)
    name, _, revision = request.GET.get("from", "").replace("\0", "").partition(":")
    if not name:
        return answers.page(request, "definitions/form.html", forms.build(values=forms.NEW))
    source = contexts.find(name=name, revision=numbers.whole("from", revision, most=MAX_REVISION))
    given = {name: request.GET[name] for name in ("vcpus", "memory_mib") if name in request.GET}
    context = forms.build(values={**forms.values_of(source), **given}, source=source)
    return answers.page(request, "definitions/form.html", context)


@answers.allow("GET")
def definition(request: HttpRequest, name: str, revision: int | None = None) -> HttpResponse:
    """One revision; without a number the newest active one."""
    found = contexts.find(name=name, revision=revision)
    return answers.page(
        request,
        "definitions/detail.html",
        contexts.build(definition=found, before=_revision(request, "before")),
        as_json=lambda: contexts.summary(found),
    )


@answers.allow("GET")
def compare(request: HttpRequest, name: str) -> HttpResponse:
    """Revisions `old` and `new` side by side."""
    old = contexts.find(name=name, revision=_wanted(request, "old"))
    new_one = contexts.find(name=name, revision=_wanted(request, "new"))
    return answers.page(
        request,
        "definitions/compare.html",
        contexts.build_comparison(old=old, new=new_one),
        as_json=lambda: contexts.comparison_as_json(old=old, new=new_one),
    )


@answers.allow("GET", "POST")
def deregister(request: HttpRequest, name: str, revision: int) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST deregisters the revision."""
    user = require_staff(request)
    found = contexts.find(name=name, revision=revision)
    if request.method != "POST":
        return answers.page(request, "definitions/deregister.html", {"definition": found})
    changed = deregister_definition(
        definition=found, by=user, now=timezone.now(), address=address_of(request)
    )
    found.refresh_from_db()
    return answers.done(
        request,
        to=contexts.revision_url(found),
        message=f"{found} is deregistered: it takes no new jobs."
        if changed
        else f"{found} was deregistered already.",
        as_json=contexts.summary(found),
    )


def _register(request: HttpRequest) -> HttpResponse:
    user = require_staff(request)
    try:
        fields = forms.posted_fields(request)
        sent = once(
            request,
            make=lambda: register_definition(
                fields=fields,
                by=user,
                now=timezone.now(),
                address=address_of(request),
                needs_right=True,
            ),
            find=found_again(JobDefinition.objects, called="revision"),
        )
    except InvalidInput as error:
        return answers.refused(
            request, error, "definitions/form.html", lambda errors: _form_again(request, errors)
        )
    made = sent.made
    return answers.done(
        request,
        to=contexts.revision_url(made),
        message=AGAIN if sent.is_again else f"{made} is registered.",
        as_json=contexts.summary(made),
        status=201,
    )


def _form_again(request: HttpRequest, errors: dict[str, list[str]]) -> dict[str, Any]:
    posted = answers.posted(request)
    document = str(posted.get(forms.DOCUMENT) or "")
    values = forms.NEW if document else posted
    return forms.build(values=values, document=document, errors=errors)


def _wanted(request: HttpRequest, name: str) -> int:
    return numbers.needed(name, request.GET.get(name, ""), least=1, most=MAX_REVISION)


def _revision(request: HttpRequest, name: str) -> int | None:
    return numbers.whole(name, request.GET.get(name, ""), most=MAX_REVISION)
