"""What of its machines an environment lends to jobs: paths that they may mount or use as devices.

A path for reading stands for itself and all below it, one for writing for itself; `host_access` says why.
AWS Batch has no such list: on its machines a job may mount whatever it likes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TypedDict

from .flags import flag
from .validation import FieldError, read_json, read_text

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
    return clean


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
