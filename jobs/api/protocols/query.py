"""AWS Query: a form with `Action` and its members, answered in XML."""

from typing import Any

from ..calls import Answer, Call
from ..errors import ApiError
from .base import Asked


class Query:
    """One service."""

    def __init__(self, service: str) -> None:
        self._service = service

    def read(self, call: Call) -> Asked:
        """The operation of the form."""
        raise ApiError("InvalidAction", "There is no such operation.")

    def write(self, operation: str, output: Any, request_id: str) -> Answer:
        """200 with the output as XML."""
        raise NotImplementedError

    def write_error(self, error: ApiError, request_id: str) -> Answer:
        """The error as XML."""
        return Answer(error.status, {}, b"")
