"""Service jobs: SageMaker training, which cannot run here. So there are none, and none is accepted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobs.domain import service, shares, validation, variables
from jobs.domain.validation import Checker
from jobs.models import JobQueue, QueueType

from ...calls import Caller, Operation, Request
from ...errors import ApiError, client_error, shown
from ...paging import page
from ..filters import Filter, milliseconds, one_filter
from ..jobs.stops import check_ids
from ..lookup import queue_named

LIST = "ListServiceJobs"
FILTERS = (
    "JOB_NAME",
    "BEFORE_CREATED_AT",
    "AFTER_CREATED_AT",
    "SHARE_IDENTIFIER",
    "QUOTA_SHARE_NAME",
)
# Said of a request that has passed every check.
NOT_HERE = (
    "Service jobs are run by Amazon SageMaker AI, which Batchweb has not: the request is right, but nothing was "
    "submitted. Submit a container job with SubmitJob, or send service jobs to AWS."
)


def submit_service_job(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Checks the request, and refuses it for what cannot run here. Always raises ApiError."""
    queue = queue_named(caller, request["jobQueue"])
    _check(request, queue)
    raise client_error(NOT_HERE)


def describe_service_job(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """There is none to describe. Always raises ApiError."""
    raise _no_such_job(request["jobId"])


def list_service_jobs(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """The service jobs of a queue: none."""
    if not request.get("jobQueue"):
        raise client_error("jobQueue: Give the queue whose service jobs to list.")
    queue_named(caller, request["jobQueue"])
    chosen = one_filter(request, FILTERS)
    if chosen is not None and chosen.name.endswith("_CREATED_AT"):
        milliseconds(chosen)
    nothing: list[Filter] = []
    found = page(request, LIST, lambda after, limit: nothing, key=lambda each: each.name)
    return {"jobSummaryList": [], **found.more}


def terminate_service_job(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Nothing to do; a job that is not found counts as ended."""
    _check_reason(request)
    return {}


def terminate_service_jobs(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """Nothing to do; jobs that are not found count as ended."""
    _check_reason(request)
    return {"successful": check_ids(request["jobs"]), "errors": []}


def update_service_job(caller: Caller, request: Request, now: datetime) -> Mapping[str, Any]:
    """There is none to change. Always raises ApiError."""
    checker = Checker()
    checker.check(
        "schedulingPriority", shares.scheduling_priority, request["schedulingPriority"], None
    )
    checker.done()
    raise _no_such_job(request["jobId"])


def _check(request: Request, queue: JobQueue) -> None:
    """Raises InvalidInput with everything that AWS, too, would refuse."""
    checker = Checker()
    checker.check("jobName", validation.name, request["jobName"], "")
    checker.check("jobQueue", lambda _: _check_type(queue), None, None)
    checker.check("serviceRequestPayload", service.payload, request["serviceRequestPayload"], None)
    checker.check(
        "schedulingPriority", shares.scheduling_priority, request.get("schedulingPriority"), None
    )
    checker.check("shareIdentifier", shares.share_identifier, request.get("shareIdentifier"), "")
    retries = request.get("retryStrategy", {})
    if retries:
        checker.check("retryStrategy.attempts", validation.attempts, retries["attempts"], 1)
    no_tags: dict[str, str] = {}
    checker.check("tags", variables.tags, request.get("tags"), no_tags)
    checker.done()


def _check_type(queue: JobQueue) -> None:
    if queue.type != QueueType.SAGEMAKER_TRAINING:
        raise validation.FieldError(
            f"The queue {queue.name} is of type {queue.type}. Service jobs are for queues of type "
            f"{QueueType.SAGEMAKER_TRAINING}."
        )


def _check_reason(request: Request) -> None:
    checker = Checker()
    checker.check("reason", validation.reason, request["reason"], "")
    checker.done()


def _no_such_job(text: str) -> ApiError:
    return client_error(f"jobId: There is no service job {shown(text)}: none can run here.")


OPERATIONS: dict[str, Operation] = {
    "SubmitServiceJob": Operation(
        submit_service_job,
        "Checks the request and then refuses it: there is no SageMaker here, so nothing is submitted.",
    ),
    "DescribeServiceJob": Operation(describe_service_job, "There are no service jobs."),
    LIST: Operation(list_service_jobs, "There are no service jobs, so the list is empty."),
    "TerminateServiceJob": Operation(terminate_service_job, "There are no service jobs."),
    "TerminateServiceJobs": Operation(terminate_service_jobs, "There are no service jobs."),
    "UpdateServiceJob": Operation(update_service_job, "There are no service jobs."),
}
