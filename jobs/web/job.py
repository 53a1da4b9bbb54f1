"""One job: its page, and the posts that end it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from jobs.domain import reasons
from jobs.domain.errors import InvalidInput
from jobs.domain.states import TERMINAL
from jobs.domain.validation import Checker
from jobs.models import Job
from jobs.selectors.dependencies import fail_with
from jobs.selectors.jobs import find_job
from jobs.services.requests.rerun import rerun_job
from jobs.services.requests.stop import cancel_job, terminate_job

from . import answers
from .access import user_of
from .contexts import arrays as array_contexts
from .contexts import job as contexts
from .contexts import undo
from .contexts.dependencies import read_hops
from .job_gone import or_gone
from .once import AGAIN, once
from .permissions import address_of
from .toasts import Undo


@answers.allow("GET")
@or_gone
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """The page of a job, of an array, or of an array's child."""
    user, now = user_of(request), timezone.now()
    found = find_job(user=user, job_id=job_id)
    hops = read_hops(request.GET)
    if found.is_array:
        return answers.page(
            request,
            "jobs/array.html",
            array_contexts.build(
                job=found,
                user=user,
                now=now,
                query=array_contexts.read_query(request.GET),
                hops=hops,
            ),
            as_json=lambda: array_contexts.as_json(job=found, user=user, now=now),
        )
    log_of = request.GET.get("attempt", "")
    return answers.page(
        request,
        "jobs/job.html",
        contexts.build(job=found, user=user, now=now, log_of=log_of, hops=hops),
        as_json=lambda: contexts.as_json(job=found, user=user, now=now),
    )


@answers.allow("GET")
def node(request: HttpRequest, job_id: UUID, node: int) -> HttpResponse:
    """`<job>#<n>` is AWS's id of a node: the job's page, with that node's log."""
    query = urlencode({"attempt": f"#{node}"})
    return HttpResponseRedirect(f"{reverse('job', args=[job_id])}?{query}")


@answers.allow("POST")
def cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Cancels a job that still waits; does nothing to a later one. What waits for it fails with it."""
    found = find_job(user=user_of(request), job_id=job_id)
    waiting = fail_with(job=found, user=user_of(request))
    return _end(
        request,
        job_id,
        act=cancel_job,
        done=lambda name: reasons.cancelled(name, waiting=waiting),
        taken_back=undo.of_cancel,
        more={"fail_with_it": waiting},
    )


@answers.allow("GET", "POST")
def terminate(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """GET asks for a reason (for browsers without scripts); POST ends the job, whatever it does."""
    if request.method != "POST":
        found = find_job(user=user_of(request), job_id=job_id)
        return answers.page(request, "jobs/terminate.html", {"job": found, "errors": {}})
    return _end(
        request,
        job_id,
        act=terminate_job,
        done=reasons.told_to_stop,
    )


@answers.allow("POST")
def rerun(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Submits a job that has ended again as it was; of an array that failed, the children that did. 201 for scripts.

    It is for who asks, or with `for_owner` for whose the job is: an administrator sees others' as well.
    """
    user = user_of(request)
    job = find_job(user=user, job_id=job_id)
    fields = answers.posted(request)
    checker = Checker()
    # What it would not obey must not count as another request, either: see `once`.
    checker.only(fields, {"for_owner"})
    checker.done()
    owner = job.owner if answers.flag_field(fields, "for_owner") else user
    sent = once(
        request,
        make=lambda: rerun_job(
            owner=owner,
            job=job,
            now=timezone.now(),
            also_succeeded=True,
            by=user,
            address=address_of(request),
        ),
        find=lambda again_id: find_job(user=user, job_id=UUID(again_id)),
    )
    again = find_job(user=user, job_id=sent.made.pk)
    children = again.array_summary.total if again.is_array else None
    told = reasons.submitted_again(again.name, children=children)
    return answers.done(
        request,
        to=reverse("job", args=[again.pk]),
        message=AGAIN if sent.is_again else told,
        as_json=contexts.summary(again),
        status=201,
        undo=None if sent.is_again else undo.of_submission(again),
    )


def _end(
    request: HttpRequest,
    job_id: UUID,
    *,
    act: Callable[..., bool],
    done: Callable[[str], str],
    taken_back: Callable[[Job], Undo | None] = lambda _: None,
    more: Mapping[str, object] = MappingProxyType({}),
) -> HttpResponse:
    found = find_job(user=user_of(request), job_id=job_id)
    fields = answers.posted(request)
    try:
        changed = act(job=found, reason=answers.text_field(fields, "reason"), now=timezone.now())
    except InvalidInput as error:
        form = {"job": found, "reason": fields.get("reason")}
        return answers.refused(
            request, error, "jobs/terminate.html", lambda errors: {**form, "errors": errors}
        )
    found = find_job(user=user_of(request), job_id=job_id)
    return answers.done(
        request,
        to=reverse("job", args=[found.pk]),
        message=done(found.name) if changed else _nothing(found),
        as_json={**_as_json(found, changed=changed), **(more if changed else {})},
        undo=taken_back(found) if changed else None,
    )


def _nothing(found: Job) -> str:
    return reasons.not_ended(
        found.name,
        has_ended=found.status in TERMINAL,
        was_asked=found.stop_requested_at is not None,
    )


def _as_json(found: Job, *, changed: bool) -> dict[str, object]:
    return {
        **contexts.summary(found),
        "changed": changed,
        "stop_requested_at": found.stop_requested_at,
        "stop_reason": found.stop_reason,
    }
