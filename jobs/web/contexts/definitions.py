"""What the pages of job definitions, their forms and their JSON are drawn from."""

from typing import Any

from django.http import QueryDict
from django.urls import reverse

from jobs.domain.errors import NotFound
from jobs.domain.resources import format_vcpus
from jobs.models import DefinitionStatus, JobDefinition
from jobs.selectors import definitions as selectors
from jobs.selectors.paging import Page

from . import right_sizing, workload
from .lazily import lazily
from .named import NameQuery, read_query


def list_query(query: QueryDict) -> NameQuery:
    """The list's URL; `all=1` also shows names whose newest revision is deregistered."""
    return read_query("definitions", query, extra=("all",))


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: _page(query))
    return {
        **query.shown(page),
        "include_inactive": bool(query.extra["all"]),
    }


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = _page(query)
    return query.as_json(
        page,
        lambda row: {
            **summary(row.definition),
            "revisions": row.revisions,
            "live_jobs": row.live_jobs,
        },
    )


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
        "node_groups": lazily(lambda: workload.of_definition(definition)),
        "is_active": definition.status == DefinitionStatus.ACTIVE,
        "usage": lazily(lambda: selectors.definition_usage(name=definition.name)),
        "sizing": right_sizing.panel(name=definition.name),
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


def summary(definition: JobDefinition) -> dict[str, Any]:
    """A revision as JSON."""
    return {
        "name": definition.name,
        "revision": definition.revision,
        "status": definition.status,
        "description": definition.description,
        "image": definition.image,
        "type": definition.type,
        "command": definition.command,
        "environment": definition.environment,
        "vcpus": format_vcpus(definition.milli_vcpus),
        "memory_mib": definition.memory_mib,
        "gpus": definition.gpus,
        "parameters": definition.parameters,
        "container": definition.container,
        "ecs_properties": definition.ecs_properties,
        "node_properties": definition.node_properties,
        "scheduling_priority": definition.scheduling_priority,
        "consumables": definition.consumables,
        "tags": definition.tags,
        "propagate_tags": definition.propagate_tags,
        "platform_capabilities": definition.extra.get("platformCapabilities", []),
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
