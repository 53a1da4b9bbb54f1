"""Asks the API in this process, and holds each raw answer against botocore's shape of it."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib.auth.models import User
from django.utils import timezone

from jobs.api.calls import Answer, Call, Caller
from jobs.api.door import answer_to
from jobs.api.service_models import operation_model, output_shape, service_model
from jobs.api.shapes import problems
from jobs.selectors.realm import arns


class Refused(Exception):
    """An error that the API answered: its code, status and text."""

    def __init__(self, code: str, status: int, message: str) -> None:
        super().__init__(f"{code} ({status}): {message}")
        self.code = code
        self.status = status
        self.message = message


def a_caller(user: User, **fields: Any) -> Caller:
    """Somebody who has signed rightly."""
    return Caller(**{"user": user, "arns": arns(), "access_key_id": "AKIAEXAMPLE", **fields})


def ask(
    user: User,
    operation: str,
    /,
    *,
    service: str = "batch",
    now: datetime | None = None,
    **params: Any,
) -> dict[str, Any]:
    """The output of an operation, after its shape was checked. Raises Refused."""
    call = call_of(operation, params, service=service)
    found = answer_to(a_caller(user), call, now or timezone.now())
    return output_of(found, operation, service=service)


def ask_all(user: User, operation: str, member: str, /, **params: Any) -> list[dict[str, Any]]:
    """What `member` of the output holds on all pages from `nextToken` on, in their order."""
    found: list[dict[str, Any]] = []
    while True:
        answer = ask(user, operation, **params)
        found += answer[member]
        if "nextToken" not in answer:
            return found
        params["nextToken"] = answer["nextToken"]


def call_of(operation: str, params: dict[str, Any], *, service: str = "batch") -> Call:
    """The call that an SDK would make."""
    if service != "batch":
        prefix = service_model(service).metadata["targetPrefix"]
        headers = {"x-amz-target": f"{prefix}.{operation}"}
        return Call("POST", "/", "", headers, json.dumps(params).encode())
    model = operation_model(service, operation)
    path, query, body = model.http["requestUri"], [], dict(params)
    for name, member in model.input_shape.members.items() if model.input_shape else ():
        where = member.serialization.get("location")
        if where == "uri":
            path = path.replace("{" + name + "}", quote(str(body.pop(name, "")), safe=""))
        elif where == "querystring" and name in body:
            query.append((member.serialization.get("name", name), body.pop(name)))
    return Call(
        model.http["method"], path, urlencode(query, doseq=True), {}, json.dumps(body).encode()
    )


def output_of(found: Answer, operation: str, *, service: str = "batch") -> dict[str, Any]:
    """The output in an answer of a JSON service. Raises Refused for an error, AssertionError for a wrong shape."""
    value: dict[str, Any] = json.loads(found.body)
    if found.status != 200:
        raise Refused(found.headers["x-amzn-ErrorType"], found.status, value["message"])
    assert found.headers["x-amzn-RequestId"]
    shape = output_shape(service, operation)
    wrong = problems(shape, value) if shape else []
    assert not wrong, f"{operation} answered what its shape does not have: {wrong}"
    return value
