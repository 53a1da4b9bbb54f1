"""What jobs send to their machine reaches the web server, and nobody keeps the others out."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace

import pytest

from jobs.processes.supervisor import forwarding
from jobs.processes.supervisor.forwarding import Forwarder, Limits, is_here

# Each machine has all of 127.0.0.0/8; those for documentation are nobody's.
HERE = "127.0.0.77"
ELSEWHERE = "203.0.113.7"
PATIENCE_SECONDS = 20
QUICK = Limits(look_every=0.02, look_again_every=0.02, connect_within=5, idle=30)
MANY_BYTES = 4 * 1024 * 1024


def free_port(address: str = "127.0.0.1") -> int:
    with socket.create_server((address, 0)) as probe:
        return int(probe.getsockname()[1])


class Web:
    """Stands for the web server: answers what it was sent, in capitals, when the sender has done."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self._listener = socket.create_server((address, port))
        self.peers: list[str] = []
        self.address: tuple[str, int] = self._listener.getsockname()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """Ends when its connections have; safe to repeat."""
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        self._listener.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connected, peer = self._listener.accept()
            except OSError:
                return
            self.peers.append(peer[0])
            self._start(self._answer, connected)

    def _answer(self, connected: socket.socket) -> None:
        with connected:
            try:
                said = _read_all(connected)
                connected.sendall(said.upper())
            except OSError:
                return


@pytest.fixture
def web() -> Iterator[Web]:
    with closing(Web()) as web:
        yield web


@contextmanager
def forwarding_to(
    address: tuple[str, int], *, limits: Limits = QUICK, port: int = 0
) -> Iterator[Forwarder]:
    forwarder = Forwarder(port or free_port(HERE), address, address=HERE, limits=limits)
    forwarder.start()
    try:
        yield forwarder
    finally:
        forwarder.stop()
        _until(lambda: not any(each.name == "forwarder" for each in threading.enumerate()))


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _read_all(connected: socket.socket) -> bytes:
    blocks = []
    while block := connected.recv(65536):
        blocks.append(block)
    return b"".join(blocks)


def connect(forwarder: Forwarder) -> socket.socket:
    """Connected as soon as somebody listens."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return socket.create_connection((HERE, forwarder.port), timeout=PATIENCE_SECONDS)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def ask(forwarder: Forwarder, text: bytes) -> bytes:
    with connect(forwarder) as connected:
        sender = threading.Thread(target=_send, args=(connected, text))
        sender.start()
        answer = _read_all(connected)
        sender.join()
    return answer


def _send(connected: socket.socket, text: bytes) -> None:
    connected.sendall(text)
    connected.shutdown(socket.SHUT_WR)


def test_what_is_said_and_answered_is_handed_on(web: Web) -> None:
    with forwarding_to(web.address) as forwarder:
        assert ask(forwarder, b"hello") == b"HELLO"
        assert ask(forwarder, b"again") == b"AGAIN"
        assert ask(forwarder, b"a" * MANY_BYTES) == b"A" * MANY_BYTES


def test_what_jobs_send_comes_from_an_address_that_no_proxy_has(web: Web) -> None:
    with forwarding_to(web.address) as forwarder:
        ask(forwarder, b"GET / HTTP/1.1\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n")
    # The first looked whether anybody listens.
    assert web.peers[-1] == HERE


def test_it_waits_for_the_web_server_before_it_listens() -> None:
    port = free_port()
    with forwarding_to(("127.0.0.1", port)) as forwarder:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HERE, forwarder.port))
        with closing(Web(port=port)):
            assert ask(forwarder, b"hello") == b"HELLO"


def test_it_goes_on_when_the_web_server_comes_back() -> None:
    port = free_port()
    with closing(Web(port=port)) as first, forwarding_to(first.address) as forwarder:
        assert ask(forwarder, b"hello") == b"HELLO"
        first.close()
        with connect(forwarder) as connected:
            assert connected.recv(1) == b""
        with closing(Web(port=port)):
            assert ask(forwarder, b"hello") == b"HELLO"


def test_it_waits_for_the_address(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Semaphore(0)
    there = threading.Event()

    def look(address: str) -> bool:
        looked.release()
        return there.is_set()

    monkeypatch.setattr(forwarding, "is_here", look)
    with forwarding_to(web.address) as forwarder:
        for _ in range(3):
            assert looked.acquire(timeout=PATIENCE_SECONDS)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HERE, forwarder.port))
        there.set()
        assert ask(forwarder, b"hello") == b"HELLO"


def test_which_addresses_are_here() -> None:
    assert is_here(HERE)
    assert not is_here(ELSEWHERE)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[str], None]]:
    """Waits until a line with these words was logged, and checks that it was so once."""

    def lines(words: str) -> list[str]:
        return [each.getMessage() for each in caplog.records if words in each.getMessage()]

    def wait(words: str) -> None:
        _until(lambda: lines(words))
        assert len(lines(words)) == 1

    with caplog.at_level(logging.INFO, logger="batchweb.forwarder"):
        yield wait


@pytest.mark.parametrize("address", [HERE, "0.0.0.0"])
def test_a_web_server_that_listens_there_itself_is_left_alone(
    web: Web, told: Callable[[str], None], address: str
) -> None:
    with closing(Web(address)) as itself:
        port = itself.address[1]
        with forwarding_to(web.address, port=port) as forwarder:
            told("which is served already")
            assert ask(forwarder, b"hello") == b"HELLO"


def test_a_port_that_is_taken_by_who_does_not_answer_is_told(
    web: Web, told: Callable[[str], None]
) -> None:
    # It is bound, but does not listen.
    with socket.socket() as silent:
        silent.bind((HERE, 0))
        with forwarding_to(web.address, port=silent.getsockname()[1]):
            told("BATCHWEB_JOBS_API_URL")


def test_a_web_server_that_never_comes_is_told(told: Callable[[str], None]) -> None:
    with forwarding_to(("127.0.0.1", free_port())):
        told("BATCHWEB_WEB_ADDRESS")


HEAD = b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "limits"),
    [
        # Nothing, or a head that does not end.
        (b"", replace(QUICK, head=0.1)),
        (HEAD[:-1], replace(QUICK, head=0.1)),
        # A request that is never answered.
        (HEAD, replace(QUICK, idle=0.1)),
    ],
)
def test_a_connection_that_asks_for_nothing_or_is_not_answered_ends(
    web: Web, sent: bytes, limits: Limits
) -> None:
    with forwarding_to(web.address, limits=limits) as forwarder, connect(forwarder) as connected:
        connected.sendall(sent)
        assert connected.recv(1) == b""


@pytest.mark.parametrize(
    ("begin", "limits"), [(b"", replace(QUICK, head=0.3)), (HEAD, replace(QUICK, idle=0.3))]
)
def test_a_byte_now_and_then_keeps_no_connection(web: Web, begin: bytes, limits: Limits) -> None:
    with forwarding_to(web.address, limits=limits) as forwarder, connect(forwarder) as connected:
        connected.sendall(begin)
        connected.settimeout(0.02)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert time.monotonic() < deadline
            try:
                connected.sendall(b"x")
                assert connected.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                pass
            return


def test_an_old_connection_ends_when_it_pauses_after_an_answer(web: Web) -> None:
    # A part of an answer is one, too: the job's end does not end it.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_SECONDS)
        limits = replace(QUICK, life=0, pause=0.1)
        with forwarding_to(listener.getsockname(), limits=limits) as forwarder:
            connected = connect(forwarder)
            with connected:
                connected.sendall(HEAD)
                while True:
                    answering, _ = listener.accept()
                    with answering:
                        answering.settimeout(PATIENCE_SECONDS)
                        # The forwarder has looked whether anybody answers.
                        if answering.recv(100) != HEAD:
                            continue
                        answering.sendall(b"answer")
                        assert _read_all(connected) == b"answer"
                        return


def test_of_one_container_with_too_many_connections_the_least_answered_ends(web: Web) -> None:
    limits = replace(QUICK, connections_per_peer=2)
    with forwarding_to(web.address, limits=limits) as forwarder:
        with connect(forwarder) as first, connect(forwarder) as second:
            for each in (first, second):
                each.sendall(b"x")
            _until(lambda: len(forwarder._open) == 2)
            with connect(forwarder) as third:
                assert first.recv(1) == b""
                _send(third, b"third")
                assert _read_all(third) == b"THIRD"
            _send(second, b"y")
            assert _read_all(second) == b"XY"
        _until(lambda: not forwarder._open)
        assert ask(forwarder, b"hello") == b"HELLO"


def test_who_holds_all_connections_keeps_nobody_out(web: Web) -> None:
    limits = replace(QUICK, connections=4)
    others = [f"127.0.0.{number}" for number in (81, 82)]
    with forwarding_to(web.address, limits=limits) as forwarder, ExitStack() as held:
        # So it listens by now.
        assert ask(forwarder, b"hello") == b"HELLO"
        _until(lambda: not forwarder._open)
        greedy = [_from(forwarder, others[0], held) for _ in range(3)]
        modest = _from(forwarder, others[1], held)
        _until(lambda: len(forwarder._open) == 4)
        assert ask(forwarder, b"hello") == b"HELLO"
        assert greedy[0].recv(1) == b""
        _send(modest, b"still here")
        assert _read_all(modest) == b"STILL HERE"


def _from(forwarder: Forwarder, address: str, held: ExitStack) -> socket.socket:
    made = socket.create_connection(
        (HERE, forwarder.port), timeout=PATIENCE_SECONDS, source_address=(address, 0)
    )
    return held.enter_context(made)


def test_a_stop_ends_all_connections(web: Web) -> None:
    with forwarding_to(web.address) as forwarder:
        connected = connect(forwarder)
        connected.sendall(b"x")
        _until(lambda: forwarder._open)
    with connected:
        assert connected.recv(1) == b""
