"""The form of a job definition: its values, and what is posted with it.

AWS's further container properties are one field of the service, `container`. The form has inputs for some of
them (`container_user` and the like) and JSON for the rest; both are put together here.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest

from jobs.domain.definitions.definition_document import definition_fields
from jobs.domain.errors import InvalidInput
from jobs.models import JobDefinition
from jobs.selectors.definition_texts import definition_texts

from .. import answers
from .forms import errors_elsewhere, is_checked

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
    "gpus",
    "parameters",
    "attempts",
    "evaluate_on_exit",
    "timeout_seconds",
    "scheduling_priority",
    "consumables",
    "tags",
    "container",
    "ecs_properties",
    "node_properties",
    "platform_capabilities",
)
BOXES = ("propagate_tags",)
# Inputs of their own for members of `container`: the input, and the way to the member.
CONTAINER_TEXTS = {
    "container_user": ("user",),
    "container_shared_memory": ("linuxParameters", "sharedMemorySize"),
}
CONTAINER_BOXES = {
    "container_privileged": ("privileged",),
    "container_read_only_root": ("readonlyRootFilesystem",),
    "container_init": ("linuxParameters", "initProcessEnabled"),
}
FORM_ONLY = {DOCUMENT, *CONTAINER_TEXTS, *CONTAINER_BOXES}
# vCPUs and memory stay empty: definitions of several containers or nodes have none of their own.
NEW: dict[str, object] = {"attempts": "1"}
# Fields that lie folded until they hold something.
FOLDED = ("evaluate_on_exit", "scheduling_priority", "consumables", "tags", "propagate_tags")


def build(
    *,
    values: Mapping[str, object],
    document: str = "",
    errors: Mapping[str, list[str]] | None = None,
    source: JobDefinition | None = None,
) -> dict[str, Any]:
    """The form with these values; `document` is the pasted JSON, if that is what was sent."""
    # What has no field of its own here is said at the top, by its name.
    other = errors_elsewhere(errors, fields=() if document else (*TEXT_FIELDS, *BOXES))
    shown = _shown(values)
    marked = {} if document else dict(errors or {})
    return {
        "values": shown,
        "document": document,
        "errors": marked,
        "form_errors": [] if document else other,
        "document_errors": other if document else [],
        "source": source,
        "more_open": any(shown[field] or field in marked for field in FOLDED),
        "container_open": "container" in marked
        or any(shown[field] for field in ("container", *CONTAINER_TEXTS, *CONTAINER_BOXES)),
        "group_open": any(
            shown[field] or field in marked for field in ("ecs_properties", "node_properties")
        ),
    }


def values_of(definition: JobDefinition) -> dict[str, object]:
    """The form's values for a next revision like this one."""
    texts = definition_texts(definition)
    container = json.loads(texts.get("container") or "{}")
    return {
        **texts,
        **{field: _taken(container, way) for field, way in CONTAINER_TEXTS.items()},
        **{field: _taken(container, way) for field, way in CONTAINER_BOXES.items()},
        "container": json.dumps(container, indent=1, ensure_ascii=False) if container else "",
        "platform_capabilities": ",".join(definition.extra.get("platformCapabilities", ())),
    }


def posted_fields(request: HttpRequest) -> dict[str, object]:
    """The fields to register, out of a form, a pasted document or a JSON body. Raises InvalidInput."""
    posted = answers.posted(request)
    if request.content_type == "application/json":
        return definition_fields(posted)
    document = posted.get(DOCUMENT)
    if isinstance(document, str) and document.strip():
        try:
            parsed = answers.json_object(document.encode())
        except BadRequest as error:
            raise InvalidInput({"": [str(error)]}) from None
        return definition_fields(parsed)
    fields = {name: value for name, value in posted.items() if name not in FORM_ONLY}
    capabilities = fields.get("platform_capabilities")
    if isinstance(capabilities, str):
        fields["platform_capabilities"] = [text for text in capabilities.split(",") if text]
    container = _container(posted)
    return {**fields, "container": container} if container else fields


def _container(posted: Mapping[str, object]) -> object:
    """The JSON of the form with what its inputs say put in; left as it is where it is no JSON object."""
    said = {
        **{way: posted[field] for field, way in CONTAINER_TEXTS.items() if posted.get(field)},
        **{way: True for field, way in CONTAINER_BOXES.items() if is_checked(posted.get(field))},
    }
    rest = posted.get("container")
    if not said:
        return rest
    try:
        container = json.loads(str(rest or "{}"))
    except (ValueError, RecursionError):
        return rest
    if not isinstance(container, dict):
        return rest
    for (*outer, member), value in said.items():
        place = container
        for name in outer:
            place = place.setdefault(name, {})
            if not isinstance(place, dict):
                return rest
        place[member] = value
    return container


def _taken(container: dict[str, Any], way: tuple[str, ...]) -> str:
    """A member as a text, taken out of the container; an object that is left empty goes as well."""
    *outer, member = way
    place = container
    for name in outer:
        place = place.get(name, {})
    value = place.pop(member, "")
    for name in outer:
        if not container.get(name, True):
            del container[name]
    return "true" if value is True else str(value)


def _shown(values: Mapping[str, object]) -> dict[str, object]:
    texts = {name: _as_text(values.get(name)) for name in (*TEXT_FIELDS, *CONTAINER_TEXTS)}
    boxes = {name: is_checked(values.get(name)) for name in (*BOXES, *CONTAINER_BOXES)}
    return {**texts, **boxes}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else ""
