"""Secrets: their names, and new values for them. What they hold is never shown."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from jobs.domain.errors import InvalidInput
from jobs.models import Secret
from jobs.selectors.access.secrets import find_secret
from jobs.services.access.secrets import create_secret, delete_secret, update_secret

from . import answers
from .access import user_of
from .contexts import secrets as contexts
from .once import DONE_ALREADY, found_again, once


@sensitive_post_parameters("value")
@sensitive_variables()
@answers.allow("GET", "POST")
def secrets(request: HttpRequest) -> HttpResponse:
    """GET: the secrets that one's jobs may use. POST: stores one (201 for scripts)."""
    query, user = contexts.list_query(request.GET), user_of(request)
    if request.method != "POST":
        return answers.page(
            request,
            "secrets/list.html",
            contexts.build_list(query=query, user=user),
            as_json=lambda: contexts.list_as_json(query=query, user=user),
        )
    fields = answers.posted(request)
    try:
        sent = once(
            request,
            make=lambda: create_secret(owner=user, fields=fields, now=timezone.now()),
            find=found_again(Secret.objects, called="secret"),
        )
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "secrets/list.html",
            lambda errors: contexts.build_list(
                query=query, user=user, values=fields, errors=errors
            ),
        )
    made = sent.made
    return answers.done(
        request,
        to=reverse("secrets"),
        message=DONE_ALREADY if sent.is_again else f"The secret {made.name} is stored.",
        as_json=contexts.summary(made),
        status=201,
    )


@sensitive_post_parameters("value")
@sensitive_variables()
@answers.allow("GET", "POST")
def secret(request: HttpRequest, secret_id: int) -> HttpResponse:
    """GET: the form that changes one's secret. POST: replaces its `value`, or says whether it is `shared`."""
    found = find_secret(user=user_of(request), secret_id=secret_id)
    if request.method != "POST":
        return answers.page(
            request,
            "secrets/detail.html",
            contexts.build(secret=found),
            as_json=lambda: contexts.summary(found),
        )
    fields = answers.posted(request)
    try:
        changed = update_secret(
            secret=found, by=user_of(request), fields=fields, now=timezone.now()
        )
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "secrets/detail.html",
            lambda errors: contexts.build(secret=found, errors=errors),
        )
    return answers.done(
        request,
        to=reverse("secret", args=[secret_id]),
        message=contexts.told(fields, changed),
        as_json=contexts.summary(changed),
    )


@answers.allow("GET", "POST")
def delete(request: HttpRequest, secret_id: int) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST deletes one's secret."""
    found = find_secret(user=user_of(request), secret_id=secret_id)
    if request.method != "POST":
        return answers.page(request, "secrets/delete.html", {"secret": found})
    delete_secret(secret=found)
    return answers.done(
        request, to=reverse("secrets"), message=f"The secret {found.name} is deleted.", as_json={}
    )
