"""What the check of access policies asks and answers: may somebody do this, and which statement says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import QueryDict

from jobs.domain import access_words as words
from jobs.domain.access_actions import (
    ACTIONS,
    BATCH,
    DEREGISTER_JOB_DEFINITION,
    KINDS,
    LOGS,
    OWN,
    REGISTER_JOB_DEFINITION,
    SUBMIT_JOB,
    TAG_RESOURCE,
    UNTAG_RESOURCE,
    kinds_of,
    known_action,
    known_key,
    nearest,
)
from jobs.domain.access_policies import (
    REQUEST_TAG,
    RESOURCE_TAG,
    TAG_KEYS,
    UNREADABLE,
    Context,
    Decision,
    Effect,
    Resource,
)
from jobs.domain.arns import JOB_DEFINITION, JOB_QUEUE
from jobs.domain.errors import InvalidInput
from jobs.domain.rights import role_of
from jobs.domain.validation import FieldError
from jobs.models import AccessPolicy
from jobs.selectors.access import policies as selectors
from jobs.selectors.access.names import is_definition, is_queue, names_of_resources
from jobs.selectors.access.resources import of_arn, of_log_group
from jobs.selectors.realm import arns
from jobs.services.setup.definition_owners import require_own_definition

from .forms import errors_elsewhere

ASKED = ("user", "action", "resource", "context")
# What may be given beside the resources, by its name.
NAMED = {"queue": JOB_QUEUE, "definition": JOB_DEFINITION}
# A submission is on two.
FIELDS_OF_RESOURCES = 2
# What nobody is given of a definition's name that is somebody else's.
_OF_DEFINITIONS = frozenset(
    {REGISTER_JOB_DEFINITION, DEREGISTER_JOB_DEFINITION, TAG_RESOURCE, UNTAG_RESOURCE}
)


@dataclass(frozen=True, slots=True)
class Question:
    """What the check is asked. `context` has a line for each condition's key: key=value."""

    user: str
    action: str
    resources: tuple[str, ...]
    context: str

    @property
    def is_empty(self) -> bool:
        return not (self.action or self.resources)


NOTHING_ASKED = Question("", "", (), "")


def read_question(query: QueryDict, *, by: User) -> Question:
    """The check's question of a URL: `resource` several times, or one a line. A `queue` and a `definition` stand beside
    them. Who is no administrator asks of himself. Raises PermissionDenied."""
    given = {name: query.get(name, "").replace("\0", "").strip() for name in (*ASKED, *NAMED)}
    lines = "\n".join(query.getlist("resource")).replace("\0", "").splitlines()
    named = [f"{kind}/{given[name]}" for name, kind in NAMED.items() if given[name]]
    if not by.is_staff:
        if given["user"] not in ("", by.get_username()):
            raise PermissionDenied("Only administrators may ask what others may do.")
        given["user"] = by.get_username()
    resources = tuple(filter(None, [*map(str.strip, lines), *named]))
    return Question(given["user"], given["action"], resources, given["context"])


def answer_to(
    asked: Question, *, now: datetime, policy: AccessPolicy | None = None
) -> dict[str, Any] | None:
    """What is answered; None without a question. With a `policy` as if it were his only one. Raises InvalidInput."""
    if asked.is_empty:
        return None
    errors: dict[str, list[str]] = {}
    user = selectors.find_user(asked.user)
    if user is None:
        errors["user"] = [f"There is no user {asked.user[:150]}." if asked.user else "Give a user."]
    action = known_action(asked.action)
    if action is None:
        hint = nearest(asked.action, tuple(ACTIONS))
        errors["action"] = [f"This is no action that policies decide.{hint}"]
    resources = _resources(action or "", asked.resources, errors)
    given = _conditions(asked.context, errors)
    if errors:
        raise InvalidInput(errors)
    assert user is not None
    assert action is not None
    known = selectors.base_context(user=user, now=now, address="")
    decision = selectors.decision_of(
        user=user,
        action=action,
        resources=lambda: [given.tagged(of_arn(user, each)) for each in resources],
        context=Context({**known, **given.values}, given.request_tags or None, given.tag_keys),
        policies=[selectors.policy_of(policy)] if policy else None,
    )
    answer = _answer(user, action, decision, _not_his(user, action, resources))
    return {**answer, "on": resources, "note": _note(action, resources)}


def build(
    *,
    asked: Question,
    answer: Mapping[str, Any] | None = None,
    errors: Mapping[str, list[str]] | None = None,
    user_names: Sequence[str] = (),
) -> dict[str, Any]:
    """The check's form, with the answer. `user_names` are offered."""
    missing = FIELDS_OF_RESOURCES - len(asked.resources)
    return {
        "asked": asked,
        "resources": [*asked.resources, *[""] * missing],
        "answer": answer,
        "user_names": user_names,
        "resource_names": names_of_resources(),
        "actions": ACTIONS.values(),
        "errors": dict(errors or {}),
        "form_errors": errors_elsewhere(errors, fields=ASKED),
    }


def _resources(action: str, texts: Sequence[str], errors: dict[str, list[str]]) -> tuple[str, ...]:
    """The ARNs of what was named by an ARN, as kind/name, or by a name that says enough for the action."""
    found = []
    for text in texts:
        try:
            found.append(_arn(action, text))
        except FieldError as error:
            errors.setdefault("resource", []).extend(error.texts)
    if not texts:
        errors["resource"] = [f"Give what it is done to: a name, or an ARN such as {_example()}."]
    return tuple(found)


def _arn(action: str, text: str) -> str:
    if text.startswith("arn:"):
        return text
    kind, slash, name = text.partition("/")
    services = [service for service in (BATCH, OWN) if kind in KINDS[service]]
    if slash and name and services:
        return arns().of(kind, name, service=services[0])
    if action.startswith(f"{LOGS}:"):
        return of_log_group(text).arn
    kinds = kinds_of(action)
    if action == SUBMIT_JOB:
        kinds = tuple(
            (BATCH, kind)
            for kind, is_one in ((JOB_QUEUE, is_queue), (JOB_DEFINITION, is_definition))
            if is_one(text)
        )
    if not action:
        # That is told first.
        return text
    if len(kinds) != 1:
        raise FieldError(_unclear(text, action, bool(kinds)))
    return arns().of(kinds[0][1], text, service=kinds[0][0])


def _unclear(text: str, action: str, are_several: bool) -> str:
    if action == SUBMIT_JOB:
        found = "both a queue and a definition" if are_several else "no queue and no definition"
        return (
            f"{text[:150]} is the name of {found}: write {JOB_QUEUE}/NAME or {JOB_DEFINITION}/NAME."
        )
    return (
        f"{text[:150]}: write of what kind it is, such as {JOB_QUEUE}/default, or its ARN, such as "
        f"{_example()}."
    )


def _example() -> str:
    return arns().of(JOB_QUEUE, "default")


def _note(action: str, resources: Sequence[str]) -> str:
    """What the question leaves out of a submission."""
    if action != SUBMIT_JOB:
        return ""
    missing = [
        words
        for kind, words in ((JOB_QUEUE, "a queue"), (JOB_DEFINITION, "a definition"))
        if not any(arns().name_in(each, kind) for each in resources)
    ]
    if not missing:
        return ""
    return f"A submission is on {' and '.join(missing)} too, of which nothing was asked."


@dataclass(slots=True)
class _Given:
    """What the question says of the request. Tags of a resource stand for those that it has."""

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    request_tags: dict[str, str] = field(default_factory=dict)
    resource_tags: dict[str, str] = field(default_factory=dict)

    @property
    def tag_keys(self) -> tuple[str, ...]:
        return self.values.get(TAG_KEYS, ())

    def tagged(self, resource: Resource) -> Resource:
        def tags() -> Mapping[str, str]:
            names = {name.lower() for name in self.resource_tags}
            kept = {k: v for k, v in resource.tags().items() if k.lower() not in names}
            return {**kept, **self.resource_tags}

        return replace(resource, tags=tags) if self.resource_tags else resource


def _conditions(text: str, errors: dict[str, list[str]]) -> _Given:
    given = _Given()
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, value = line.partition("=")
        key = known_key(name.strip())
        if key is None or not equals:
            errors.setdefault("context", []).append(
                f"{line[:100]}: write key=value, with a key of conditions such as batch:Image."
            )
        elif key.startswith(REQUEST_TAG):
            given.request_tags[key.removeprefix(REQUEST_TAG)] = value.strip()
        elif key.startswith(RESOURCE_TAG):
            given.resource_tags[key.removeprefix(RESOURCE_TAG)] = value.strip()
        else:
            given.values[key] = (*given.values.get(key, ()), value.strip())
    return given


def _not_his(user: User, action: str, resources: Sequence[str]) -> str:
    """What is told who registers, deregisters or tags revisions of a name that is somebody else's; else empty."""
    if action not in _OF_DEFINITIONS:
        return ""
    names = [arns().name_in(each, JOB_DEFINITION) or "" for each in resources]
    try:
        for name in filter(None, names):
            require_own_definition(by=user, name=name.partition(":")[0])
    except PermissionDenied as refused:
        return str(refused)
    return ""


def _answer(user: User, action: str, decision: Decision | None, not_his: str) -> dict[str, Any]:
    """`may`: true, false; `why` in words; the policy and the statement that decide, if any does."""
    found = decision if decision is not None and decision.effect is not Effect.NONE else None
    statement = found.statement if found else None
    may = _may(user, action, found)
    return {
        "user": user.get_username(),
        "action": action,
        "may": may and not not_his,
        "why": not_his if may and not_his else _why(user, action, found),
        "policy": found.policy if found else "",
        "statement": statement.label if statement else "",
        "says": words.in_words(statement) if statement else "",
    }


def _may(user: User, action: str, found: Decision | None) -> bool:
    if found is not None and found.is_denied:
        return False
    is_given = found is not None and found.gives
    known = ACTIONS[action]
    return user.is_active and (user.is_staff or is_given or not (known.given or known.kept))


def _why(user: User, action: str, found: Decision | None) -> str:
    if not user.is_active:
        return "The account is switched off."
    if user.is_superuser:
        return "No policy binds a superuser."
    if found is not None and found.problem:
        return f"The policy {found.policy} denies it: {UNREADABLE} {found.problem}"
    if found is not None and found.is_denied:
        return f"The policy {found.policy} (statement {found.statement.label if found.statement else ''}) denies it."
    if found is not None and found.gives and not user.is_staff:
        return f"The policy {found.policy} (statement {found.statement.label if found.statement else ''}) allows it."
    role = role_of(is_staff=user.is_staff, is_superuser=False).name
    if ACTIONS[action].kept and not user.is_staff:
        return "Only administrators may do it, whatever a policy says."
    if ACTIONS[action].given and not user.is_staff:
        return f"No policy decides, and a {role} has no such right of his own."
    return (
        f"No policy denies it, and an {role} may do it."
        if user.is_staff
        else (f"No policy denies it, and a {role} may do it with what is his.")
    )
