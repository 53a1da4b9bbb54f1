"""AWS Query: a form with `Action` and its members, answered in XML."""

from collections.abc import Collection
from typing import Any

from ..calls import Answer, Call
from ..errors import ApiError
from ..service_models import input_shape, output_shape, service_model
from . import xml
from .base import Asked
from .form import WireNames, params_of, read_form

# What is wrong with a form as such.
MALFORMED = "MalformedQueryString"


class Query:
    """One service. Members are read of the operations in `answered` alone; without it, of all."""

    names = WireNames()

    def __init__(self, service: str, answered: Collection[str] | None = None) -> None:
        self._service = service
        self._answered = answered

    @property
    def namespace(self) -> str:
        """Of the service's XML. Its model is read when it is first asked for: EC2's is large."""
        return str(service_model(self._service).metadata["xmlNamespace"])

    def read(self, call: Call) -> Asked:
        """The operation of the form, and its members."""
        fields = read_form(call, MALFORMED)
        action = fields.get("Action", "")
        if action not in service_model(self._service).operation_names:
            said = f"Could not find operation {action[:80]}" if action else "Missing Action"
            raise ApiError("InvalidAction" if action else "MissingAction", said)
        if self._answered is not None and action not in self._answered:
            return Asked(action, {})
        shape = input_shape(self._service, action)
        return Asked(action, params_of(shape, fields, self.names, MALFORMED))

    def write(self, operation: str, output: Any, request_id: str) -> Answer:
        """200 with the output as XML."""
        shape = output_shape(self._service, operation)
        content = []
        if shape is not None:
            wrapper = shape.serialization.get("resultWrapper", f"{operation}Result")
            content.append(xml.element(wrapper, *xml.members(shape, output)))
        id_ = xml.element("ResponseMetadata", xml.element("RequestId", text=request_id))
        root = xml.element(f"{operation}Response", *content, id_, xmlns=self.namespace)
        return Answer(200, headers_of(request_id), xml.document(root))

    def write_error(self, error: ApiError, request_id: str) -> Answer:
        """The error as XML, with whose fault it is."""
        return Answer(error.status, headers_of(request_id), self.error_document(error, request_id))

    def error_document(self, error: ApiError, request_id: str) -> bytes:
        """The XML of an error."""
        return error_document(error, request_id, self.namespace)


def error_document(error: ApiError, request_id: str, namespace: str) -> bytes:
    """The XML of an error of AWS Query."""
    fault = "Sender" if error.status < 500 else "Receiver"
    told = xml.element(
        "Error",
        xml.element("Type", text=fault),
        xml.element("Code", text=error.code),
        xml.element("Message", text=error.message),
    )
    id_ = xml.element("RequestId", text=request_id)
    return xml.document(xml.element("ErrorResponse", told, id_, xmlns=namespace))


def headers_of(request_id: str) -> dict[str, str]:
    """What every answer in XML says of itself."""
    return {"Content-Type": xml.CONTENT_TYPE, "x-amzn-RequestId": request_id}
