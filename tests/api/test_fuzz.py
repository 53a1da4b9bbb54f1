"""Thousands of requests made from botocore's shapes, right and wrong: no 500, and no trace of what is refused."""

import json
import os
import random
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.model import Shape
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from jobs.api.calls import Answer, Call
from jobs.api.catalogue import services
from jobs.api.door import answer_to
from jobs.api.service_models import input_shape, operation_model, service_model
from jobs.models import DEFAULT_LOG_GROUP
from jobs.selectors.realm import arns
from tests.builders import a_queue, a_user

from .asking import a_caller, call_of, output_of

TARGETS = [
    *(("batch", operation) for operation in service_model("batch").operation_names),
    *(
        (service, operation)
        for service in ("logs", "ecs")
        for operation in services()[service].operations
    ),
]
REQUESTS = int(os.environ.get("BATCHWEB_FUZZ_REQUESTS", "10000"))
ROUND = 250
# A run repeats; another seed explores.
SEED = int(os.environ.get("BATCHWEB_FUZZ_SEED", "20261122"))
TEXTS = (
    "a",
    "default",
    "hello",
    "hello:1",
    "x" * 300,
    "\u202etxt",
    "<script>alert(1)</script>",
    "a\0b",
    "'; DROP TABLE jobs_job; --",
    "%00%ff",
    "../../etc/passwd",
    "arn:aws:batch:us-east-1:123456789012:job-queue/default",
    "arn:aws:batch:eu-west-9:999999999999:job-queue/default",
    "arn:aws:batch:us-east-1:123456789012:job-definition/hello:1",
    "arn:aws:batch:us-east-1:123456789012:compute-environment/../x",
    "arn:::::::",
    "00000000-0000-7000-8000-000000000000",
    "00000000-0000-7000-8000-000000000000:7",
    "00000000-0000-7000-8000-000000000000#0",
    "9" * 40,
    "-1",
    "",
    " ",
    "\n",
    "*",
    "Ref::x",
    "😀" * 20,
)
NUMBERS = (
    0,
    1,
    2,
    -1,
    60,
    100,
    101,
    1000,
    2**31 - 1,
    2**31,
    -(2**31),
    2**63 - 1,
    2**63,
    10**30,
    10**400,
    -(10**400),
)
ANYTHING: tuple[Any, ...] = (
    None,
    True,
    0,
    -1.5,
    1e308,
    "",
    "text",
    [],
    {},
    [[]],
    {"a": {"b": [1]}},
    [None],
)


class Maker:
    """Makes values of a shape: right ones, and ones with something wrong somewhere."""

    def __init__(self, dice: random.Random, wrong: float) -> None:
        self._dice = dice
        self._wrong = wrong

    def value(self, shape: Shape) -> Any:
        if self._dice.random() < self._wrong:
            return self._dice.choice(ANYTHING)
        make: Callable[[Any], Any] = getattr(self, f"_{shape.type_name}")
        return make(shape)

    def _structure(self, shape: Any) -> dict[str, Any]:
        chosen = {}
        for name, member in shape.members.items():
            needed = name in shape.required_members
            if (needed and self._dice.random() > self._wrong) or self._dice.random() < 0.3:
                chosen[name] = self.value(member)
        if self._dice.random() < self._wrong:
            chosen[self._dice.choice(TEXTS)] = self._dice.choice(ANYTHING)
        return chosen

    def _list(self, shape: Any) -> list[Any]:
        return [self.value(shape.member) for _ in range(self._dice.choice((0, 1, 1, 1, 2, 3)))]

    def _map(self, shape: Any) -> dict[str, Any]:
        count = self._dice.choice((0, 1, 2))
        return {self._string(shape.key): self.value(shape.value) for _ in range(count)}

    def _string(self, shape: Any) -> str:
        # Or hardly any request about logs would come as far as to their streams.
        if shape.name == "LogGroupName" and self._dice.random() > self._wrong:
            return DEFAULT_LOG_GROUP
        words = shape.metadata.get("enum", ())
        if words and self._dice.random() > self._wrong:
            return str(self._dice.choice(words))
        if self._dice.random() < 0.5:
            letters = string.ascii_lowercase + string.digits + "-_"
            return "".join(self._dice.choices(letters, k=self._dice.randint(1, 12)))
        return self._dice.choice(TEXTS)

    def _integer(self, shape: Any) -> int:
        return self._dice.choice(NUMBERS if self._dice.random() < 0.3 else (1, 2, 3, 60, 100, 600))

    _long = _integer

    def _float(self, shape: Any) -> float:
        return self._dice.choice((0.0, 0.5, 1.0, -1.0, 1e30, 10**400))

    _double = _float

    def _boolean(self, shape: Any) -> bool:
        return self._dice.random() < 0.5


def broken_call(dice: random.Random, call: Call) -> Call:
    """The call with something wrong around its members."""
    deep = b"[" * 5000 + b"]" * 5000
    bodies = (
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        deep,
        b'{"jobs": ' + deep + b"}",
        call.body[: dice.randrange(len(call.body) + 1)],
        bytes(dice.randrange(256) for _ in range(40)),
    )
    paths = ("/v1/", "/v1/nothing", "/v1/tags/", "/v1/tags/%", "/v1/tags/%ff%00", call.path + "/x")
    kind = dice.randrange(4 if call.path.startswith("/v1/") else 2)
    if kind == 0:
        return Call(call.method, call.path, call.query, call.headers, dice.choice(bodies))
    if kind == 1:
        method = dice.choice(("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"))
        return Call(method, call.path, call.query, call.headers, call.body)
    if kind == 2:
        return Call(call.method, dice.choice(paths), call.query, call.headers, call.body)
    return Call(call.method, call.path, "tagKeys=%ff&tagKeys&&=&a=b", call.headers, call.body)


def a_call(dice: random.Random) -> tuple[str, str, Call]:
    """A request for some operation: of every four one right in form, two with wrong values, one broken."""
    service, operation = dice.choice(TARGETS)
    shape = input_shape(service, operation)
    maker = Maker(dice, wrong=dice.choice((0.0, 0.05, 0.2)))
    params = maker._structure(shape) if shape else {}
    location = operation_model(service, operation).http.get("requestUri", "")
    if "{" in location:
        params = {
            name: value for name, value in params.items() if isinstance(value, str | dict | list)
        }
    call = call_of(operation, json.loads(json.dumps(params, default=str)), service=service)
    return service, operation, broken_call(dice, call) if dice.random() < 0.25 else call


@contextmanager
def no_row_changes() -> Iterator[Callable[[], int]]:
    """How many rows were written since, on whatever table: what the database itself counts."""
    if connection.vendor == "sqlite":
        begun = connection.connection.total_changes
        yield lambda: int(connection.connection.total_changes - begun)
        return
    with connection.cursor() as cursor:
        sql = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables"
        cursor.execute(sql)
        begun = cursor.fetchone()[0]

        def written() -> int:
            with connection.cursor() as again:
                again.execute(sql)
                return int(again.fetchone()[0] - begun)

        yield written


def is_own_format(found: Answer, service: str) -> bool:
    """Whether an error is one that this service's SDK can read."""
    value = json.loads(found.body)
    return (
        isinstance(value["message"], str)
        and bool(value["message"])
        and bool(found.headers["x-amzn-ErrorType"])
        and (service == "batch" or value["__type"] == found.headers["x-amzn-ErrorType"])
    )


@pytest.mark.django_db
@pytest.mark.parametrize("part", range(max(REQUESTS // ROUND, 1)))
def test_nothing_that_is_sent_is_a_500_or_leaves_a_trace_when_refused(part: int) -> None:
    dice = random.Random(SEED + part)
    # Every other round is somebody's who may change nothing but his own.
    user: User = a_user(is_staff=part % 2 == 0)
    a_queue(name="default")
    caller = a_caller(user, arns=arns())
    for number in range(ROUND):
        service, operation, call = a_call(dice)
        told = f"seed {SEED + part}, request {number}: {operation} {call}"
        with transaction.atomic(), no_row_changes() as written:
            found = answer_to(caller, call, timezone.now())
            changed = written()
        assert found.status < 500, f"{told}\n{found}"
        if found.stream is not None:
            assert (found.status, operation) == (200, "StartLiveTail"), told
        elif found.status == 200:
            # With another method it may be another operation of the same path: GET of tags is a list.
            asked = services()[service].protocol.read(call).operation
            output_of(found, asked, service=service)
        else:
            assert is_own_format(found, service), f"{told}\n{found}"
            assert not changed, f"{told}: refused, but {changed} rows were written\n{found}"
