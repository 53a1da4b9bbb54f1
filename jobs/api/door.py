"""One call in, one answer out: finds service and operation, knows the caller, checks, runs, and answers.

Nothing that a caller sends makes this raise: what is wrong is answered in the service's own format.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.utils import timezone

from .calls import Answer, Call, Caller
from .catalogue import Service
from .errors import ApiError, as_api_error, client_error
from .routing import service_of
from .service_models import input_shape
from .shapes import problems
from .signing.authenticate import authenticate

logger = logging.getLogger("batchweb.api")

# Of the many things that can be wrong at once, so many are told.
PROBLEMS_TOLD = 10


def answer(call: Call, now: datetime | None = None) -> Answer:
    """The answer to a call. `now` is the time that signatures, and whatever is written, are held against."""
    service = service_of(call)
    at = now or timezone.now()
    # Who may not ask at all is not told what there is to ask for.
    return _safely(
        service, lambda: _respond(service, call, authenticate(call, service.signing_name, at), at)
    )


def answer_to(caller: Caller, call: Call, now: datetime) -> Answer:
    """The answer to a call of which it is known who makes it."""
    service = service_of(call)
    return _safely(service, lambda: _respond(service, call, caller, now))


def too_large(call: Call) -> Answer:
    """The answer to a call whose body is not even read."""
    error = ApiError(
        "RequestEntityTooLargeException", "The body of this request is too large.", status=413
    )
    return service_of(call).protocol.write_error(error, str(uuid4()))


def _safely(service: Service, respond: Callable[[], tuple[str, Any]]) -> Answer:
    request_id = str(uuid4())
    try:
        operation, output = respond()
        return service.protocol.write(operation, output, request_id)
    except Exception as error:
        known = as_api_error(error)
        if known is None:
            logger.exception("request %s failed", request_id)
            known = ApiError(
                "ServerException", "An error of Batchweb's own: see its log.", status=500
            )
        return service.protocol.write_error(known, request_id)


def _respond(service: Service, call: Call, caller: Caller, now: datetime) -> tuple[str, Any]:
    """The operation asked for, and its output."""
    asked = service.protocol.read(call)
    operation = service.operations.get(asked.operation)
    if operation is None:
        raise ApiError(
            "UnsupportedOperation",
            f"{asked.operation} of {service.name} is not supported by Batchweb. To send it to AWS, set "
            "AWS_ENDPOINT_URL_BATCH instead of AWS_ENDPOINT_URL.",
        )
    _check(service, asked.operation, asked.params)
    return asked.operation, operation.run(caller, asked.params, now)


def _check(service: Service, operation: str, params: Any) -> None:
    shape = input_shape(service.name, operation)
    wrong = problems(shape, params) if shape else []
    if wrong:
        told = "; ".join(wrong[:PROBLEMS_TOLD])
        more = f"; and {len(wrong) - PROBLEMS_TOLD} more" if len(wrong) > PROBLEMS_TOLD else ""
        raise service_error(service, f"{told}{more}")


def service_error(service: Service, message: str) -> ApiError:
    """The error of a request that has not the form of its shape."""
    if service.name == "batch":
        return client_error(message)
    code = {"logs": "InvalidParameterException", "ecs": "InvalidParameterException"}
    return ApiError(code.get(service.name, "ValidationError"), message)
