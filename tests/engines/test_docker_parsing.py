"""Reading what Docker sends, piece by piece."""

import struct
from collections.abc import Iterator

import pytest
import requests

from jobs.engines.base import CannotPull, ContainerPhase, EngineError, LogSource, PullProgress
from jobs.engines.docker_engine.connection import answer
from jobs.engines.docker_engine.containers import (
    status_from_inspect,
    status_from_list,
    usage_from_stats,
)
from jobs.engines.docker_engine.logs import read_frames
from jobs.engines.docker_engine.pulls import Layers, follow_pull, read_json, split_reference
from jobs.engines.docker_engine.stream import Dechunker
from jobs.engines.docker_engine.texts import short_start_error
from jobs.engines.docker_engine.times import format_since, parse_time


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:01.000000001Z", 1_000_000_001),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:01.123456789+01:00", 1_123_456_789),
        ("2026-11-21T22:07:42.994574375Z", 1_795_298_862_994_574_375),
        ("0001-01-01T00:00:00Z", 0),
    ],
)
def test_a_time_keeps_all_its_digits(text: str, nanoseconds: int) -> None:
    assert parse_time(text) == nanoseconds


@pytest.mark.parametrize(
    ("nanoseconds", "text"), [(0, "0.000000000"), (1_000_000_001, "1.000000001")]
)
def test_since_keeps_all_its_digits(nanoseconds: int, text: str) -> None:
    assert format_since(nanoseconds) == text


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_chunks_are_taken_off_however_the_bytes_come(size: int) -> None:
    raw = b"5\r\nhello\r\n2\r\n\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
    chunks = Dechunker()
    payload = b"".join(chunks.feed(raw[at : at + size]) for at in range(0, len(raw), size))
    assert payload == b"hello\r\n0123456789abcdef"
    assert chunks.complete


def test_an_answer_without_its_end_mark_is_not_complete() -> None:
    chunks = Dechunker()
    assert chunks.feed(b"5\r\nhello\r\n") == b"hello"
    assert not chunks.complete


def _frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(payload)) + payload


@pytest.mark.parametrize("size", [1, 5, 4096])
def test_frames_are_read_however_the_bytes_come(size: int) -> None:
    raw = b"".join(
        [
            _frame(1, b"1970-01-01T00:00:01.000000002Z one\n"),
            _frame(2, b"1970-01-01T00:00:01.000000003Z two \xff\n"),
            _frame(1, b"1970-01-01T01:00:02.5+01:00 elsewhere\n"),
            _frame(1, b"1970-01-01T00:00:03.000000000Z " + b"x" * 16384),
            _frame(1, b"1970-01-01T00:00:03.000000000Z "),
        ]
    )
    blocks: Iterator[bytes] = (raw[at : at + size] for at in range(0, len(raw), size))
    assert [(frame.at_ns, frame.source, frame.data) for frame in read_frames(blocks)] == [
        (1_000_000_002, LogSource.STDOUT, b"one\n"),
        (1_000_000_003, LogSource.STDERR, b"two \xff\n"),
        (2_500_000_000, LogSource.STDOUT, b"elsewhere\n"),
        (3_000_000_000, LogSource.STDOUT, b"x" * 16384),
        (3_000_000_000, LogSource.STDOUT, b"\n"),
    ]


def test_dockers_own_trouble_with_a_log_is_an_error() -> None:
    with pytest.raises(EngineError, match="unexpected EOF"):
        list(read_frames([_frame(3, b"Error grabbing logs: unexpected EOF\n")]))


@pytest.mark.parametrize(
    ("image", "name", "tag"),
    [
        ("busybox", "busybox", "latest"),
        ("busybox:1.36", "busybox", "1.36"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b", "latest"),
        ("127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b", "c"),
        ("a/b@sha256:0123", "a/b", "sha256:0123"),
        ("a/b:c@sha256:0123", "a/b", "sha256:0123"),
    ],
)
def test_a_reference_splits_into_name_and_tag(image: str, name: str, tag: str) -> None:
    assert split_reference(image) == (name, tag)


def test_layers_sum_up() -> None:
    layers = Layers()
    assert layers.progress() == PullProgress("Asking the registry", 0, 0)
    layers.note({"status": "Pulling from library/x", "id": "latest"})
    layers.note({"status": "Already exists", "id": "a"})
    layers.note({"status": "Downloading", "id": "b", "progressDetail": {"current": 3, "total": 10}})
    layers.note({"status": "Waiting", "id": "c", "progressDetail": {}})
    assert layers.progress() == PullProgress("Downloading: 1 of 3 layers ready", 3, 10)
    layers.note({"status": "Download complete", "id": "b"})
    layers.note({"status": "Pull complete", "id": "c"})
    assert layers.progress() == PullProgress("Unpacking: 2 of 3 layers ready", 10, 10)


def test_an_error_within_a_pull_is_told() -> None:
    said = b'{"status":"Pulling"}\n{"errorDetail":{"message":"no space left"},"error":"x"}\n'
    with pytest.raises(CannotPull, match="no space left"):
        follow_pull(read_json([said[:25], said[25:]]), lambda _progress: None)


@pytest.mark.parametrize(
    ("state", "started", "phase"),
    [
        ("removing", "0001-01-01T00:00:00Z", ContainerPhase.CREATED),
        ("dead", "0001-01-01T00:00:00Z", ContainerPhase.CREATED),
        ("removing", "1970-01-01T00:00:01Z", ContainerPhase.EXITED),
        ("exited", "1970-01-01T00:00:01Z", ContainerPhase.EXITED),
    ],
)
def test_what_is_removed_has_ended_only_if_it_ran(
    state: str, started: str, phase: ContainerPhase
) -> None:
    times = {"StartedAt": started, "FinishedAt": started}
    found = {
        "Id": "1",
        "Name": "/x",
        "State": {"Status": state, "ExitCode": 0, **times},
        "Config": {},
    }
    status = status_from_inspect(found)
    assert status.phase is phase
    assert (status.exit_code is None) is (phase is ContainerPhase.CREATED)


def test_a_list_takes_what_is_being_removed_for_no_end() -> None:
    listed = {"Id": "1", "Names": ["/x"], "State": "removing"}
    assert status_from_list(listed).phase is ContainerPhase.CREATED


@pytest.mark.parametrize(
    ("said", "short"),
    [
        (
            "failed to create shim task: OCI runtime create failed: runc create failed: unable to "
            'start container process: exec: "x": executable file not found in $PATH: unknown',
            'exec: "x": executable file not found in $PATH',
        ),
        (
            "OCI runtime create failed: container_linux.go:380: starting container process caused: "
            'exec: "/x": permission denied: unknown',
            'exec: "/x": permission denied',
        ),
        (
            "OCI runtime create failed: container_linux.go:380: starting container process caused: "
            "process_linux.go:402: container init was OOM-killed: unknown",
            "process_linux.go:402: container init was OOM-killed",
        ),
        ("network x not found", "network x not found"),
        ("", ""),
    ],
)
def test_runcs_long_errors_become_short(said: str, short: str) -> None:
    assert short_start_error(said) == short


@pytest.mark.parametrize("body", [b"", b"<html>", b"{"])
def test_an_answer_that_is_no_json_is_an_error_of_the_engine(body: bytes) -> None:
    response = requests.Response()
    response.status_code = 200
    response._content = body
    with pytest.raises(EngineError, match="no JSON"):
        answer(response)


@pytest.mark.parametrize("found", [{}, {"read": ""}, {"read": "0001-01-01T00:00:00Z"}])
def test_a_sample_without_a_time_is_none(found: dict[str, str]) -> None:
    assert usage_from_stats(found) is None
