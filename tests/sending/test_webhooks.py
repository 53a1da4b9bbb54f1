"""No receiver keeps a thread for longer than a request may take, however he goes about it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from jobs.services.sending import webhooks

from .receiver import Receiver

TOO_LATE = "did not answer within"
OTHER = "192.0.2.1"


@contextmanager
def a_dripping_receiver(begins: bytes) -> Iterator[int]:
    """Answers a byte at a time, for ever; its port."""
    ended = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = server.accept()
        line.recv(65536)
        with suppress(OSError):
            line.sendall(begins)
            while not ended.wait(0.02):
                line.sendall(b"x")
        line.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        ended.set()
        thread.join(10)
        server.close()


def addresses(*hosts: str) -> Callable[..., list[Any]]:
    def found(_host: str, port: int, **_: object) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (host, port)) for host in hosts]

    return found


def posted(url: str) -> int | str:
    with webhooks._Line(url) as line:
        return line.post(b"{}", {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "begins",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n",
    ],
)
def test_who_answers_a_byte_at_a_time_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, begins: bytes
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT_SECONDS", 0.2)
    with a_dripping_receiver(begins) as port:
        answer = posted(f"http://127.0.0.1:{port}/")
    assert answer == 200 or TOO_LATE in str(answer)


def test_time_that_dead_addresses_take_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    class Dead(socket.socket):
        def connect(self, address: Any) -> None:
            if address[0] != OTHER:
                return super().connect(address)
            asked.append(self.gettimeout() or 0)
            clock[0] += asked[-1]
            raise TimeoutError

    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(socket, "socket", Dead)
    monkeypatch.setattr(socket, "getaddrinfo", addresses(*[OTHER] * 5))
    assert TOO_LATE in str(posted("http://many.example/"))
    assert asked == [webhooks.CONNECT_SECONDS, webhooks.CONNECT_SECONDS]


def test_the_next_address_is_asked_where_one_is_dead(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    monkeypatch.setattr(socket, "getaddrinfo", addresses("127.0.0.2", "127.0.0.1"))
    assert posted(f"http://two.example:{port}/hook") == 200
    assert receiver.came[0].headers["host"] == f"two.example:{port}"


def test_what_took_too_long_is_not_posted_twice(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    with webhooks._Line(receiver.url) as line:
        assert line.post(b"1", {}) == 200
        monkeypatch.setattr(webhooks, "TIMEOUT_SECONDS", 0.1)
        receiver.held.clear()
        assert TOO_LATE in str(line.post(b"2", {}))
    assert [each.body for each in receiver.came] == [b"1", b"2"]


def test_a_connection_that_was_closed_meanwhile_is_made_anew(receiver: Receiver) -> None:
    with webhooks._Line(receiver.url) as line:
        assert line.post(b"1", {}) == 200
        receiver.answers = [-1, 200]
        assert line.post(b"2", {}) == 200
    assert [each.body for each in receiver.came] == [b"1", b"2", b"2"]


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://[::1]/", "::1", 80),
        ("https://[2001:db8::5]/hook", "2001:db8::5", 443),
        ("https://[2001:db8::5]:8443/hook", "2001:db8::5", 8443),
        ("https://example.com/hook", "example.com", 443),
    ],
)
def test_a_url_leads_to_its_host_and_port(
    monkeypatch: pytest.MonkeyPatch, url: str, host: str, port: int
) -> None:
    asked: list[tuple[str, int]] = []

    def nobody(host: str, port: int, **_: object) -> list[Any]:
        asked.append((host, port))
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert "name is not known" in str(posted(url))
    assert asked == [(host, port)]


@pytest.mark.parametrize("url", ["http://a..b/", "http://.../", f"http://{'a' * 70}.example/"])
def test_a_name_that_is_none_is_not_known(url: str) -> None:
    assert "name is not known" in str(posted(url))
