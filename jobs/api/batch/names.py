"""What texts in requests name: by names, ids and ARNs, as the selectors and services below take them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from jobs.domain import arns, ids
from jobs.domain.numbers import is_whole
from jobs.selectors.named import DefinitionName, definition_name

from ..calls import Caller, Request
from ..errors import client_error

MAX_NODE_DIGITS = 4
# So many a request may name, as in AWS.
MAX_NAMED = 100


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
    if hash_sign and not is_whole(node, digits=MAX_NODE_DIGITS):
        return None
    try:
        return JobName(ids.id_of(id_text), int(node) if hash_sign else None)
    except ValueError:
        return None


def check_count(given: Sequence[str], member: str) -> None:
    """Raises ApiError if a member names more than may be asked for at once."""
    if len(given) > MAX_NAMED:
        raise client_error(f"{member}: At most {MAX_NAMED} at once, not {len(given)}.")


def name_or_text(caller: Caller, text: str, kind: str) -> str:
    """The name in a name or ARN; an ARN of something else as it is, so that it is refused under that text."""
    name = caller.arns.name_in(text, kind)
    return text if name is None else name


def wanted_names(caller: Caller, request: Request, member: str, kind: str) -> list[str] | None:
    """The names that a list of names and ARNs asks for; None: all. Raises ApiError for too many.

    What cannot be here (other accounts' ARNs) is left out.
    """
    given: Sequence[str] | None = request.get(member)
    if not given:
        return None
    check_count(given, member)
    names = (caller.arns.name_in(text, kind) for text in given)
    # A dict, for the order: each once.
    return list(dict.fromkeys(name for name in names if name is not None))


def places(
    caller: Caller, order: Iterable[Mapping[str, Any]], *, member: str, kind: str
) -> list[dict[str, Any]]:
    """A queue's order as `services.setup.queues` takes it."""
    return [
        {"name": name_or_text(caller, each[member], kind), "order": each["order"]} for each in order
    ]
