"""ListJobs and the like."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from jobs.domain import arns
from jobs.domain.numbers import is_revision
from jobs.domain.states import JobStatus
from jobs.models import Job, JobQueue
from jobs.selectors.listing import list_jobs as selectors

from ...calls import Caller, Operation, Request
from ...errors import client_error
from ...paging import ListPage, key_after, page, page_size, token_of
from ..filters import Filter, check_words, filters_of, milliseconds, one_filter
from ..lookup import queue_named, resource_named
from ..names import job_named
from ..shapes.summaries import consumer_summary, summaries_of
from .node_lists import nodes_page

LIST_JOBS = "ListJobs"
# Tokens of these lists hold other keys.
BY_NAME = "ListJobs by JOB_NAME"
OWN_BY_NAME = "ListJobs of one's own by JOB_NAME"
OF_ARRAY = "ListJobs of an array"
OF_NODES = "ListJobs of a multi-node job"
BY_RESOURCE = "ListJobsByConsumableResource"
ONE_OF = ("jobQueue", "arrayJobId", "multiNodeJobId")
FILTERS = (
    "JOB_NAME",
    "JOB_DEFINITION",
    "BEFORE_CREATED_AT",
    "AFTER_CREATED_AT",
    "SHARE_IDENTIFIER",
)
MOST = 1000
MOST_WITH_FILTERS = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Read = Callable[[Any, int], Sequence[Job]]


def list_jobs(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """The jobs of a queue, the children of an array, or the nodes of a job; without a status those that run."""
    given = [name for name in ONE_OF if request.get(name)]
    if len(given) != 1:
        raise client_error(
            f"Give one of {', '.join(ONE_OF)}, and only one of them: what the jobs are of."
        )
    chosen = one_filter(request, FILTERS)
    if chosen is not None and given != ["jobQueue"]:
        raise client_error(f"filters: They do not apply to {given[0]}. Leave them out.")
    status = request.get("jobStatus", JobStatus.RUNNING)
    if given == ["multiNodeJobId"]:
        nodes = nodes_page(caller, request, OF_NODES, status)
        return {"jobSummaryList": nodes.rows, **nodes.more}
    if given == ["arrayJobId"]:
        found = _children(caller, request, status)
    else:
        queue = queue_named(caller, request["jobQueue"])
        found = _of_queue(caller, request, queue, chosen, status)
    return {"jobSummaryList": summaries_of(caller.arns, found.rows), **found.more}


def list_jobs_by_consumable_resource(
    caller: Caller, request: Request, now: datetime
) -> Mapping[str, Any]:
    """The jobs that need a consumable resource, newest first."""
    resource = resource_named(caller, request["consumableResource"])
    given = {each.name: each for each in filters_of(request, ("JOB_STATUS", "JOB_NAME"))}
    if "JOB_STATUS" in given:
        check_words(given["JOB_STATUS"], list(JobStatus))

    def walk(after: UUID | None, limit: int) -> selectors.Walk:
        return selectors.jobs_needing(
            user=caller.user,
            resource=resource.name,
            statuses=given["JOB_STATUS"].values if "JOB_STATUS" in given else (),
            patterns=given["JOB_NAME"].values if "JOB_NAME" in given else (),
            after=after,
            limit=limit,
        )

    found = _walked(request, BY_RESOURCE, walk)
    jobs = [consumer_summary(caller.arns, job, resource) for job in found.rows]
    return {"jobs": jobs, **found.more}


def _of_queue(
    caller: Caller, request: Request, queue: JobQueue, chosen: Filter | None, status: str
) -> ListPage[Job]:
    if chosen is None:
        if not caller.user.is_staff:
            mine = _own(caller, queue, selectors.Sought(status=status))
            return _walked(request, LIST_JOBS, mine, most=MOST)
        read = _read_newest(caller, queue, status)
        return page(request, LIST_JOBS, read, key=_key, default=MOST, most=MOST)
    # AWS: "When --filters is used, Batch returns up to 100 values", also if more are asked for.
    if page_size(request, default=MOST, most=MOST) > MOST_WITH_FILTERS:
        request = {**request, "maxResults": MOST_WITH_FILTERS}
    if not caller.user.is_staff:
        return _own_filtered(caller, request, queue, chosen)
    if chosen.name == "JOB_NAME":
        return _by_name(caller, request, queue, chosen)
    if chosen.name == "JOB_DEFINITION":
        read = _read_of_definition(caller, queue, chosen)
    elif chosen.name == "SHARE_IDENTIFIER":
        read = _read_newest(caller, queue, request.get("jobStatus", ""), share=chosen.values[0])
    else:
        read = _read_created(caller, queue, chosen)
    return page(request, LIST_JOBS, read, key=_key)


def _own_filtered(
    caller: Caller, request: Request, queue: JobQueue, chosen: Filter
) -> ListPage[Job]:
    sought = _sought(caller, request, chosen)
    if sought is None:
        return page(request, LIST_JOBS, lambda after, limit: [], key=_key)
    kind = OWN_BY_NAME if chosen.name == "JOB_NAME" else LIST_JOBS
    return _walked(request, kind, _own(caller, queue, sought))


def _read_newest(caller: Caller, queue: JobQueue, status: str, *, share: str | None = None) -> Read:
    return lambda after, limit: selectors.jobs_in_queue(
        user=caller.user,
        queue=queue,
        status=status,
        share=share,
        after=_id_in(after),
        limit=limit,
    )


def _read_created(caller: Caller, queue: JobQueue, chosen: Filter) -> Read:
    moment = _moment(chosen)
    is_before = chosen.name == "BEFORE_CREATED_AT"
    return lambda after, limit: selectors.jobs_created(
        user=caller.user,
        queue=queue,
        before=moment if is_before else None,
        since=None if is_before else moment,
        after=_id_in(after),
        limit=limit,
    )


def _read_of_definition(caller: Caller, queue: JobQueue, chosen: Filter) -> Read:
    named = _definition_in(caller, chosen)
    if named is None:
        return lambda after, limit: []
    name, revision = named
    return lambda after, limit: selectors.jobs_of_definition(
        user=caller.user,
        queue=queue,
        name=name,
        revision=revision,
        after=_id_in(after),
        limit=limit,
    )


def _definition_in(caller: Caller, chosen: Filter) -> tuple[str, int | None] | None:
    """The definition's name, or pattern of names, and its revision; None where it can be none."""
    text = chosen.values[0]
    name = caller.arns.name_in(text, arns.JOB_DEFINITION)
    if name is None or text == name:
        return None if name is None else (name, None)
    name, colon, number = name.rpartition(":")
    # An asterisk is for names alone, and a definition's ARN has a revision.
    return (name, int(number)) if colon and is_revision(number) else None


def _sought(caller: Caller, request: Request, chosen: Filter) -> selectors.Sought | None:
    """What of somebody's own jobs is wanted; None where no job can be it."""
    if chosen.name == "JOB_NAME":
        return selectors.Sought(name=chosen.values[0])
    if chosen.name == "JOB_DEFINITION":
        named = _definition_in(caller, chosen)
        return named and selectors.Sought(definition=named[0], revision=named[1])
    if chosen.name == "SHARE_IDENTIFIER":
        status = request.get("jobStatus", "")
        return selectors.Sought(status=status, share=chosen.values[0])
    if chosen.name == "BEFORE_CREATED_AT":
        return selectors.Sought(before=_moment(chosen))
    return selectors.Sought(since=_moment(chosen))


def _own(
    caller: Caller, queue: JobQueue, sought: selectors.Sought
) -> Callable[[UUID | None, int], selectors.Walk]:
    return lambda after, limit: selectors.own_jobs(
        user=caller.user, queue=queue, sought=sought, after=after, limit=limit
    )


def _walked(
    request: Request,
    operation: str,
    walk: Callable[[UUID | None, int], selectors.Walk],
    *,
    most: int = MOST_WITH_FILTERS,
) -> ListPage[Job]:
    """A page of what is sought among so many jobs at a time: it may have few rows, or none, and a token."""
    size = page_size(request, default=most, most=most)
    found = walk(_id_in(key_after(request, operation)), size + 1)
    shown = found.jobs[:size]
    reached = shown[-1].pk if len(found.jobs) > size else found.reached
    more = {} if reached is None else {"nextToken": token_of(operation, str(reached))}
    return ListPage(shown, more)


def _by_name(caller: Caller, request: Request, queue: JobQueue, chosen: Filter) -> ListPage[Job]:
    def read(after: Any, limit: int) -> Sequence[Job]:
        return selectors.jobs_named(
            user=caller.user,
            queue=queue,
            pattern=chosen.values[0],
            after=None if after is None else (after[0], UUID(after[1])),
            limit=limit,
        )

    return page(request, BY_NAME, read, key=lambda job: [job.name.upper(), str(job.pk)])


def _children(caller: Caller, request: Request, status: str) -> ListPage[Job]:
    named = job_named(caller, request["arrayJobId"])
    if named is None or named.node_index is not None:
        return ListPage([])
    array_id = named.job_id

    def read(after: Any, limit: int) -> Sequence[Job]:
        return selectors.children_in(
            user=caller.user, array_id=array_id, status=status, after=after, limit=limit
        )

    return page(
        request, OF_ARRAY, read, key=lambda job: job.array_index or 0, default=MOST, most=MOST
    )


def _key(job: Job) -> str:
    return str(job.pk)


def _id_in(key: str | None) -> UUID | None:
    return None if key is None else UUID(key)


def _moment(chosen: Filter) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds(chosen))


OPERATIONS: dict[str, Operation] = {
    LIST_JOBS: Operation(
        list_jobs,
        "Jobs of others are left out unless you are an administrator. Jobs that have ended stay in the list for "
        "as long as they are kept, not for 7 days. A page may have fewer jobs than asked for, or none, and a "
        "`nextToken`.",
    ),
    BY_RESOURCE: Operation(
        list_jobs_by_consumable_resource,
        "`quantity` is what the job needs and `createdAt` when the job was created; an array is listed, its "
        "children are not. A page may have fewer jobs than asked for, or none, and a `nextToken`.",
    ),
}
