"""AWS JSON 1.1: a header names the operation, the body is its input."""

from typing import Any

from ..calls import Answer, Call
from ..errors import ApiError
from ..service_models import operation_model, service_model
from . import event_stream
from .base import Asked
from .json_body import read_object, write_object


class AwsJson:
    """One service, whose operations are `<targetPrefix>.<Operation>` in the header X-Amz-Target."""

    def __init__(self, service: str) -> None:
        model = service_model(service)
        self._service = service
        self.target_prefix = str(model.metadata["targetPrefix"])
        self._content_type = f"application/x-amz-json-{model.metadata['jsonVersion']}"
        self._known = frozenset(model.operation_names)

    def read(self, call: Call) -> Asked:
        """The operation of the header, and the body."""
        prefix, _, operation = call.headers.get("x-amz-target", "").partition(".")
        if prefix != self.target_prefix or operation not in self._known:
            raise ApiError("UnknownOperationException", "There is no such operation.")
        return Asked(operation, read_object(call.body))

    def write(self, operation: str, output: Any, request_id: str) -> Answer:
        """200 with the output as JSON, or with events as they come where the output is a stream."""
        model = operation_model(self._service, operation)
        if model.has_event_stream_output:
            headers = {**self._headers(request_id), "Content-Type": event_stream.CONTENT_TYPE}
            return Answer(200, headers, stream=event_stream.messages(model, output))
        return Answer(200, self._headers(request_id), write_object(output))

    def write_error(self, error: ApiError, request_id: str) -> Answer:
        """The error's code and text in the body, and its code in a header, too."""
        headers = {**self._headers(request_id), "x-amzn-ErrorType": error.code}
        body = {"__type": error.code, "message": error.message}
        return Answer(error.status, headers, write_object(body))

    def _headers(self, request_id: str) -> dict[str, str]:
        return {"Content-Type": self._content_type, "x-amzn-RequestId": request_id}
