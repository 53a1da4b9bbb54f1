"""What the pages and the JSON of a checkpoint directory are drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from jobs.domain import numbers
from jobs.domain.errors import NotFound
from jobs.domain.states import TERMINAL
from jobs.engines.archives import FileKind
from jobs.engines.checks import LEVELS_AT_MOST
from jobs.models import Checkpoint, Job
from jobs.services.checkpoint_files import Child, Folder
from jobs.web import plaintext

PAGE = 100
MAX_PAGE = 999_999
# The last second of the year 9999; a file may claim to be of any time.
LAST_SECOND = 253_402_300_799
_WHITE = {ord("\n"): plaintext.symbol("\n"), ord("\t"): plaintext.symbol("\t")}


@dataclass(frozen=True, slots=True)
class CheckpointQuery:
    """Which directory of which node is looked into, and which page of it."""

    path: str
    node: int
    page: int


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a directory. `url`: the directory it is, or the file; empty where it can only be told."""

    name: str
    kind: str
    size_bytes: int
    file_count: int
    modified_at: datetime | None
    target: str
    url: str


def read_query(job: Job, given: Mapping[str, str]) -> CheckpointQuery:
    """Raises InvalidInput for what is no such number, and NotFound for a node that there is not."""
    node = numbers.whole("node", given.get("node", "")) or 0
    if node >= job.node_count:
        raise NotFound(f"This job has no node {node}: its last is {job.node_count - 1}.")
    return CheckpointQuery(
        path=given.get("path", "").strip("/"),
        node=node,
        page=numbers.whole("page", given.get("page", ""), least=1, most=MAX_PAGE) or 1,
    )


def panel(checkpoint: Checkpoint | None) -> Checkpoint | None:
    """What the job's page shows: nothing of a directory that was never seen to hold anything."""
    if checkpoint is None or checkpoint.file_count:
        return checkpoint
    return checkpoint if checkpoint.is_partial or checkpoint.removed_at else None


def build(
    *, job: Job, checkpoint: Checkpoint, query: CheckpointQuery, folder: Folder
) -> dict[str, Any]:
    """The page of one directory."""
    shown, has_more = _page(folder, query)
    return {
        "job": job,
        "checkpoint": checkpoint,
        "query": query,
        "folder": folder,
        "count": len(folder.children),
        "rows": [_row(job, query, child) for child in shown],
        "crumbs": _crumbs(job, query),
        "nodes": [(index, url_of(job, node=index)) for index in range(min(job.node_count, 60))],
        "archive_url": url_of(job, "job_checkpoint_archive", node=query.node),
        "next_url": _page_url(job, query, query.page + 1) if has_more else "",
        "first_url": _page_url(job, query, 1) if query.page > 1 else "",
        "can_delete": job.status in TERMINAL and checkpoint.remove_asked_at is None,
    }


def listing_as_json(
    *, job: Job, checkpoint: Checkpoint, query: CheckpointQuery, folder: Folder
) -> dict[str, Any]:
    """One page of a directory. `url` is null for what can only be told: links, devices, names that are no text."""
    shown, has_more = _page(folder, query)
    rows = (_row(job, query, child) for child in shown)
    return {
        "checkpoint": as_json(job, checkpoint),
        "path": query.path,
        "node": query.node,
        "is_partial": folder.is_partial,
        "files": [
            {
                "name": row.name,
                "kind": row.kind,
                "size_bytes": row.size_bytes,
                "file_count": row.file_count,
                "modified_at": row.modified_at,
                "target": row.target or None,
                "url": row.url or None,
            }
            for row in rows
        ],
        "next": _page_url(job, query, query.page + 1) if has_more else None,
    }


def as_json(job: Job, checkpoint: Checkpoint | None) -> dict[str, Any] | None:
    """What is known of a job's checkpoint directory without looking into it; None if it never kept one."""
    if checkpoint is None:
        return None
    return {
        "size_bytes": checkpoint.size_bytes,
        "file_count": checkpoint.file_count,
        "is_partial": checkpoint.is_partial,
        "measured_at": checkpoint.measured_at,
        "remove_asked_at": checkpoint.remove_asked_at,
        "removed_at": checkpoint.removed_at,
        "engine": checkpoint.engine.name,
        "url": None if checkpoint.removed_at else url_of(job),
    }


def url_of(job: Job, route: str = "job_checkpoint", **query: object) -> str:
    """One of the URLs of a job's checkpoint directory; what is 0 or empty is left out."""
    given = {name: value for name, value in query.items() if value}
    return reverse(route, args=[job.pk]) + (f"?{urlencode(given)}" if given else "")


def shown(name: str) -> str:
    """A file's name for people: none of its characters is obeyed, and what is no text shows as such."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return plaintext.visible(text).translate(_WHITE)


def _page(folder: Folder, query: CheckpointQuery) -> tuple[Sequence[Child], bool]:
    start = (query.page - 1) * PAGE
    return folder.children[start : start + PAGE], len(folder.children) > start + PAGE


def _page_url(job: Job, query: CheckpointQuery, page: int) -> str:
    return url_of(job, path=query.path, node=query.node, page=page if page > 1 else 0)


def _row(job: Job, query: CheckpointQuery, child: Child) -> Row:
    return Row(
        name=shown(child.name),
        kind=str(child.kind),
        size_bytes=child.size_bytes,
        file_count=child.file_count,
        modified_at=_moment(child.modified_at),
        target=shown(child.target),
        url=_url(job, query, child),
    )


def _url(job: Job, query: CheckpointQuery, child: Child) -> str:
    routes = {FileKind.DIRECTORY: "job_checkpoint", FileKind.FILE: "job_checkpoint_file"}
    if child.kind not in routes or not _is_text(child.name):
        return ""
    path = f"{query.path}/{child.name}" if query.path else child.name
    # The checkpoint directory itself is a level, too.
    if 1 + len(path.split("/")) > LEVELS_AT_MOST:
        return ""
    return url_of(job, routes[child.kind], path=path, node=query.node)


def _is_text(name: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds <= LAST_SECOND else None


def _crumbs(job: Job, query: CheckpointQuery) -> list[tuple[str, str]]:
    parts = query.path.split("/") if query.path else []
    return [
        (shown(part), url_of(job, path="/".join(parts[: at + 1]), node=query.node))
        for at, part in enumerate(parts)
    ]
