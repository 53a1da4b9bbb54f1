"""The list of jobs as a file: all that match, however many, in little memory."""

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime
from io import StringIO
from uuid import UUID

from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from jobs.domain import ids, resources
from jobs.domain.errors import InvalidInput
from jobs.models import Job
from jobs.selectors.job_details import read_tags, tags_of
from jobs.selectors.listing.filters import JobFilters
from jobs.selectors.listing.pages import all_ids, rows_of
from jobs.threads import read_in_thread

from . import answers
from .access import user_of
from .contexts import job as job_contexts
from .contexts.jobs import read_strictly
from .plaintext import cell
from .streaming import LastingResponse

MAX_JOBS = 1_000_000
PORTION = 500
FORMATS = ("csv", "json")


def _moment(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def _run_seconds(job: Job) -> str:
    if job.started_at is None or job.stopped_at is None:
        return ""
    return f"{(job.stopped_at - job.started_at).total_seconds():.3f}"


# The columns of CSV, in their order, as docs/dashboard.md lists them.
COLUMNS: dict[str, Callable[[Job], object]] = {
    "id": lambda job: ids.text_of(job.pk),
    "name": lambda job: cell(job.name),
    "status": lambda job: job.status,
    "status_reason": lambda job: cell(job.status_reason),
    "exit_code": lambda job: job.exit_code,
    "queue": lambda job: cell(job.queue.name),
    "definition": lambda job: cell(str(job.definition)),
    "owner": lambda job: cell(job.owner.get_username()),
    "array_size": lambda job: job.array_size,
    "nodes": lambda job: job.node_count,
    "vcpus": lambda job: resources.format_vcpus(job.milli_vcpus),
    "memory_mib": lambda job: job.memory_mib,
    "gpus": lambda job: job.gpus,
    "share_identifier": lambda job: cell(job.share_identifier),
    "attempts": lambda job: job.attempts_made,
    "created_at": lambda job: _moment(job.created_at),
    "started_at": lambda job: _moment(job.started_at),
    "stopped_at": lambda job: _moment(job.stopped_at),
    "run_seconds": _run_seconds,
    "cost_usd": lambda job: f"{job.cost_usd:f}",
    "tags": lambda job: cell(json.dumps(tags_of(job), ensure_ascii=False, sort_keys=True)),
}


@answers.allow("GET")
def export(request: HttpRequest) -> HttpResponseBase:
    """All jobs that pass the list's filters, newest first, as `format=csv` or `json` (a list of what the list of jobs
    gives of each). At most MAX_JOBS. A filter that there is not is refused."""
    kind = request.GET.get("format", FORMATS[0]).lower()
    if kind not in FORMATS:
        raise InvalidInput({"format": [f"A format is one of {', '.join(FORMATS)}."]})
    filters = read_strictly(request.GET.urlencode()).filters
    write = _csv if kind == "csv" else _json
    portions = _portions(user_of(request), filters)
    name = f"jobs-{timezone.now():%Y%m%d-%H%M%S}.{kind}"
    return LastingResponse(
        _in_threads(write(portions)),
        content_type="text/csv; charset=utf-8" if kind == "csv" else "application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _in_threads(texts: Iterator[str]) -> AsyncIterator[str]:
    while (text := await read_in_thread(next, texts, None)) is not None:
        yield text


def _portions(user: User, filters: JobFilters) -> Iterator[list[Job]]:
    left = MAX_JOBS
    portion: Sequence[UUID]
    for portion in all_ids(user=user, filters=filters, portion=PORTION):
        yield rows_of(portion[:left])
        left -= len(portion)
        if left <= 0:
            return


def _csv(portions: Iterator[list[Job]]) -> Iterator[str]:
    yield _lines([list(COLUMNS)])
    for jobs in portions:
        read_tags(jobs)
        yield _lines([[read(job) for read in COLUMNS.values()] for job in jobs])


def _lines(rows: Sequence[Sequence[object]]) -> str:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _json(portions: Iterator[list[Job]]) -> Iterator[str]:
    before = "[\n"
    for jobs in portions:
        texts = (json.dumps(job_contexts.summary(job), cls=DjangoJSONEncoder) for job in jobs)
        if text := ",\n".join(texts):
            yield before + text
            before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
