"""What the pages of job definitions, their forms and their JSON are drawn from."""

import shlex
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from jobs.domain.definition_document import definition_fields
from jobs.domain.errors import InvalidInput, NotFound
from jobs.domain.exit_rules import rules_text
from jobs.domain.resources import format_vcpus
from jobs.domain.variables import variables_text
from jobs.models import DefinitionStatus, JobDefinition
from jobs.selectors import definitions as selectors
from jobs.selectors.paging import Page

from .. import answers
from .lazily import lazily
from .named import NameQuery, read_query

# A pasted document comes in this field.
DOCUMENT = "document"
TEXT_FIELDS = (
    "name",
    "description",
    "image",
    "command",
    "environment",
    "vcpus",
    "memory_mib",
    "attempts",
    "evaluate_on_exit",
    "timeout_seconds",
)
NEW = {"vcpus": "1", "memory_mib": "512", "attempts": "1"}


def list_query(query: QueryDict) -> NameQuery:
    """The list's URL; `all=1` also shows names whose newest revision is deregistered."""
    return read_query("definitions", query, extra=("all",))


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: _page(query))
    return {
        "query": query,
        "page": page,
        "next_url": lazily(lambda: query.next_url(page().next)),
        "include_inactive": bool(query.extra["all"]),
    }


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = _page(query)
    return {
        "results": [
            {**summary(row.definition), "revisions": row.revisions, "live_jobs": row.live_jobs}
            for row in page.rows
        ],
        "next": query.next_url(page.next),
    }


def find(*, name: str, revision: int | None = None) -> JobDefinition:
    """The revision, or the newest. Raises NotFound."""
    found = selectors.find_definition(name=name, revision=revision)
    if found is None:
        shown = name if revision is None else f"{name}:{revision}"
        raise NotFound(f"There is no job definition {shown}.")
    return found


def build(*, definition: JobDefinition, before: int | None) -> dict[str, Any]:
    """Read when drawn; see `lazily`. `before`: the page of revisions below that one."""
    revisions = lazily(lambda: selectors.list_revisions(name=definition.name, before=before))
    url = revision_url(definition)
    return {
        "definition": definition,
        "is_active": definition.status == DefinitionStatus.ACTIVE,
        "usage": lazily(lambda: selectors.definition_usage(name=definition.name)),
        "revisions": revisions,
        "first_url": url if before is not None else None,
        "next_url": lazily(
            lambda: f"{url}?before={revisions().next}" if revisions().next else None
        ),
    }


def build_comparison(*, old: JobDefinition, new: JobDefinition) -> dict[str, Any]:
    differences = selectors.compare_definitions(old=old, new=new)
    return {
        "old": old,
        "new": new,
        "differences": differences,
        "changed": sum(each.changed for each in differences),
    }


def comparison_as_json(*, old: JobDefinition, new: JobDefinition) -> dict[str, Any]:
    """The fields that differ."""
    return {
        "old": str(old),
        "new": str(new),
        "changed": [
            {"field": each.label, "old": each.old, "new": each.new}
            for each in selectors.compare_definitions(old=old, new=new)
            if each.changed
        ],
    }


def build_form(
    *,
    values: Mapping[str, object],
    document: str = "",
    errors: Mapping[str, list[str]] | None = None,
    source: JobDefinition | None = None,
) -> dict[str, Any]:
    """The form with these values; `document` is the pasted JSON, if that is what was sent."""
    shown = dict(errors or {})
    # What has no field of its own here is said at the top, by its name.
    other = [
        f"{field}: {text}" if field else text
        for field, texts in shown.items()
        if document or field not in TEXT_FIELDS
        for text in texts
    ]
    return {
        "values": {name: _as_text(values.get(name)) for name in TEXT_FIELDS},
        "document": document,
        "errors": {} if document else shown,
        "form_errors": [] if document else other,
        "document_errors": other if document else [],
        "source": source,
    }


def values_of(definition: JobDefinition) -> dict[str, object]:
    """The form's values for a next revision like this one."""
    return {
        "name": definition.name,
        "description": definition.description,
        "image": definition.image,
        "command": shlex.join(definition.command),
        "environment": variables_text(definition.environment),
        "vcpus": format_vcpus(definition.milli_vcpus),
        "memory_mib": str(definition.memory_mib),
        "attempts": str(definition.attempts),
        "evaluate_on_exit": rules_text(definition.evaluate_on_exit),
        "timeout_seconds": str(definition.timeout_seconds or ""),
    }


def posted_fields(request: HttpRequest) -> dict[str, object]:
    """The fields to register, out of a form, a pasted document or a JSON body. Raises InvalidInput."""
    posted = answers.posted(request)
    if request.content_type == "application/json":
        return definition_fields(posted)
    document = posted.get(DOCUMENT)
    if not isinstance(document, str) or not document.strip():
        return {name: value for name, value in posted.items() if name != DOCUMENT}
    try:
        parsed = answers.json_object(document.encode())
    except BadRequest as error:
        raise InvalidInput({"": [str(error)]}) from None
    return definition_fields(parsed)


def summary(definition: JobDefinition) -> dict[str, Any]:
    """A revision as JSON."""
    return {
        "name": definition.name,
        "revision": definition.revision,
        "status": definition.status,
        "description": definition.description,
        "image": definition.image,
        "command": definition.command,
        "environment": definition.environment,
        "vcpus": format_vcpus(definition.milli_vcpus),
        "memory_mib": definition.memory_mib,
        "attempts": definition.attempts,
        "evaluate_on_exit": definition.evaluate_on_exit,
        "timeout_seconds": definition.timeout_seconds,
        "created_at": definition.created_at,
        "url": revision_url(definition),
    }


def revision_url(definition: JobDefinition) -> str:
    return reverse("definition", args=[definition.name, definition.revision])


def _page(query: NameQuery) -> Page[selectors.DefinitionRow]:
    return selectors.list_definitions(
        after=query.after, search=query.search, include_inactive=bool(query.extra["all"])
    )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else ""
