"""What the pages of access policies, and their JSON, are drawn from."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from jobs.domain import access_words as words
from jobs.domain.access_actions import ACTIONS
from jobs.domain.access_documents import MAX_CHARACTERS
from jobs.domain.validation import FieldError
from jobs.models import AccessPolicy
from jobs.selectors.access import policies as selectors
from jobs.selectors.realm import arns

from . import access_check
from .forms import errors_elsewhere
from .lazily import lazily
from .named import NameQuery, read_query

FIELDS = ("name", "description", "document")
# So many statements are told in a line of the list.
TOLD = 2


def list_query(query: QueryDict) -> NameQuery:
    return read_query("access_policies", query)


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Policies by name, each with what it says and to whom it is attached."""
    page = lazily(lambda: selectors.list_policies(after=query.after, search=query.search))
    return {
        **query.shown(page),
        "rows": lazily(lambda: [(row, *_in_short(row)) for row in page().rows]),
    }


def _in_short(row: AccessPolicy) -> tuple[list[str], int]:
    """What a policy says first, and how many statements more there are."""
    statements, problem = _statements(row)
    if problem:
        return [f"It denies all changes, for it cannot be read any more: {problem}"], 0
    return [said for _, said in statements[:TOLD]], max(len(statements) - TOLD, 0)


def _statements(row: AccessPolicy) -> tuple[list[tuple[str, str]], str]:
    """Each statement's label, and what it says; or why they cannot be read."""
    try:
        found = selectors.statements_of(row)
    except FieldError as error:
        return [], str(error)
    return [(each.label, words.in_words(each)) for each in found], ""


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


def build(
    *,
    policy: AccessPolicy,
    errors: Mapping[str, list[str]] | None = None,
    asked: access_check.Question | None = None,
    answer: Mapping[str, Any] | None = None,
    ask_errors: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """A policy with its statements in words, or why it cannot be read, the forms that attach it, and its check."""
    statements, problem = _statements(policy)
    names = selectors.names_of_users()
    return {
        "policy": policy,
        "problem": problem,
        "statements": statements,
        "users": policy.users.all(),
        "groups": policy.groups.all(),
        "user_names": names,
        "group_names": selectors.names_of_groups(),
        "errors": dict(errors or {}),
        "form_errors": errors_elsewhere(errors, fields=("user", "group")),
        "check": access_check.build(
            asked=asked or access_check.NOTHING_ASKED,
            answer=answer,
            errors=ask_errors,
            user_names=names,
        ),
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
