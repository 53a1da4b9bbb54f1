"""What a text names: a job by its id or ARN, a definition by its name, `name:revision` or ARN."""

from typing import NamedTuple
from uuid import UUID

from jobs.domain import arns, ids
from jobs.selectors.named import DefinitionName, definition_name

from ..calls import Caller

MAX_NODE_DIGITS = 4
# Of what somebody sent, an error repeats so much.
MAX_SHOWN = 200


class JobName(NamedTuple):
    """A job, a child of an array (`<id>:<index>`), or a node of a multi-node job (`<id>#<node>`)."""

    job_id: UUID
    node_index: int | None = None


def named_definition(caller: Caller, text: str) -> DefinitionName | None:
    """The definition that a text stands for; None if there can be no such one."""
    name = caller.arns.name_in(text, arns.JOB_DEFINITION)
    return None if name is None else definition_name(name)


def job_id_in(caller: Caller, text: str) -> str:
    """The id in a job's ARN, as a text; any other text as it is."""
    return caller.arns.name_in(text, arns.JOB) or text


def job_named(caller: Caller, text: str) -> JobName | None:
    """What a job's id or ARN names; None if there can be no such job."""
    name = caller.arns.name_in(text, arns.JOB) or ""
    id_text, hash_sign, node = name.partition("#")
    if hash_sign and not (node.isascii() and node.isdigit() and len(node) <= MAX_NODE_DIGITS):
        return None
    try:
        return JobName(ids.id_of(id_text), int(node) if hash_sign else None)
    except ValueError:
        return None
