"""Job queues: the list, a queue with its front, making, changing, deleting one."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.models import JobQueue, QueueState
from jobs.services.setup.queues import create_queue, delete_queue, update_queue

from . import answers
from .access import require_staff, user_of
from .contexts import queues as contexts
from .kinds import Kind
from .once import AGAIN, found_again, once

KIND = Kind(
    name="queue",
    list_name="queues",
    find=lambda name: contexts.find(name=name),
    summary=contexts.summary,
    form="queues/form.html",
    build_form=contexts.build_form,
    deletes="queues/delete.html",
    build_deletes=contexts.build_delete,
)

NEW: dict[str, object] = {"priority": "1", "state": QueueState.ENABLED, "backfill": True}


@answers.allow("GET", "POST")
def queues(request: HttpRequest) -> HttpResponse:
    """GET: queues by name. POST: makes one (201 for scripts)."""
    if request.method == "POST":
        return _create(request)
    query = contexts.list_query(request.GET)
    return answers.page(
        request,
        "queues/list.html",
        contexts.build_list(query=query),
        as_json=lambda: contexts.list_as_json(query=query),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    """The form; `?environment=` chooses the first environment beforehand."""
    require_staff(request)
    values = {**NEW, "environments": request.GET.getlist("environment")[:1]}
    return answers.page(request, "queues/form.html", contexts.build_form(values=values))


@answers.allow("GET", "POST")
def queue(request: HttpRequest, name: str) -> HttpResponse:
    """GET: a queue. POST: changes what is given of its fields (`services.setup.queues`)."""
    if request.method == "POST":
        return _update(request, name)
    row = contexts.find(name=name)
    return answers.page(
        request,
        "queues/detail.html",
        contexts.build(row=row),
        as_json=lambda: contexts.as_json(row=row, user=user_of(request)),
    )


@answers.allow("GET")
def edit(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request)
    row = contexts.find(name=name)
    context = contexts.build_form(values=contexts.values_of(row), row=row)
    return answers.page(request, "queues/form.html", context)


@answers.allow("POST")
def enable(request: HttpRequest, name: str) -> HttpResponse:
    return _set_state(request, name, QueueState.ENABLED, "is enabled and takes jobs.")


@answers.allow("POST")
def disable(request: HttpRequest, name: str) -> HttpResponse:
    return _set_state(
        request,
        name,
        QueueState.DISABLED,
        "is disabled: it takes no new jobs. Those it has are still run.",
    )


@answers.allow("GET", "POST")
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST deletes it."""
    return KIND.deleted(
        request,
        name,
        delete=lambda row: delete_queue(queue=row.queue),
        told=f"The queue {name} is being deleted: its jobs are terminated.",
    )


def _create(request: HttpRequest) -> HttpResponse:
    require_staff(request)
    fields = contexts.posted_fields(request)
    try:
        sent = once(
            request,
            make=lambda: create_queue(fields=fields, now=timezone.now()),
            find=found_again(JobQueue.objects, called="queue"),
        )
    except InvalidInput as error:
        return KIND.refused(request, error, values=fields)
    told = AGAIN if sent.is_again else f"The queue {sent.made.name} is made."
    return KIND.done(request, sent.made.name, told, status=201)


def _update(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request)
    row = contexts.find(name=name)
    fields = contexts.posted_fields(request)
    try:
        update_queue(queue=row.queue, fields=fields)
    except InvalidInput as error:
        values = {**contexts.values_of(row), **fields}
        return KIND.refused(request, error, values=values, row=row)
    return KIND.done(request, name, f"The queue {name} is changed.")


def _set_state(request: HttpRequest, name: str, state: QueueState, told: str) -> HttpResponse:
    return KIND.switched(
        request,
        name,
        to=state,
        was=lambda row: row.queue.state,
        change=lambda row: update_queue(queue=row.queue, fields={"state": state}),
        told=told,
    )
