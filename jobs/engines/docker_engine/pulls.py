"""Pulling an image: Docker's messages about each layer, summed up."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..base import CannotPull, PullProgress
from .logins import cannot_pull

REPORT_EVERY_SECONDS = 0.5
# Laxer than Docker, which has the last word, but nothing that would mean anything else in a path.
NAME_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?")
DIGEST = re.compile(r"[a-z0-9+._-]+:[0-9a-fA-F]{32,}")
_READY = frozenset({"Pull complete", "Already exists"})
_FETCHED = frozenset({"Download complete", "Extracting", *_READY})


def split_reference(image: str) -> tuple[str, str]:
    """Name, and tag or digest. Without a tag it is "latest": Docker would fetch every tag."""
    reference, _, digest = image.partition("@")
    name, colon, tag = reference.rpartition(":")
    # A colon before a slash is a registry's port.
    if not colon or "/" in tag:
        name, tag = reference, "latest"
    return name, digest or tag


def digest_path(name: str, digest: str) -> str:
    """Where Docker's API tells of a registry's image by its digest. Raises CannotPull for what is no name."""
    if not all(NAME_PART.fullmatch(part) for part in name.split("/")) or not DIGEST.fullmatch(
        digest
    ):
        raise CannotPull("invalid reference format")
    return f"/distribution/{name}@{digest}/json"


def read_json(blocks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Docker's streams of one JSON object a line."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)


class Layers:
    """The layers of one pull and how far each is."""

    def __init__(self) -> None:
        self._status: dict[str, str] = {}
        self._bytes: dict[str, tuple[int, int]] = {}

    def note(self, said: Mapping[str, Any]) -> None:
        """Takes in one message; those that are about no layer change nothing."""
        layer, status = said.get("id", ""), said.get("status", "")
        if not layer or status.startswith("Pulling from"):
            return
        self._status[layer] = status
        progress = said.get("progressDetail") or {}
        if status == "Downloading" and progress.get("total", 0) > 0:
            self._bytes[layer] = (progress.get("current", 0), progress["total"])
        elif status in _FETCHED and layer in self._bytes:
            total = self._bytes[layer][1]
            self._bytes[layer] = (total, total)

    def progress(self) -> PullProgress:
        ready = sum(status in _READY for status in self._status.values())
        fetched = all(status in _FETCHED for status in self._status.values())
        if not self._status:
            detail = "Asking the registry"
        else:
            verb = "Unpacking" if fetched else "Downloading"
            detail = f"{verb}: {ready} of {len(self._status)} layers ready"
        return PullProgress(
            detail=detail,
            bytes_done=sum(done for done, _ in self._bytes.values()),
            bytes_total=sum(total for _, total in self._bytes.values()),
        )


def follow_pull(
    said: Iterable[Mapping[str, Any]], on_progress: Callable[[PullProgress], None]
) -> None:
    """Reports about twice a second and once at the end. Raises CannotPull if the engine says so."""
    layers = Layers()
    next_report = 0.0
    for each in said:
        if "error" in each or "errorDetail" in each:
            detail = each.get("errorDetail") or {}
            raise cannot_pull(detail.get("message") or each.get("error") or "the pull failed")
        layers.note(each)
        if time.monotonic() >= next_report:
            on_progress(layers.progress())
            next_report = time.monotonic() + REPORT_EVERY_SECONDS
    on_progress(layers.progress())
