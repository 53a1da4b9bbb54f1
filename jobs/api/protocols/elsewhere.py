"""Services that are not here: whatever is asked, the answer is an error in that service's own format.

Which format that is shows from the request itself; botocore's models of hundreds of services need not be read.
"""

import struct
from collections.abc import Callable

from ..calls import Answer, Call
from ..errors import ApiError
from . import xml
from .base import Asked
from .json_body import write_object
from .query import error_document

# Those that answer with XML although they are not asked with forms, by what they sign as.
REST_XML = frozenset(
    {"s3", "s3-outposts", "s3express", "s3-object-lambda", "route53", "cloudfront"}
)
FORM = "application/x-www-form-urlencoded"
CBOR = "application/cbor"
# Not AWS Query's: each service has a namespace of its own, and nobody looks at it.
NAMESPACE = "http://webservices.amazon.com/AWSFault/2005-15-09"

Write = Callable[[ApiError, str], Answer]


class Elsewhere:
    """The service that a call is for, as far as it can tell that it is not here."""

    def __init__(self, name: str, call: Call) -> None:
        self._name = name
        self._write = _format_of(name, call)

    def read(self, call: Call) -> Asked:
        """Raises ApiError, always."""
        raise ApiError(
            "NotImplemented",
            f"The service {self._name} is not supported here: Batchweb answers for AWS Batch, and what clients "
            "of it ask of CloudWatch Logs, STS, ECS and EC2. Where AWS_ENDPOINT_URL names this server, set "
            "AWS_ENDPOINT_URL_BATCH and AWS_ENDPOINT_URL_CLOUDWATCH_LOGS instead, or the other service's own "
            "AWS_ENDPOINT_URL_<SERVICE> beside it.",
            status=501,
        )

    def write(self, operation: str, output: object, request_id: str) -> Answer:
        """Never asked for: `read` lets nothing through."""
        raise AssertionError(operation)

    def write_error(self, error: ApiError, request_id: str) -> Answer:
        """The error, as the service would write it."""
        return self._write(error, request_id)


def _format_of(name: str, call: Call) -> Write:
    content_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "x-amz-target" in call.headers:
        version = "1.0" if content_type.endswith("1.0") else "1.1"
        return _json(f"application/x-amz-json-{version}")
    if call.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return _cbor
    if name in REST_XML:
        return _s3 if name.startswith("s3") else _query
    return _query if content_type == FORM else _json("application/json")


def _json(content_type: str) -> Write:
    def write(error: ApiError, request_id: str) -> Answer:
        headers = {
            "Content-Type": content_type,
            "x-amzn-RequestId": request_id,
            "x-amzn-ErrorType": error.code,
        }
        body = {"__type": error.code, "message": error.message}
        return Answer(error.status, headers, write_object(body))

    return write


def _query(error: ApiError, request_id: str) -> Answer:
    headers = {"Content-Type": xml.CONTENT_TYPE, "x-amzn-RequestId": request_id}
    return Answer(error.status, headers, error_document(error, request_id, NAMESPACE))


def _s3(error: ApiError, request_id: str) -> Answer:
    told = xml.element(
        "Error",
        xml.element("Code", text=error.code),
        xml.element("Message", text=error.message),
        xml.element("RequestId", text=request_id),
    )
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id}
    return Answer(error.status, headers, xml.document(told))


def _cbor(error: ApiError, request_id: str) -> Answer:
    headers = {
        "Content-Type": CBOR,
        "smithy-protocol": "rpc-v2-cbor",
        "x-amzn-RequestId": request_id,
    }
    pairs = ("__type", error.code, "message", error.message)
    # A map of two pairs.
    return Answer(error.status, headers, b"\xa2" + b"".join(map(_cbor_text, pairs)))


def _cbor_text(text: str) -> bytes:
    content = text.encode()
    return b"\x79" + struct.pack("!H", len(content)) + content
