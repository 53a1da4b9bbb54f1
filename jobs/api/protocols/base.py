"""How services are spoken to: the operation and its input out of a call, and an answer out of its output."""

from typing import Any, NamedTuple
from typing import Protocol as TypingProtocol

from ..calls import Answer, Call
from ..errors import ApiError


class Asked(NamedTuple):
    """An operation by name, and its input as it came: not held against its shape yet."""

    operation: str
    params: Any


class Protocol(TypingProtocol):
    """One of AWS's protocols, for one service."""

    def read(self, call: Call) -> Asked:
        """What is asked for. Raises ApiError if the call is not in this protocol, or for no operation of it."""
        ...

    def write(self, operation: str, output: Any, request_id: str) -> Answer:
        """The answer with this output."""
        ...

    def write_error(self, error: ApiError, request_id: str) -> Answer:
        """The answer that is an error."""
        ...
