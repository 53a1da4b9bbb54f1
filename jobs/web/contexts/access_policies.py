"""What the pages of access policies, and their JSON, are drawn from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import QueryDict

from jobs.domain import access_words as words
from jobs.domain.access_actions import (
    ACTIONS,
    DEREGISTER_JOB_DEFINITION,
    REGISTER_JOB_DEFINITION,
    TAG_RESOURCE,
    UNTAG_RESOURCE,
    known_action,
    known_key,
    nearest,
)
from jobs.domain.access_documents import MAX_CHARACTERS
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
from jobs.selectors import access_policies as selectors
from jobs.selectors.access_resources import of_arn
from jobs.selectors.choices import definition_names, queue_names
from jobs.selectors.realm import arns
from jobs.services.setup.definition_owners import require_own_definition

from .forms import errors_elsewhere
from .lazily import lazily
from .named import NameQuery, read_query

FIELDS = ("name", "description", "document")
ASKED = ("user", "action", "resource", "context")
# What may be given by its name in place of its ARN.
NAMED = {"queue": JOB_QUEUE, "definition": JOB_DEFINITION}
# What nobody is given of a definition's name that is somebody else's.
_OF_DEFINITIONS = frozenset(
    {REGISTER_JOB_DEFINITION, DEREGISTER_JOB_DEFINITION, TAG_RESOURCE, UNTAG_RESOURCE}
)


@dataclass(frozen=True, slots=True)
class Question:
    """What the check is asked. `context` has a line for each condition's key: key=value."""

    user: str
    action: str
    resource: str
    context: str

    @property
    def is_empty(self) -> bool:
        return not (self.user or self.action or self.resource)


def list_query(query: QueryDict) -> NameQuery:
    return read_query("access_policies", query)


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Policies by name, with to whom they are attached."""
    page = lazily(lambda: selectors.list_policies(after=query.after, search=query.search))
    return query.shown(page)


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`."""
    page = selectors.list_policies(after=query.after, search=query.search)
    return query.as_json(page, summary)


def summary(row: AccessPolicy) -> dict[str, Any]:
    """A policy as scripts get it."""
    return {
        "id": row.pk,
        "name": row.name,
        "description": row.description,
        "document": json.loads(row.document),
        "users": [user.get_username() for user in row.users.all()],
        "groups": [group.name for group in row.groups.all()],
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def build(*, policy: AccessPolicy, errors: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """A policy with its statements in words, or why it cannot be read, and the forms that attach it."""
    try:
        statements, problem = selectors.statements_of(policy), ""
    except FieldError as error:
        statements, problem = (), str(error)
    return {
        "policy": policy,
        "problem": problem,
        "statements": [(each.label, words.in_words(each)) for each in statements],
        "users": policy.users.all(),
        "groups": policy.groups.all(),
        "user_names": selectors.names_of_users(),
        "group_names": selectors.names_of_groups(),
        "errors": dict(errors or {}),
        "form_errors": errors_elsewhere(errors, fields=("user", "group")),
    }


def values_of(row: AccessPolicy) -> dict[str, object]:
    return {name: getattr(row, name) for name in FIELDS}


def values_of_example(key: str) -> dict[str, object]:
    """A new policy with an example's document; of any other key, with the first."""
    found = {name: text for name, _, text in words.examples(arns())}
    return {"document": found.get(key, next(iter(found.values())))}


def build_form(
    *,
    values: Mapping[str, object],
    errors: Mapping[str, list[str]] | None = None,
    policy: AccessPolicy | None = None,
) -> dict[str, Any]:
    """The form, with the examples to start from."""
    document = values.get("document")
    text = document if isinstance(document, str) else json.dumps(document, indent=2)
    return {
        "policy": policy,
        "values": {**values, "document": text},
        "examples": words.examples(arns()),
        "actions": ACTIONS.values(),
        "max_characters": MAX_CHARACTERS,
        "errors": dict(errors or {}),
        "form_errors": errors_elsewhere(errors, fields=FIELDS),
    }


def read_question(query: QueryDict) -> Question:
    """The check's question of a URL. A `queue` and a `definition` by name stand for their ARNs."""
    given = {name: query.get(name, "").replace("\0", "").strip() for name in (*ASKED, *NAMED)}
    named = [arns().of(kind, given[name]) for name, kind in NAMED.items() if given[name]]
    given["resource"] = "\n".join(filter(None, [given["resource"], *named]))
    return Question(*(given[name] for name in ASKED))


def answer_to(asked: Question, *, now: datetime) -> dict[str, Any] | None:
    """What is answered; None without a question. Raises InvalidInput."""
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
    resources = asked.resource.split()
    if not resources or any(not each.startswith("arn:") for each in resources):
        example = arns().of("job-queue", "default")
        errors["resource"] = [f"Give ARNs such as {example}, one a line."]
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
    )
    return _answer(user, action, decision, _not_his(user, action, resources))


def build_check(
    *,
    asked: Question,
    answer: Mapping[str, Any] | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """The check's form, with the answer."""
    return {
        "asked": asdict(asked),
        "answer": answer,
        "user_names": selectors.names_of_users(),
        "queue_names": queue_names(),
        "definition_names": definition_names(),
        "actions": ACTIONS.values(),
        "errors": dict(errors or {}),
        "form_errors": errors_elsewhere(errors, fields=ASKED),
    }


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
