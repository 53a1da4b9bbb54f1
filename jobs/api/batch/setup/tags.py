"""Tags of whatever can have them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied

from jobs.domain import arns, ids
from jobs.models import JobDefinition
from jobs.selectors.tags import Tagged, find_tagged, may_tag, tags_of
from jobs.services.requests.tags import add_tags, remove_tags
from jobs.services.setup.definition_owners import require_own_definition

from ...calls import Caller, Operation, Request
from ...errors import client_error, shown

ONLY_ADMINISTRATORS = "Only administrators may change the tags of this."


def list_tags_for_resource(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """The tags of a resource; of no tags, an empty map."""
    return {"tags": tags_of(_find(caller, request))}


def tag_resource(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Sets the tags given, and leaves others as they are."""
    add_tags(row=_to_change(caller, request), tags=request["tags"])
    return {}


def untag_resource(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Takes off the tags with these keys, of which some need not be there."""
    remove_tags(row=_to_change(caller, request), keys=request["tagKeys"])
    return {}


def _to_change(caller: Caller, request: Request) -> Tagged:
    row = _find(caller, request)
    if isinstance(row, JobDefinition):
        # No policy gives it: whoever submits by the name runs what its tags say, too.
        require_own_definition(by=caller.user, name=row.name)
    elif not (caller.is_given or may_tag(caller.user, row)):
        raise PermissionDenied(ONLY_ADMINISTRATORS)
    return row


def _find(caller: Caller, request: Request) -> Tagged:
    text = request["resourceArn"]
    resource = caller.arns.resource_in(text)
    if resource is None and not text.startswith("arn:"):
        raise client_error(
            f"resourceArn: {shown(text)} is no ARN, such as "
            f"{caller.arns.of(arns.JOB_QUEUE, 'high')}."
        )
    if resource is not None:
        _refuse_children(*resource)
    found = find_tagged(user=caller.user, kind=resource[0], name=resource[1]) if resource else None
    if found is None:
        raise client_error(f"resourceArn: There is no resource {shown(text)} that has tags.")
    return found


def _refuse_children(kind: str, name: str) -> None:
    if kind != arns.JOB:
        return
    if "#" in name or _is_child(name):
        raise client_error(
            "resourceArn: Children of arrays and nodes of multi-node parallel jobs have no tags of their "
            "own. Give the ARN of the array or of the job."
        )


def _is_child(name: str) -> bool:
    try:
        return ids.child_index(ids.id_of(name)) is not None
    except ValueError:
        return False


OPERATIONS: dict[str, Operation] = {
    "ListTagsForResource": Operation(list_tags_for_resource),
    "TagResource": Operation(
        tag_resource,
        "Everybody may tag his own jobs and the job definitions whose name is his, only administrators the rest.",
    ),
    "UntagResource": Operation(untag_resource, "As `TagResource`."),
}
