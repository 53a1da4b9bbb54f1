"""Access policies: what users and groups are denied or given, and what that makes of a request."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.models import AccessPolicy
from jobs.selectors.access.policies import find_policy, names_of_users
from jobs.services.access.policies import (
    attach_policy,
    create_policy,
    delete_policy,
    detach_policy,
    require_superuser,
    update_policy,
)

from . import answers
from .access import require_staff, user_of
from .contexts import access_check, own_policies
from .contexts import access_policies as contexts
from .once import AGAIN, found_again, once


@answers.allow("GET", "POST")
def access_policies(request: HttpRequest) -> HttpResponse:
    """GET: policies by name; who is no administrator gets his own. POST: makes one (201 for scripts)."""
    if request.method == "POST":
        return _create(request)
    user = user_of(request)
    if not user.is_staff:
        return answers.page(
            request,
            "access_policies/own.html",
            own_policies.build(user),
            as_json=lambda: own_policies.as_json(user),
        )
    query = contexts.list_query(request.GET)
    return answers.page(
        request,
        "access_policies/list.html",
        contexts.build_list(query=query),
        as_json=lambda: contexts.list_as_json(query=query),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    """The form; `?example=` starts it with a document of `domain.access_words`."""
    require_superuser(user_of(request))
    values = contexts.values_of_example(request.GET.get("example", ""))
    return answers.page(request, "access_policies/form.html", contexts.build_form(values=values))


@answers.allow("GET", "POST")
def access_policy(request: HttpRequest, policy_id: int) -> HttpResponse:
    """GET: a policy, and to whom it is attached; asked as its check is, also what it would say by itself. POST: changes
    what is given of its fields."""
    if request.method == "POST":
        return _update(request, policy_id)
    user = require_staff(request)
    row = find_policy(policy_id=policy_id)
    asked = access_check.read_question(request.GET, by=user)
    try:
        answer = access_check.answer_to(asked, now=timezone.now(), policy=row)
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "access_policies/detail.html",
            lambda errors: contexts.build(policy=row, asked=asked, ask_errors=errors),
        )
    return answers.page(
        request,
        "access_policies/detail.html",
        contexts.build(policy=row, asked=asked, answer=answer),
        as_json=lambda: {**contexts.summary(row), **({"answer": answer} if answer else {})},
    )


@answers.allow("GET")
def edit(request: HttpRequest, policy_id: int) -> HttpResponse:
    require_superuser(user_of(request))
    row = find_policy(policy_id=policy_id)
    context = contexts.build_form(values=contexts.values_of(row), policy=row)
    return answers.page(request, "access_policies/form.html", context)


@answers.allow("GET", "POST")
def delete(request: HttpRequest, policy_id: int) -> HttpResponse:
    """GET asks first; POST deletes it."""
    user = user_of(request)
    require_superuser(user)
    row = find_policy(policy_id=policy_id)
    if request.method != "POST":
        return answers.page(request, "access_policies/delete.html", {"policy": row})
    delete_policy(policy=row, by=user)
    return answers.done(
        request,
        to=reverse("access_policies"),
        message=f"The policy {row.name} is deleted.",
        as_json={},
    )


@answers.allow("GET", "POST")
def attach(request: HttpRequest, policy_id: int) -> HttpResponse:
    """POST: attaches it to a `user` or a `group`. GET, of a page that was refused: leads to the policy."""
    if request.method != "POST":
        return redirect("access_policy", policy_id)
    row, fields = find_policy(policy_id=policy_id), answers.posted(request)
    try:
        name = attach_policy(policy=row, by=user_of(request), fields=fields)
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "access_policies/detail.html",
            lambda errors: {**contexts.build(policy=row, errors=errors), "typed": fields},
        )
    return _done(request, row, f"The policy {row.name} is attached to {name}.")


@answers.allow("POST")
def detach(request: HttpRequest, policy_id: int) -> HttpResponse:
    """Takes it from a `user` or a `group`."""
    row = find_policy(policy_id=policy_id)
    name = detach_policy(policy=row, by=user_of(request), fields=answers.posted(request))
    return _done(request, row, f"The policy {row.name} is no longer attached to {name}.")


@answers.allow("GET")
def check(request: HttpRequest) -> HttpResponse:
    """Whether a `user` may do an `action` on each `resource`, and which statement says so. Who is no administrator asks
    of himself."""
    user = user_of(request)
    asked = access_check.read_question(request.GET, by=user)
    names = names_of_users() if user.is_staff else []
    try:
        answer = access_check.answer_to(asked, now=timezone.now())
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "access_policies/check.html",
            lambda errors: {
                "check": access_check.build(asked=asked, errors=errors, user_names=names)
            },
        )
    return answers.page(
        request,
        "access_policies/check.html",
        {"check": access_check.build(asked=asked, answer=answer, user_names=names)},
        as_json=lambda: answer or {},
    )


def _create(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    require_superuser(user)
    fields = answers.posted(request)
    try:
        sent = once(
            request,
            make=lambda: create_policy(by=user, fields=fields, now=timezone.now()),
            find=found_again(AccessPolicy.objects, called="policy"),
        )
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "access_policies/form.html",
            lambda errors: contexts.build_form(values=fields, errors=errors),
        )
    told = (
        AGAIN if sent.is_again else f"The policy {sent.made.name} is made. Attach it to somebody."
    )
    return _done(request, sent.made, told, status=201)


def _update(request: HttpRequest, policy_id: int) -> HttpResponse:
    user = user_of(request)
    require_superuser(user)
    row = find_policy(policy_id=policy_id)
    fields = answers.posted(request)
    try:
        changed = update_policy(policy=row, by=user, fields=fields, now=timezone.now())
    except InvalidInput as error:
        values = {**contexts.values_of(row), **fields}
        return answers.refused(
            request,
            error,
            "access_policies/form.html",
            lambda errors: contexts.build_form(values=values, errors=errors, policy=row),
        )
    return _done(request, changed, f"The policy {changed.name} is changed.")


def _done(
    request: HttpRequest, row: AccessPolicy, message: str, *, status: int = 200
) -> HttpResponse:
    return answers.done(
        request,
        to=reverse("access_policy", args=[row.pk]),
        message=message,
        as_json=contexts.summary(find_policy(policy_id=row.pk)),
        status=status,
    )
