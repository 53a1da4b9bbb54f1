"""The API over real HTTP: bodies that are too large, in pieces, slow, cut off; connections that are used again."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from jobs.api import bodies, door
from jobs.api.calls import Answer, Call
from jobs.models import AccessKey
from tests.builders import a_user

from .asking import Refused
from .serving import TIMEOUT_SECONDS, Server, chunk, head, whole
from .signing import Signer, a_signer, changed
from .speaking import call_of, read, signed_for

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 1000
THREADS = 8


@pytest.fixture
def signer(settings: Any) -> Signer:
    settings.BATCHWEB_API_BODY_BYTES = LIMIT
    return a_signer(a_user(), at=timezone.now())


@pytest.fixture
def server(signer: Signer) -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def call(signer: Signer) -> Call:
    """A request that is answered with 200."""
    return signer.in_headers()


def is_right(answer: Answer) -> bool:
    return (answer.status, answer.body) == (200, b'{"jobQueues":[]}')


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("batch", "DescribeJobs", {"jobs": ["a"]}),
        ("logs", "DescribeLogGroups", {}),
        ("ecs", "DescribeTasks", {"tasks": ["a"]}),
        ("sts", "GetCallerIdentity", {}),
        ("ec2", "DescribeInstances", {}),
        ("dynamodb", "ListTables", {}),
        ("iam", "ListUsers", {}),
        ("s3", "ListBuckets", {}),
    ],
)
def test_what_is_too_large_is_refused_in_its_services_own_words(
    service: str, operation: str, params: dict[str, Any], server: Server
) -> None:
    asked = call_of(service, operation, params)
    with server.connect() as client:
        # Nothing of the body is sent: its length alone is enough.
        client.send(head(asked, host="batch.example", content_length=LIMIT + 1))
        answer = client.answer()
        assert client.is_at_its_end()
    assert answer.headers["connection"] == "close"
    with pytest.raises(Refused) as refused:
        read(answer, service, operation)
    assert (refused.value.code, refused.value.status) == ("RequestEntityTooLargeException", 413)
    assert "too large" in refused.value.message
    server.wait_for_end()
    assert server.read == [0]


def test_a_body_of_the_greatest_length_is_read(server: Server, signer: Signer) -> None:
    body = b"{" + b" " * (LIMIT - 2) + b"}"
    with server.connect() as client:
        client.send(whole(signer.in_headers(body=body)))
        assert is_right(client.answer())


def test_a_length_of_many_digits_is_too_large(server: Server, call: Call) -> None:
    with server.connect() as client:
        client.send(head(call, content_length=2**63 - 1))
        assert client.answer().status == 413


def test_a_body_in_chunks_is_put_together(server: Server, call: Call) -> None:
    with server.connect() as client:
        client.send(head(call, transfer_encoding="chunked"))
        client.send(*(chunk(bytes([each])) for each in call.body), chunk(b""))
        assert is_right(client.answer())


def test_of_a_body_in_chunks_no_more_is_read_than_its_limit(server: Server, call: Call) -> None:
    with server.connect() as client:
        client.send(head(call, transfer_encoding="chunked"))
        # The end never comes, so the answer does not wait for it.
        client.send(chunk(b"x" * LIMIT), chunk(b"x"))
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert client.is_at_its_end()
    server.wait_for_end()
    assert server.read == [LIMIT + 1]


def test_who_sends_slowly_keeps_nobody_waiting(settings: Any, signer: Signer, call: Call) -> None:
    settings.BATCHWEB_API_BATCH_THREADS = 1
    request = whole(call)
    with Server() as server, server.connect() as slow, server.connect() as quick:
        slow.send(request[:-1])
        for _ in range(3):
            quick.send(request)
            assert is_right(quick.answer())
        slow.send(request[-1:])
        assert is_right(slow.answer())


@pytest.mark.parametrize("missing", [1, 2])
def test_nothing_is_done_for_who_went_away_before_the_end_of_his_request(
    missing: int,
    signer: Signer,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(door, "answer", lambda asked: pytest.fail("This was asked by nobody."))
    with Server() as server:
        with server.connect() as client:
            client.send(whole(call)[:-missing])
        server.wait_for_end()
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_who_goes_away_while_he_is_answered_breaks_nothing(
    signer: Signer, call: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked, gone = threading.Event(), threading.Event()
    right = door.answer

    def answer(of: Call) -> Answer:
        asked.set()
        assert gone.wait(TIMEOUT_SECONDS)
        return right(of)

    monkeypatch.setattr(door, "answer", answer)
    with Server() as server:
        with server.connect() as client:
            client.send(whole(call))
            assert asked.wait(TIMEOUT_SECONDS)
        gone.set()
        server.wait_for_end()
        with server.connect() as client:
            client.send(whole(call))
            assert is_right(client.answer())
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_the_use_of_a_key_is_noted_once_its_request_is_answered(server: Server, call: Call) -> None:
    with server.connect() as connection:
        connection.send(whole(call))
        assert is_right(connection.answer())
    server.wait_for_end()
    assert AccessKey.objects.get().last_used_at is not None


def test_a_connection_is_kept(server: Server, call: Call) -> None:
    wrong = replace(call, body=b"[]")
    with server.connect() as client:
        for _ in range(2):
            client.send(whole(call))
            assert is_right(client.answer())
            # A refusal does not end it: only a body that was not read does.
            client.send(whole(wrong))
            assert client.answer().status == 403


def test_requests_that_come_at_once_are_answered_in_their_order(server: Server, call: Call) -> None:
    other = replace(call, body=b"[]")
    page = Call("GET", "/jobs/", "", {"host": "batch.example"})
    with server.connect() as client:
        client.send(whole(call), whole(other), head(page), whole(call))
        assert is_right(client.answer())
        assert client.answer().status == 403
        assert client.answer().body == b"a page"
        assert is_right(client.answer())


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET", "PUT", "TRACE"])
def test_methods_that_an_operation_does_not_have_are_refused(
    method: str, server: Server, signer: Signer, call: Call
) -> None:
    with server.connect() as client:
        for target in ("/v1/describejobqueues", "/v1/", "/v1/nothing"):
            client.send(head(signer.in_headers(method, target, body=b"", headers=())))
            answer = client.answer(has_body=method != "HEAD")
            assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
            assert answer.headers["x-amzn-errortype"] == "UnknownOperationException"
        # What follows is not taken for a body.
        client.send(whole(call))
        assert is_right(client.answer())


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_what_has_no_body_is_for_the_api_if_it_is_signed(method: str, server: Server) -> None:
    page = Call(method, "/", "", {"host": "batch.example"})
    signed = replace(page, headers={**page.headers, **signed_for("sts")})
    has_body = method != "HEAD"
    with server.connect() as client:
        client.send(head(signed))
        assert client.answer(has_body=has_body).headers["x-amzn-requestid"]
        client.send(head(page))
        assert "x-amzn-requestid" not in client.answer(has_body=has_body).headers


def ask_all_threads(server: Server, call: Call) -> None:
    """Requests that are answered at the same time."""
    clients = [server.connect() for _ in range(THREADS)]
    for client in clients:
        client.send(whole(call))
    for client in clients:
        assert is_right(client.answer())
        client.close()


@pytest.fixture
def threads_own(signer: Signer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> "Own":
    # Else the notes of its use, written after the answers, would open connections again.
    AccessKey.objects.update(last_used_at=timezone.now())
    settings.BATCHWEB_API_BATCH_THREADS = THREADS
    return Own(monkeypatch)


class Own:
    """What each thread of the API has of the database when it has read: its wrapper, and the connection in that.

    `then` is what happens to the wrapper before the answer is sent.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[tuple[Any, Any]] = []
        self.then: Callable[[Any], None] = lambda own: None
        right, together = door.answer, threading.Barrier(THREADS)

        def answer(call: Call) -> Answer:
            found = right(call)
            # Nobody has two while another has none.
            together.wait(TIMEOUT_SECONDS)
            own: Any = connections["default"]
            self.found.append((own, own.connection))
            self.then(own)
            # What is done later takes a connection again.
            return replace(found, afterwards=None)

        monkeypatch.setattr(door, "answer", answer)


def test_each_thread_keeps_its_connection_to_the_database(
    threads_own: Own, signer: Signer, call: Call
) -> None:
    with Server() as server:
        threads_own.then = lambda own: setattr(own, "close_at", None)
        ask_all_threads(server, call)
        first, threads_own.found = threads_own.found, []
        assert all(own.connection is kept for own, kept in first)
        threads_own.then = lambda own: setattr(own, "close_at", 0)
        ask_all_threads(server, call)
    assert len(set(map(id, (own for own, _ in first)))) == THREADS
    assert sorted(map(id, (kept for _, kept in threads_own.found))) == sorted(
        map(id, (kept for _, kept in first))
    )
    assert all(own.connection is None for own, _ in threads_own.found)


def test_what_comes_from_a_pool_is_given_back_before_the_answer_is_sent(
    threads_own: Own, signer: Signer, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_from_a_pool(own: Any) -> None:
        before, close = own.settings_dict, own.close

        def give_back() -> None:
            own.settings_dict = before
            close()

        own.close_at = None
        own.settings_dict = {**before, "OPTIONS": {**before["OPTIONS"], "pool": True}}
        monkeypatch.setattr(own, "close", give_back)

    threads_own.then = as_from_a_pool
    with Server() as server:
        ask_all_threads(server, call)
        assert len(threads_own.found) == THREADS
        assert all(own.connection is None for own, _ in threads_own.found)


def test_a_body_that_does_not_come_is_not_waited_for(
    server: Server, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.1)
    with server.connect() as client:
        client.send(whole(call)[:-1])
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert answer.headers["x-amzn-errortype"] == "RequestTimeoutException"
        assert client.is_at_its_end()


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("AWS4-HMAC-SHA256 Credential=x", "IncompleteSignatureException"),
    ],
)
def test_of_a_request_that_is_not_signed_no_body_is_read(
    authorization: str | None, code: str, server: Server, call: Call
) -> None:
    asked = changed(call, authorization=authorization)
    with server.connect() as client:
        client.send(head(asked, content_length=LIMIT))
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        assert answer.headers["x-amzn-errortype"] == code
        assert client.is_at_its_end()
    server.wait_for_end()
    assert server.read == [0]


def test_where_any_key_does_an_unsigned_request_is_read(
    server: Server, call: Call, settings: Any
) -> None:
    settings.BATCHWEB_ANY_ACCESS_KEY_USER = a_user().username
    asked = changed(call, authorization=None, host="localhost:8000")
    with server.connect() as client:
        client.send(whole(asked))
        assert is_right(client.answer())


def test_what_there_is_no_room_for_is_refused_unless_it_is_small(
    server: Server, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SMALL_BYTES", 10)
    monkeypatch.setattr(bodies, "HELD_BYTES", 600)
    large = signer.in_headers(body=b"{" + b" " * 400 + b"}")
    small = signer.in_headers()
    with server.connect() as slow, server.connect() as other:
        slow.send(whole(large)[:-1])
        # Answered later than what came before it was read.
        other.send(whole(small))
        assert is_right(other.answer())
        other.send(whole(large))
        answer = other.answer()
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert answer.headers["x-amzn-errortype"] == "ServiceUnavailableException"
        slow.send(b"}")
        assert is_right(slow.answer())
    with server.connect() as client:
        client.send(whole(large))
        assert is_right(client.answer())
