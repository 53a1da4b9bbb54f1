"""EC2 Query: as AWS Query, but with names, lists and errors of its own."""

from typing import Any

from ..calls import Answer
from ..errors import ApiError
from ..service_models import output_shape
from . import xml
from .form import Ec2Names
from .query import Query, headers_of


class Ec2Query(Query):
    """One service."""

    names = Ec2Names()

    def write(self, operation: str, output: Any, request_id: str) -> Answer:
        """200 with the output as XML, not wrapped in anything."""
        shape = output_shape(self._service, operation)
        content = xml.members(shape, output) if shape is not None else []
        id_ = xml.element("requestId", text=request_id)
        root = xml.element(f"{operation}Response", id_, *content, xmlns=self.namespace)
        return Answer(200, headers_of(request_id), xml.document(root))

    def error_document(self, error: ApiError, request_id: str) -> bytes:
        """The XML of an error."""
        told = xml.element(
            "Error",
            xml.element("Code", text=error.code),
            xml.element("Message", text=error.message),
        )
        id_ = xml.element("RequestID", text=request_id)
        return xml.document(xml.element("Response", xml.element("Errors", told), id_))
