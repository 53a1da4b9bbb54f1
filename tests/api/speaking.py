"""Speaks with the API as an SDK does: botocore writes the request and reads the answer."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from django.contrib.auth.models import User
from django.utils import timezone

from jobs.api.calls import Answer, Call
from jobs.api.door import answer_to
from jobs.api.service_models import operation_model, service_model

from .asking import Refused, a_caller

SCOPE = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260105/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"


def signed_for(service: str) -> dict[str, str]:
    """Headers of a request to a service; the signature itself is nobody's."""
    return {"authorization": SCOPE.format(service)}


def call_of(service: str, operation: str, params: dict[str, Any]) -> Call:
    """The call that botocore makes."""
    model = service_model(service)
    made = create_serializer(model.resolved_protocol).serialize_to_request(
        params, operation_model(service, operation)
    )
    body = made["body"]
    content = urlencode(body, doseq=True) if isinstance(body, dict) else body
    headers = {name.lower(): value for name, value in made["headers"].items()}
    return Call(
        made["method"],
        made["url_path"],
        urlencode(made["query_string"] or {}, doseq=True),
        {**headers, **signed_for(service)},
        content.encode() if isinstance(content, str) else content,
    )


def read(found: Answer, service: str, operation: str) -> dict[str, Any]:
    """What botocore makes of an answer. Raises Refused."""
    parser = create_parser(service_model(service).resolved_protocol)
    response = {
        "status_code": found.status,
        "headers": {name.lower(): value for name, value in found.headers.items()},
        "body": found.body,
    }
    shape: Any = operation_model(service, operation).output_shape
    parsed: dict[str, Any] = parser.parse(response, shape)
    if found.status >= 300:
        error = parsed["Error"]
        raise Refused(error["Code"], found.status, error["Message"])
    assert parsed.pop("ResponseMetadata")["RequestId"]
    return parsed


def speak(
    user: User,
    service: str,
    operation: str,
    *,
    now: datetime | None = None,
    attempt_id: int | None = None,
    **params: Any,
) -> dict[str, Any]:
    """The output of an operation, as an SDK's user sees it. Raises Refused."""
    caller = a_caller(user, attempt_id=attempt_id)
    found = answer_to(caller, call_of(service, operation, params), now or timezone.now())
    return read(found, service, operation)
