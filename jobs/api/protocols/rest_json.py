"""REST-JSON: method and path name the operation, members are in the body, the path and the query."""

from typing import Any
from urllib.parse import parse_qs, unquote

from ..calls import Answer, Call
from ..errors import ApiError
from ..service_models import operation_model, service_model
from .base import Asked
from .json_body import read_object, write_object

CONTENT_TYPE = "application/json"


class RestJson:
    """One service's operations, found by what botocore's model says of their URIs."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._fixed: dict[tuple[str, str], str] = {}
        self._labelled: list[tuple[str, str, str, str]] = []
        for operation in service_model(service).operation_names:
            http = operation_model(service, operation).http
            prefix, brace, label = http["requestUri"].partition("{")
            if brace:
                self._labelled.append((http["method"], prefix, label.rstrip("}+"), operation))
            else:
                self._fixed[http["method"], prefix] = operation

    def read(self, call: Call) -> Asked:
        """The operation of method and path, with all of its members."""
        operation, labels = self._find(call)
        params = read_object(call.body, code="ClientException")
        return Asked(operation, {**params, **self._of_query(operation, call.query), **labels})

    def write(self, operation: str, output: Any, request_id: str) -> Answer:
        """200 with the output as JSON."""
        return Answer(200, _headers(request_id), write_object(output))

    def write_error(self, error: ApiError, request_id: str) -> Answer:
        """The error's code in a header, its text in the body."""
        headers = {**_headers(request_id), "x-amzn-ErrorType": error.code}
        return Answer(error.status, headers, write_object({"message": error.message}))

    def _find(self, call: Call) -> tuple[str, dict[str, str]]:
        operation = self._fixed.get((call.method, call.path))
        if operation is not None:
            return operation, {}
        for method, prefix, label, operation in self._labelled:
            rest = call.path.removeprefix(prefix)
            if method == call.method and rest != call.path and rest:
                return operation, {label: unquote(rest)}
        raise ApiError(
            "UnknownOperationException",
            f"There is no operation {call.method} {call.path[:200]}.",
            status=404,
        )

    def _of_query(self, operation: str, query: str) -> dict[str, Any]:
        shape = operation_model(self._service, operation).input_shape
        given = parse_qs(query, keep_blank_values=True)
        members = {}
        for name, member in shape.members.items() if shape else ():
            where = member.serialization
            key = where.get("name", name)
            if where.get("location") == "querystring" and key in given:
                is_list = member.type_name == "list"
                members[name] = given[key] if is_list else given[key][-1]
        return members


def _headers(request_id: str) -> dict[str, str]:
    return {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": request_id}
