"""What of its machines an environment lends to jobs: paths that they may mount or use as devices.

A path stands for exactly itself; `host_access` says why. For the same reason none is below one that jobs
may write to on the same machines: a job could put a symbolic link in its place.
AWS Batch has no such list: on its machines a job may mount whatever it likes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from jobs.domain.flags import flag
from jobs.domain.validation import FieldError, read_json, read_text

MAX_HOST_PATHS = 50
MAX_PATH_CHARACTERS = 1024
# Docker takes a colon for the end of a path.
PATH_PATTERN = re.compile(r"/[^:\0\r\n]*")
MEMBERS = ("path", "readOnly")
THE_WHOLE_MACHINE = "/"


class HostPath(TypedDict):
    """A path as it is stored, by the names of its members in forms and JSON."""

    path: str
    readOnly: bool


def allowed_host_paths(value: object) -> list[HostPath]:
    """`[{"path": "/data", "readOnly": true}, ...]`, or that as JSON text. Raises FieldError.

    Paths are absolute and have no dot-dots; each is there once. Without `readOnly` jobs may write.
    """
    given = read_json(value)
    if given is None:
        return []
    if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
        raise FieldError('Host paths are a list, such as [{"path": "/data", "readOnly": true}].')
    if len(given) > MAX_HOST_PATHS:
        raise FieldError(f"There are at most {MAX_HOST_PATHS} host paths.")
    clean = [_host_path(number, each) for number, each in enumerate(given, start=1)]
    paths = [each["path"] for each in clean]
    for path in paths:
        if paths.count(path) > 1:
            raise FieldError(f"{path} is there twice. Name each path once.")
    check_none_is_inside(clean, clean)
    return clean


def check_none_is_inside(
    paths: Iterable[Mapping[str, Any]], others: Iterable[Mapping[str, Any]], *, lender: str = ""
) -> None:
    """Raises FieldError if one of the paths and one of the others lie one in the other, the outer writable.

    `lender` is the environment that lends the others; empty: the one that lends the paths.
    """
    lent = f" that the environment {lender} on the same engine lends" if lender else ""
    theirs = list(others)
    for path in paths:
        for other in theirs:
            if _could_replace(other, path):
                raise FieldError(
                    f"{path['path']} is inside {other['path']}{lent}, where jobs may write: one could "
                    "put a link in its place that leads anywhere on the machine. Lend "
                    f"{other['path']} read-only, or a folder outside it."
                )
            if _could_replace(path, other):
                raise FieldError(
                    f"{other['path']}{lent} is inside {path['path']}, where jobs could write: one "
                    "could put a link in its place that leads anywhere on the machine. Lend "
                    f"{path['path']} read-only, or another folder."
                )


def is_within(path: str, folder: str) -> bool:
    """Whether the path is the folder or something below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _could_replace(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    is_below = outer["path"] != inner["path"] and is_within(inner["path"], outer["path"])
    return is_below and not outer.get("readOnly")


def _host_path(number: int, value: object) -> HostPath:
    where = f"Host path {number}"
    if not isinstance(value, Mapping):
        raise FieldError(f"{where} is not an object with path and readOnly.")
    for member in value:
        if member not in MEMBERS:
            raise FieldError(f"{where}: there is no {str(member)[:60]!r}. It has path, readOnly.")
    try:
        return {"path": _path(value.get("path")), "readOnly": flag(value.get("readOnly"))}
    except FieldError as error:
        raise FieldError(f"{where}: {error}") from None


def _path(value: object) -> str:
    text = read_text(value)
    if not PATH_PATTERN.fullmatch(text) or len(text) > MAX_PATH_CHARACTERS:
        raise FieldError(
            f"A path starts with /, such as /data, and has at most {MAX_PATH_CHARACTERS} characters "
            "without colons."
        )
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise FieldError("A path has no .. in it: name the folder itself.")
    return "/" + "/".join(parts)
