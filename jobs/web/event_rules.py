"""Rules that send events to other places: the list, one with its deliveries, making, trying, changing, deleting one."""

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from jobs.domain import numbers
from jobs.domain.errors import InvalidInput
from jobs.models import DeliveryState, EventRule, TargetKind
from jobs.selectors.events.rules import find_rule, rule_by_id
from jobs.services.sending.hurrying import try_now
from jobs.services.sending.rules import (
    MadeRule,
    create_rule,
    delete_rule,
    new_secret_of,
    pattern_asked,
    secret_again,
    send_again,
    send_test,
    update_rule,
)
from jobs.services.sending.trying import try_pattern

from . import answers
from .access import user_of
from .contexts import event_rules as contexts
from .handed_out import SHOWN_AGAIN_FOR
from .once import AGAIN, once
from .toasts import Undo

NOT_AGAIN = (
    "This form was sent before and made {name}, whose secret is not shown again. If you did not copy it, make a new "
    "secret."
)
LISTS = ("statuses", "alarm_states")


@sensitive_variables("sent", "made")
@answers.allow("GET", "POST")
def event_rules(request: HttpRequest) -> HttpResponse:
    """GET: one's rules by name, of administrators all. POST: makes one (201), and shows its secret, this once."""
    if request.method == "POST":
        return _create(request)
    query, user = contexts.list_query(request.GET), user_of(request)
    return answers.page(
        request,
        "event_rules/list.html",
        contexts.build_list(query=query, user=user),
        as_json=lambda: contexts.list_as_json(query=query, user=user),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    """The form; any of its fields may stand in the URL."""
    user = user_of(request)
    context = contexts.build_form(values=contexts.new_values(user, request.GET), user=user)
    return answers.page(request, "event_rules/form.html", context)


@answers.allow("GET", "POST")
def try_it(request: HttpRequest) -> HttpResponse:
    """The form again, with those of the newest events that its pattern matches. Nothing is made.

    Who comes back to the address (GET) is sent to the form.
    """
    if request.method != "POST":
        return redirect("event_rule_new")
    user, fields = user_of(request), _posted(request)
    rule = _rule_of_form(request)
    try:
        tried = try_pattern(pattern_asked(fields), user=rule.owner if rule else user)
    except InvalidInput as error:
        if answers.wants_json(request):
            raise
        context = contexts.build_form(values=fields, user=user, errors=error.errors, rule=rule)
        return answers.page(request, "event_rules/form.html", context, status=400)
    return answers.page(
        request,
        "event_rules/form.html",
        contexts.build_form(values=fields, user=user, rule=rule, tried=tried),
        as_json=lambda: {
            "looked_at": tried.looked_at,
            "matches": [
                {"at": each.at, "name": each.name, "detail-type": each.what, "status": each.status}
                for each in tried.matches
            ],
        },
    )


@answers.allow("GET", "POST")
def event_rule(request: HttpRequest, name: str) -> HttpResponse:
    """GET: a rule and what it sends, of a `state` if one is given. POST: changes it; what is left out stays."""
    if request.method == "POST":
        return _update(request, name)
    user = user_of(request)
    found = find_rule(user=user, name=name)
    before = numbers.whole("before", request.GET.get("before", ""))
    state = request.GET.get("state", "")
    if state and state not in DeliveryState.values:
        raise InvalidInput({"state": [f"A state is one of {', '.join(DeliveryState.values)}."]})
    return answers.page(
        request,
        "event_rules/detail.html",
        contexts.build(rule=found, user=user, state=state, before=before),
        as_json=lambda: contexts.as_json(found, state, before),
    )


@answers.allow("GET")
def edit(request: HttpRequest, name: str) -> HttpResponse:
    user = user_of(request)
    found = find_rule(user=user, name=name)
    context = contexts.build_form(values=contexts.form_values(found), user=user, rule=found)
    return answers.page(request, "event_rules/form.html", context)


@answers.allow("GET", "POST")
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST deletes a rule with all that waits."""
    found = find_rule(user=user_of(request), name=name)
    if request.method != "POST":
        return answers.page(request, "event_rules/delete.html", {"rule": found})
    delete_rule(rule=found)
    return answers.done(
        request,
        to=reverse("event_rules"),
        message=f"The rule {name} is deleted.",
        as_json={},
    )


@answers.allow("POST")
def test(request: HttpRequest, name: str) -> HttpResponse:
    """Sends an event that is made for it; its page tells what came of it (202 for scripts)."""
    found = find_rule(user=user_of(request), name=name)
    send_test(rule=found, now=timezone.now())
    return answers.done(
        request,
        to=reverse("event_rule", args=[name]),
        message="A test event is on its way: see what becomes of it below.",
        as_json=contexts.summary(found),
        status=202,
    )


@answers.allow("POST")
def now(request: HttpRequest, name: str) -> HttpResponse:
    """Has what waits for its next try tried now (202 for scripts)."""
    found = find_rule(user=user_of(request), name=name)
    row = try_now(rule=found, now=timezone.now())
    return answers.done(
        request,
        to=reverse("event_rule", args=[name]),
        message="What waits is tried now: see what becomes of it below.",
        as_json=contexts.summary(row),
        status=202,
    )


@sensitive_variables("made")
@answers.allow("GET", "POST")
def secret(request: HttpRequest, name: str) -> HttpResponse:
    """GET asks first; POST gives a rule a new signing secret, and shows it, this once."""
    found = find_rule(user=user_of(request), name=name)
    if request.method != "POST":
        return answers.page(request, "event_rules/secret.html", {"rule": found})
    made = new_secret_of(rule=found, now=timezone.now())
    return _shown_once(request, made, status=201)


@answers.allow("POST")
def again(request: HttpRequest, name: str, delivery_id: int) -> HttpResponse:
    """Has what was given up sent after all."""
    found = find_rule(user=user_of(request), name=name)
    row = send_again(rule=found, delivery_id=delivery_id, now=timezone.now())
    return answers.done(
        request,
        to=reverse("event_rule", args=[name]),
        message="It is sent again.",
        as_json=contexts.delivery_as_json(row, found),
        status=202,
    )


@sensitive_variables("sent", "made")
def _create(request: HttpRequest) -> HttpResponse:
    user, fields = user_of(request), _posted(request)
    try:
        sent = once(
            request,
            make=lambda: create_rule(owner=user, fields=fields, now=timezone.now()),
            find=lambda pk: _made_before(user, int(pk)),
        )
    except InvalidInput as error:
        if answers.wants_json(request):
            raise
        context = contexts.build_form(values=fields, user=user, errors=error.errors)
        return answers.page(request, "event_rules/form.html", context, status=400)
    made = sent.made
    if made.secret:
        # No redirect: nobody is shown the secret again, so it has to be in this very answer.
        return _shown_once(request, made, status=201)
    told = f"The rule {made.rule.name} is made."
    if sent.is_again:
        is_signed = made.rule.target_kind == TargetKind.WEBHOOK
        told = NOT_AGAIN.format(name=made.rule.name) if is_signed else AGAIN
    return answers.done(
        request,
        to=reverse("event_rule", args=[made.rule.name]),
        message=told,
        as_json=contexts.summary(made.rule),
        status=201,
    )


@sensitive_variables("secret")
def _made_before(user: User, pk: int) -> MadeRule:
    """What the form has made, with its secret if that was a moment ago: of a double click, only this answer is seen."""
    rule, now = rule_by_id(user=user, rule_id=pk), timezone.now()
    is_fresh = now - rule.created_at < SHOWN_AGAIN_FOR and rule.changed_at == rule.created_at
    secret = secret_again(rule) if is_fresh else ""
    return MadeRule(rule, secret)


@sensitive_variables("made", "context")
def _shown_once(request: HttpRequest, made: MadeRule, *, status: int) -> HttpResponse:
    rule = find_rule(user=user_of(request), name=made.rule.name)
    context = contexts.build(rule=rule, user=user_of(request), secret=made.secret)
    response = answers.page(
        request,
        "event_rules/detail.html",
        context,
        as_json=lambda: {**contexts.summary(rule), "secret": made.secret},
        status=status,
    )
    response["Cache-Control"] = "no-store"
    return response


def _update(request: HttpRequest, name: str) -> HttpResponse:
    user, fields = user_of(request), _posted(request)
    found = find_rule(user=user, name=name)
    try:
        changed = update_rule(rule=found, by=user, fields=fields, now=timezone.now())
    except InvalidInput as error:
        if answers.wants_json(request):
            raise
        values = {**contexts.form_values(found), **fields}
        context = contexts.build_form(values=values, user=user, errors=error.errors, rule=found)
        return answers.page(request, "event_rules/form.html", context, status=400)
    url = reverse("event_rule", args=[changed.name])
    told, undo = "changed", None
    if found.is_enabled != changed.is_enabled:
        told = "switched on" if changed.is_enabled else "switched off"
        undo = Undo(url, fields={"is_enabled": "false" if changed.is_enabled else "true"})
    return answers.done(
        request,
        to=url,
        message=f"The rule {changed.name} is {told}.",
        as_json=contexts.summary(changed),
        undo=undo,
    )


def _posted(request: HttpRequest) -> dict[str, object]:
    """The fields. Of a form, boxes are lists, and none marked is an empty one."""
    fields = answers.posted(request)
    fields.pop("of_rule", None)
    if request.content_type != "application/json" and "tell_of" in fields:
        fields.update({each: request.POST.getlist(each) for each in LISTS})
    return fields


def _rule_of_form(request: HttpRequest) -> EventRule | None:
    """The rule that the form would change, if it is of one."""
    name = request.POST.get("of_rule", "")
    return find_rule(user=user_of(request), name=name) if name else None
