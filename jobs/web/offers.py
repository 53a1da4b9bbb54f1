"""What pages offer: no form and no button that its user's access policies would refuse.

It is foreseen, for a page that is drawn: what decides is asked when something is sent (`jobs.web.permissions`). A part
that is drawn for all of a kind asks here as well: `renewals.AnyViewer` has no policies, or cannot be asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from jobs.domain.access_actions import (
    ACTIONS,
    DEREGISTER_JOB_DEFINITION,
    REGISTER_JOB_DEFINITION,
)
from jobs.domain.access_policies import (
    Context,
    Decision,
    Policy,
    Resource,
    foreseen,
    gives_somewhere,
    refusal,
    who_denies,
)
from jobs.models import Job
from jobs.selectors.access.policies import base_context, may_have_policies, policies_of
from jobs.selectors.access.resources import new_definition
from jobs.selectors.definitions import may_change_definition
from jobs.services.requests.rights import denial_again

from .permission_resources import Find, Post
from .permissions import ASKING, FORMS, FORMS_OF_NEW, READS, RULES, address_of, was_given

_KEPT = "policies_of_page"
_WITHHELD = "withheld_by_policies"
# Longer than a name can be: only a pattern that ends with an asterisk fits it.
ANY_NAME = "*" * 300
RERUN = "job_rerun"
# Of a definition that is there already; it has the form of a new one.
NEW_REVISION = "definition_revise"
OF_DEFINITIONS = frozenset({REGISTER_JOB_DEFINITION, DEREGISTER_JOB_DEFINITION})


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a form or a button would do, on what. Of what it makes (`is_new`) the name is not known yet."""

    action: str
    find: Find
    is_new: bool


def offers(request: HttpRequest, view_name: str, arguments: Mapping[str, Any]) -> bool:
    """Whether to offer what this view does, or the form that leads to it, with these arguments of its URL.

    By his role and his policies; what else stands against it, the page knows. What a policy takes from him is noted for
    `withheld`. The first question of a page is a query, for who has policies; for all others there is none.
    """
    if view_name == RERUN:
        return _may_run_again(request, arguments["job"])
    user, asked = request.user, _asked(view_name)
    is_his = user.is_superuser or user.is_staff or not _is_of_setup(asked.action)
    policies = _policies(user)
    if policies:
        decision = _foresee(request, asked, arguments, policies)
        if decision.is_denied:
            if is_his:
                _withhold(request, asked.action, who_denies(decision))
            return False
        is_his = is_his or _gives(decision, asked, policies)
    if is_his and not user.is_staff and asked.action in OF_DEFINITIONS and "name" in arguments:
        return may_change_definition(user=_known(user), name=arguments["name"])
    return is_his


def withheld(request: HttpRequest) -> list[tuple[str, list[str]]]:
    """What was not offered since it was asked last: each reason with its actions."""
    found = _withheld(request)
    rows: dict[str, list[str]] = {}
    for key in [key for key, is_told in found.items() if not is_told]:
        found[key] = True
        action, why = key
        rows.setdefault(why, []).append(action)
    return list(rows.items())


def leads_to_a_post(request: HttpRequest) -> bool:
    """Whether it asks for a page that is there only for the form in it."""
    match = request.resolver_match
    return (
        match is not None
        and request.method in READS
        and any(match.view_name in names for names in (ASKING, FORMS, FORMS_OF_NEW))
    )


def is_given(request: HttpRequest) -> bool:
    """Whether a policy gives the sender what he asks for: what he posts, or the form that he would post.

    Raises PermissionDenied if a policy denies him what the form is for, before he has filled it in.
    """
    if request.method not in READS:
        return was_given(request)
    match, user = request.resolver_match, request.user
    if match is None or not isinstance(user, User):
        return False
    name = match.view_name
    rule = RULES.get(FORMS.get(name, name))
    if name not in FORMS_OF_NEW and (rule is None or rule.find is None):
        return False
    policies, asked = _policies(user), _asked(name)
    if not policies:
        return False
    decision = _foresee(request, asked, match.kwargs, policies)
    if decision.is_denied:
        raise PermissionDenied(refusal(decision, user.get_username()))
    return _gives(decision, asked, policies)


def _asked(view_name: str) -> _Asked:
    if view_name == NEW_REVISION:
        return _Asked(REGISTER_JOB_DEFINITION, _definition, is_new=False)
    if view_name in FORMS_OF_NEW:
        action = FORMS_OF_NEW[view_name]
        return _Asked(action, _MAKES.get(action, _new_definition), is_new=True)
    rule = RULES[FORMS.get(view_name, view_name)]
    assert rule.find is not None
    return _Asked(rule.action, rule.find, is_new=rule.action in _MAKES)


_MAKES = {
    rule.action: rule.find
    for rule in RULES.values()
    if rule.find is not None and rule.action.partition(":")[2].startswith("Create")
}


def _definition(post: Post) -> Sequence[Resource]:
    return [new_definition(str(post.kwargs["name"]))]


def _new_definition(post: Post) -> Sequence[Resource]:
    return [new_definition(ANY_NAME)]


def _is_of_setup(action: str) -> bool:
    return ACTIONS[action].given or ACTIONS[action].kept


def _gives(decision: Decision, asked: _Asked, policies: Sequence[Policy]) -> bool:
    return decision.gives or (asked.is_new and gives_somewhere(policies, asked.action))


def _foresee(
    request: HttpRequest, asked: _Asked, arguments: Mapping[str, Any], policies: Sequence[Policy]
) -> Decision:
    user = _known(request.user)
    fields = dict.fromkeys(("name", "prefix"), ANY_NAME) if asked.is_new else {}
    values = base_context(user=user, now=timezone.now(), address=address_of(request))
    return foreseen(
        policies,
        action=asked.action,
        resources=asked.find(Post(user, arguments, fields)),
        context=Context(values),
        username=user.get_username(),
        is_new=asked.is_new,
    )


def _policies(user: Any) -> Sequence[Policy]:
    """Those of a page's user: read once, and kept with him, who is read for each request."""
    if not may_have_policies(user):
        return ()
    kept: Sequence[Policy] | None = getattr(user, _KEPT, None)
    if kept is None:
        kept = policies_of(user)
        setattr(user, _KEPT, kept)
    return kept


def _known(user: Any) -> User:
    """A user who is somebody: whoever has policies is."""
    assert isinstance(user, User)
    return user


def _may_run_again(request: HttpRequest, job: Job) -> bool:
    user: Any = request.user
    denial = denial_again(job, by=user, now=timezone.now(), address=address_of(request))
    if denial is not None:
        _withhold(request, denial.action, who_denies(denial))
    return denial is None


def _withhold(request: HttpRequest, action: str, why: str) -> None:
    _withheld(request).setdefault((action, why), False)


def _withheld(request: HttpRequest) -> dict[tuple[str, str], bool]:
    """Actions with the reasons why they were not offered, and whether that was told."""
    found: dict[tuple[str, str], bool] | None = getattr(request, _WITHHELD, None)
    if found is None:
        found = {}
        setattr(request, _WITHHELD, found)
    return found
