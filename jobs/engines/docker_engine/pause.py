"""A program that waits for ever, and the image that holds nothing else.

A pod needs a process that keeps its network while containers come and go. The program is small enough
to be written down here byte by byte, so no image has to be fetched or built.
"""

import io
import struct
import tarfile

import docker
import requests
from docker.errors import APIError, DockerException

from ..base import EngineError
from .texts import connection_failure

PAUSE_IMAGE = "batchweb/pause:1"
PROGRAM = "pause"

_BASE = 0x400000
_HEADERS = 64 + 56
_ELF_X86_64, _ELF_AARCH64 = 62, 183
# Both loop, as a signal that is handled by nobody may still end the wait. As process 1 of its container
# the program ignores every signal but SIGKILL.
_CODE = {
    _ELF_X86_64: bytes.fromhex(
        "b822000000"  # mov eax, 34     (pause)
        "0f05"  #       syscall
        "ebf7"  #       jmp -9          (to the start)
    ),
    # This architecture has no pause: ppoll of no files, without a time limit, is the same.
    _ELF_AARCH64: b"".join(
        struct.pack("<I", word)
        for word in (
            0xD2800000,  # mov x0, #0   (files)
            0xD2800001,  # mov x1, #0   (how many)
            0xD2800002,  # mov x2, #0   (time limit)
            0xD2800003,  # mov x3, #0   (signal mask)
            0xD2800004,  # mov x4, #0   (its size)
            0xD2800928,  # mov x8, #73  (ppoll)
            0xD4000001,  # svc #0
            0x17FFFFF9,  # b -28        (to the start)
        )
    ),
}
# As Docker's `info` and as Go name them.
_MACHINES = {
    "x86_64": _ELF_X86_64,
    "amd64": _ELF_X86_64,
    "aarch64": _ELF_AARCH64,
    "arm64": _ELF_AARCH64,
}


def pause_program(architecture: str) -> bytes:
    """A static ELF program for Linux that waits until it is killed. Raises EngineError for an unknown
    architecture."""
    machine = _MACHINES.get(architecture)
    if machine is None:
        raise EngineError(
            f"Jobs of several containers need a machine of {' or '.join(sorted(_MACHINES))}, "
            f"and this one is {architecture}"
        )
    code = _CODE[machine]
    size = _HEADERS + len(code)
    # The file's header: 64 bit, little endian, version 1; executable; entry; one program header
    # behind this one, no sections.
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header += struct.pack(
        "<HHIQQQIHHHHHH", 2, machine, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    # The whole file is loaded (1) to be read and executed (5), at a page's start.
    header += struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    return header + code


def import_pause(client: docker.APIClient) -> None:
    """Makes the image for the engine's own architecture. Raises EngineError."""
    try:
        architecture = str(client.info()["Architecture"])
        name, _, tag = PAUSE_IMAGE.partition(":")
        client.import_image_from_data(
            _root(pause_program(architecture)),
            repository=name,
            tag=tag,
            changes=[f'ENTRYPOINT ["/{PROGRAM}"]'],
        )
    except (DockerException, requests.RequestException) as error:
        said = error.explanation if isinstance(error, APIError) else None
        raise EngineError(said or connection_failure(error)) from error


def _root(program: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo(PROGRAM)
        entry.mode = 0o755
        entry.size = len(program)
        tar.addfile(entry, io.BytesIO(program))
    return archive.getvalue()
