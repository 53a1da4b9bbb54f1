"""Looking into a checkpoint directory: its files, one of them, or all as an archive.

What is in it was made by a job and is trusted by nobody: names are only shown, links are only told.
"""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeVar

from jobs.domain import reasons
from jobs.domain.errors import NotFound, Unavailable
from jobs.engines.archives import FileEntry, FileKind, Incomplete, content, entries, rewritten
from jobs.engines.base import EngineError, NoSuchFile
from jobs.models import Checkpoint
from jobs.services.attempts.checkpoints import DIRECTORY, kept_in
from jobs.services.attempts.connections import connection_to

T = TypeVar("T")
Blocks = Generator[bytes, None, None]

# An engine has no other way to list a directory than to read all that is in it.
SECONDS = 10.0
CHILDREN_AT_MOST = 10_000


@dataclass(slots=True)
class Child:
    """What is directly in a directory. A directory counts all that is in it; `target` is a link's."""

    name: str
    kind: FileKind
    size_bytes: int = 0
    file_count: int = 0
    modified_at: float = 0
    target: str = ""


@dataclass(slots=True)
class Folder:
    """Directories first, by name. `is_partial`: there is more than could be read in time, or it is being changed."""

    children: list[Child] = field(default_factory=list)
    is_partial: bool = False


def list_folder(*, checkpoint: Checkpoint, node_index: int, path: str) -> Folder:
    """What is in the directory at `path` ("" is the whole). Raises NotFound and Unavailable."""
    blocks = _read(checkpoint, node_index, path)
    found: dict[str, Child] = {}
    folder = Folder()
    with closing(entries(blocks, until=time.monotonic() + SECONDS)) as listed:
        try:
            for entry in listed:
                if not entry.path and entry.kind is not FileKind.DIRECTORY:
                    raise _not_found(path)
                if len(found) > CHILDREN_AT_MOST:
                    folder.is_partial = True
                    break
                _add(found, entry)
        except Incomplete:
            folder.is_partial = True
    folder.children = sorted(
        found.values(), key=lambda each: (each.kind is not FileKind.DIRECTORY, each.name)
    )
    return folder


def read_file(*, checkpoint: Checkpoint, node_index: int, path: str) -> tuple[int, Blocks]:
    """A file's size in bytes, and its bytes, to be closed. Raises NotFound and Unavailable."""
    return _asked(lambda: content(_read(checkpoint, node_index, path)), path)


def read_all(*, checkpoint: Checkpoint, node_index: int, root: str) -> Blocks:
    """A tar archive of all, below a directory `root`; to be closed. Raises NotFound and Unavailable."""
    return rewritten(_read(checkpoint, node_index, ""), root=root)


def _read(checkpoint: Checkpoint, node_index: int, path: str) -> Blocks:
    engine = connection_to(checkpoint.engine)
    where = f"{DIRECTORY}/{path}" if path else DIRECTORY
    return _asked(lambda: engine.read_files(kept_in(checkpoint, node_index), where), path)


def _asked(ask: Callable[[], T], path: str) -> T:
    try:
        return ask()
    except NoSuchFile:
        raise _not_found(path) from None
    except (EngineError, Incomplete) as error:
        raise Unavailable(reasons.cannot_look(str(error))) from error


def _not_found(path: str) -> NotFound:
    what = f"no {path}" if path else "nothing"
    return NotFound(f"There is {what} in the checkpoint directory.")


def _add(found: dict[str, Child], entry: FileEntry) -> None:
    if not entry.path:
        return
    name, _, below = entry.path.partition("/")
    if not below:
        is_folder = entry.kind is FileKind.DIRECTORY
        child = found.setdefault(name, Child(name, entry.kind))
        child.kind, child.target = entry.kind, entry.target
        child.modified_at = entry.modified_at
        child.size_bytes += entry.size_bytes
        child.file_count += not is_folder
        return
    child = found.setdefault(name, Child(name, FileKind.DIRECTORY))
    child.size_bytes += entry.size_bytes
    child.file_count += entry.kind is not FileKind.DIRECTORY
