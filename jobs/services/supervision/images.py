"""Sees to it that an engine holds the image of the seeded job definitions."""

import shutil
import struct
import threading
from pathlib import Path

from jobs.engines.base import EngineError
from jobs.engines.docker_engine.local_image import import_busybox
from jobs.models import Engine
from jobs.services.attempts.connections import connection_to

PULL_SECONDS = 20.0
# ELF: the header's length in both classes, and the kind of entry that names a dynamic loader.
_ELF64_HEADER_BYTES = 64
_PT_INTERP = 3


def provide_image(*, engine: Engine, image: str, pull_seconds: float = PULL_SECONDS) -> str:
    """Holds, pulls or makes the image; gives what it did, in words.

    Only a busybox can be made here. Raises EngineError, which says what to do.
    """
    if connection_to(engine).has_image(image):
        return f"The engine {engine.name} holds the image {image} already."
    failure = _pull(engine, image, pull_seconds)
    if not failure:
        return f"Pulled the image {image}."
    if not _is_busybox(image):
        raise EngineError(
            f"The image {image} could not be pulled ({failure}). Pull or build it by hand."
        )
    busybox = static_busybox()
    if busybox is None:
        raise EngineError(
            f"The image {image} could not be pulled ({failure}), and there is no static busybox "
            "on this machine to make it from. Install one (Debian, Ubuntu: apt-get install "
            "busybox-static), and try again."
        )
    import_busybox(engine.url, image, str(busybox))
    return f"Made the image {image} from {busybox}: it could not be pulled ({failure})."


def static_busybox(path: str | None = None) -> Path | None:
    """This machine's busybox (or the one at `path`), if it needs no libraries; else None."""
    found = path or shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin")
    if found is None:
        return None
    with Path(found).open("rb") as file:
        header = file.read(_ELF64_HEADER_BYTES)
        if len(header) < _ELF64_HEADER_BYTES or header[:4] != b"\x7fELF":
            return None
        wide, order = header[4] == 2, "<" if header[5] == 1 else ">"
        start = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", header, 32 if wide else 28)[0]
        size, count = struct.unpack_from(f"{order}HH", header, 54 if wide else 42)
        file.seek(start)
        table = file.read(size * count)
    kinds = {struct.unpack_from(f"{order}I", table, i * size)[0] for i in range(count)}
    return None if _PT_INTERP in kinds else Path(found)


def _is_busybox(image: str) -> bool:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0] == "busybox"


def _pull(engine: Engine, image: str, seconds: float) -> str:
    """Why the image could not be pulled in that time; empty if it was."""
    connection = connection_to(engine)
    failures: list[str] = []

    def pull() -> None:
        try:
            connection.pull(image, lambda progress: None)
        except EngineError as error:
            failures.append(str(error))

    thread = threading.Thread(target=pull, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        # Ends its stream, and so the thread; the next call gets a new connection.
        connection.close()
        return f"no registry sent it within {seconds:.0f} seconds"
    return failures[0].rstrip(".") if failures else ""
