"""Names and ARNs in requests, as the services below take them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..calls import Caller, Request
from ..errors import client_error

MAX_NAMED = 100


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
    if len(given) > MAX_NAMED:
        raise client_error(f"{member}: Name at most {MAX_NAMED}, not {len(given)}.")
    names = (caller.arns.name_in(text, kind) for text in given)
    return [name for name in names if name is not None and "\0" not in name]


def places(
    caller: Caller, order: Iterable[Mapping[str, Any]], *, member: str, kind: str
) -> list[dict[str, Any]]:
    """A queue's order as `services.setup.queues` takes it."""
    return [
        {"name": name_or_text(caller, each[member], kind), "order": each["order"]} for each in order
    ]
