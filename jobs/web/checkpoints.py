"""A job's checkpoint directory: its files, downloads, and its deletion. The owner's and administrators' only."""

import asyncio
from collections.abc import AsyncIterator, Generator
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header

from jobs.domain import reasons
from jobs.domain.errors import NotFound
from jobs.domain.ids import text_of
from jobs.models import Checkpoint, Job
from jobs.selectors.checkpoints import find_checkpoint
from jobs.selectors.jobs import find_job
from jobs.services import checkpoint_files as files
from jobs.services.checkpoints import ask_to_delete
from jobs.threads import read_in_thread

from . import answers
from .access import user_of
from .contexts import checkpoints as contexts
from .streaming import LastingResponse


@answers.allow("GET")
def checkpoint(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One directory, a page at a time. It is read from the machine that has it."""
    job, found = _found(request, job_id)
    query = contexts.read_query(job, request.GET)
    folder = files.list_folder(checkpoint=found, node_index=query.node, path=query.path)
    return answers.page(
        request,
        "jobs/checkpoint.html",
        contexts.build(job=job, checkpoint=found, query=query, folder=folder),
        as_json=lambda: contexts.listing_as_json(
            job=job, checkpoint=found, query=query, folder=folder
        ),
    )


@answers.allow("GET")
def file(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """One file, byte for byte. Never shown as a page: whatever is in it, a browser only saves it."""
    job, found = _found(request, job_id)
    query = contexts.read_query(job, request.GET)
    if not query.path:
        raise NotFound("Say which file: path=...")
    size, blocks = files.read_file(checkpoint=found, node_index=query.node, path=query.path)
    name = contexts.shown(query.path.rpartition("/")[2])
    return _download(blocks, name=name, size=size)


@answers.allow("GET")
def archive(request: HttpRequest, job_id: UUID) -> HttpResponseBase:
    """All files as a tar archive. Links are in it as links, devices are not."""
    job, found = _found(request, job_id)
    query = contexts.read_query(job, request.GET)
    root = f"checkpoint-{text_of(job.pk).replace(':', '-')}"
    blocks = files.read_all(checkpoint=found, node_index=query.node, root=root)
    return _download(blocks, name=f"{root}.tar", content_type="application/x-tar")


@answers.allow("GET", "POST")
def delete(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """GET asks; POST has what an ended job kept removed. 409 while the job lives."""
    job, found = _found(request, job_id)
    if request.method != "POST":
        return answers.page(
            request, "jobs/checkpoint_delete.html", {"job": job, "checkpoint": found}
        )
    ask_to_delete(job=job, now=timezone.now())
    return answers.done(
        request,
        to=reverse("job", args=[job.pk]),
        message=reasons.deleting_checkpoint(job.name),
        as_json=contexts.as_json(job, find_checkpoint(job=job, user=user_of(request))),
    )


def _found(request: HttpRequest, job_id: UUID) -> tuple[Job, Checkpoint]:
    user = user_of(request)
    job = find_job(user=user, job_id=job_id)
    return job, find_checkpoint(job=job, user=user)


def _download(
    blocks: Generator[bytes, None, None],
    *,
    name: str,
    content_type: str = "application/octet-stream",
    size: int | None = None,
) -> LastingResponse:
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    if size is not None:
        headers["Content-Length"] = str(size)
    return LastingResponse(_in_thread(blocks), content_type=content_type, headers=headers)


async def _in_thread(blocks: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    reading: asyncio.Future[bytes | None] | None = None
    try:
        while True:
            reading = asyncio.ensure_future(read_in_thread(next, blocks, None))
            # The thread goes on with its block when the viewer has gone: so it is waited for.
            if (block := await asyncio.shield(reading)) is None:
                return
            yield block
    finally:
        # Also when the viewer has gone: what it was read through goes, too.
        if reading is not None:
            await asyncio.gather(reading, return_exceptions=True)
        await read_in_thread(blocks.close)
