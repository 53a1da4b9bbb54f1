"""One call in, one answer out: finds service and operation, knows the caller, checks, runs, and answers.

Nothing that a caller sends makes this raise: what is wrong is answered in the service's own format.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.models import AccessKey
from jobs.services.access import handed_out

from .auditing import Heard, note_of
from .bodies import Unread, check_length, has_body
from .calls import Answer, Call, Caller
from .catalogue import Service
from .errors import DATABASE_AWAY, ApiError, as_api_error, client_error, in_aws_words
from .permissions import permitted
from .routing import service_of
from .service_models import input_shape
from .shapes import problems
from .signing.authenticate import authenticate
from .signing.refusals import Refusal
from .signing.signed import read_signature

logger = logging.getLogger("batchweb.api")

# Of the many things that can be wrong at once, so many are told.
PROBLEMS_TOLD = 10


def answer(call: Call, now: datetime | None = None) -> Answer:
    """The answer to a call. `now` is the time that signatures, and whatever is written, are held against.

    Its `afterwards` notes the use of the key, and what the audit trail is to know: a read is not to wait for a write,
    nor to fail with it.
    """
    service = service_of(call)
    at = now or timezone.now()
    heard = Heard()

    def respond() -> tuple[str, Any]:
        # Who may not ask at all is not told what there is to ask for.
        heard.caller = authenticate(call, service.signing_name, at)
        return _respond(service, call, heard.caller, at, heard)

    found = _safely(service, respond)
    later = [*_uses_to_note(heard.caller, at), *note_of(heard, call, found.status, at)]
    return replace(found, afterwards=partial(_do_all, later)) if later else found


def answer_to(caller: Caller, call: Call, now: datetime) -> Answer:
    """The answer to a call of which it is known who makes it."""
    service = service_of(call)
    return _safely(service, lambda: _respond(service, call, caller, now, Heard()))


def refused_by_head(head: Call) -> Answer | None:
    """The answer to a call whose body need not be read: it is too large, or the signature is none.

    Where any key will do, no signature is needed.
    """
    try:
        check_length(head)
        if has_body(head) and not settings.BATCHWEB_ANY_ACCESS_KEY_USER:
            read_signature(head)
    except Unread as error:
        return unread(head, error)
    except Refusal as refusal:
        return _closing(head, refusal.answered_by(service_of(head).signing_name))
    return None


def unread(head: Call, error: Unread) -> Answer:
    """The answer to a call whose body was not read to its end."""
    return _closing(head, ApiError(error.code, error.text, status=error.status))


def _closing(head: Call, error: ApiError) -> Answer:
    found = service_of(head).protocol.write_error(error, str(uuid4()))
    # What is left of the body is never read, so the connection is of no use any more.
    return replace(found, headers={**found.headers, "Connection": "close"})


def _safely(service: Service, respond: Callable[[], tuple[str, Any]]) -> Answer:
    request_id = str(uuid4())
    try:
        operation, output = respond()
        return service.protocol.write(operation, output, request_id)
    except Exception as error:
        return service.protocol.write_error(_told(error, request_id), request_id)


def _told(error: Exception, request_id: str) -> ApiError:
    """What the caller is told of an error. What is not his fault is logged."""
    known = as_api_error(error)
    if known is None:
        logger.error("request %s failed", request_id, exc_info=error)
        return ApiError("ServerException", "An error of Batchweb's own: see its log.", status=500)
    if isinstance(error, DATABASE_AWAY):
        logger.warning("request %s: the database is busy or away: %s", request_id, error)
    return known


def _uses_to_note(caller: Caller | None, now: datetime) -> list[Callable[[], None]]:
    key = caller.key if caller is not None else None
    due = key is not None and handed_out.is_use_due(key, now)
    return [partial(_note_use, key, now)] if key is not None and due else []


def _do_all(later: list[Callable[[], None]]) -> None:
    for each in later:
        each()


def _note_use(key: AccessKey, now: datetime) -> None:
    try:
        handed_out.note_use(key, now)
    except DATABASE_AWAY as error:
        logger.warning("the use of access key %s was not noted: %s", key.access_key_id, error)


def _respond(
    service: Service, call: Call, caller: Caller, now: datetime, heard: Heard
) -> tuple[str, Any]:
    """The operation asked for, and its output."""
    asked = service.protocol.read(call)
    heard.operation, heard.params = asked.operation, asked.params
    operation = service.operations.get(asked.operation)
    if operation is None:
        raise ApiError(
            "UnsupportedOperation",
            f"{asked.operation} of {service.name} is not supported by Batchweb. To send it to AWS, set "
            "AWS_ENDPOINT_URL_BATCH instead of AWS_ENDPOINT_URL.",
        )
    _check(service, asked.operation, asked.params)
    caller = permitted(service.name, asked.operation, caller, asked.params, now)
    try:
        return asked.operation, operation.run(caller, asked.params, now)
    except InvalidInput as error:
        raise in_aws_words(error, operation.names) from None


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
