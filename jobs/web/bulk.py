"""Actions on many jobs at once: started here, carried out by workers, watched on a page of their own."""

from collections.abc import Callable, Sequence

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain.bulk import NONE_MATCHES
from jobs.domain.errors import InvalidInput
from jobs.domain.validation import Checker
from jobs.models import BulkAction, BulkKind
from jobs.selectors.bulk import find_bulk
from jobs.services.requests.bulk import start_bulk, stop_bulk, undo_bulk

from . import answers
from .access import user_of
from .contexts import bulk as contexts
from .contexts import undo as undo_contexts
from .once import AGAIN, once
from .permissions import address_of

FIELDS = frozenset({"action", "job", "all", "query", "reason", "confirmed", "newest"})


@answers.allow("GET", "POST")
def start(request: HttpRequest) -> HttpResponse:
    """GET: bulk actions, newest first. POST starts one: an `action` (cancel, terminate, rerun) on the chosen jobs
    (`job`, once for each; a list in JSON).

    With `all` it is on all jobs that match the list's filters, which are in `query` as in the list's URL;
    people are asked first, and with `newest`, a job's id, none that is newer is among them. A field or a filter that
    there is not is refused: a slip must not widen the choice.
    Scripts get 202 and the URL to watch.
    """
    if request.method != "POST":
        return _list(request)
    fields = _posted(request)
    user, kind = user_of(request), _kind(fields.get("action"))
    reason = answers.text_field(fields, "reason")
    query = answers.text_field(fields, "query")
    takes_all = answers.flag_field(fields, "all")
    if (
        takes_all
        and not answers.wants_json(request)
        and not answers.flag_field(fields, "confirmed")
    ):
        context = contexts.build_confirmation(
            user=user, kind=kind, query_string=query, reason=reason
        )
        return answers.page(request, "jobs/bulk_confirm.html", context)

    chosen, note = _matching(user, kind, fields) if takes_all else _chosen(request, fields)

    def begin() -> BulkAction:
        if not chosen:
            raise InvalidInput({"query": [note or NONE_MATCHES]})
        return start_bulk(
            owner=user,
            kind=kind,
            job_ids=chosen,
            reason=reason,
            now=timezone.now(),
            address=address_of(request),
        )

    return _started(request, begin, note)


def _list(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    return answers.page(
        request,
        "jobs/bulk_list.html",
        contexts.build_list(user=user, query=request.GET),
        as_json=lambda: contexts.list_as_json(user=user, query=request.GET),
    )


def _posted(request: HttpRequest) -> dict[str, object]:
    fields = answers.posted(request)
    checker = Checker()
    checker.only(fields, FIELDS)
    checker.done()
    return fields


def _matching(
    user: User, kind: BulkKind, fields: dict[str, object]
) -> tuple[Sequence[object], str]:
    """All that match, and what to know of the choice.

    Sought before `once` opens its transaction: others should not wait for the database meanwhile.
    """
    found = contexts.all_that_match(
        user=user,
        kind=kind,
        query_string=answers.text_field(fields, "query"),
        newest=answers.text_field(fields, "newest"),
    )
    return found.job_ids, contexts.looked_at(found)


def _started(request: HttpRequest, begin: Callable[[], BulkAction], note: str) -> HttpResponse:
    user = user_of(request)
    try:
        sent = once(request, make=begin, find=lambda pk: find_bulk(user=user, bulk_id=int(pk)))
    except InvalidInput as error:
        # The service's names for what this form calls otherwise.
        raise InvalidInput(
            {"job" if field == "job_ids" else field: texts for field, texts in error.errors.items()}
        ) from None
    action = sent.made
    return answers.done(
        request,
        to=reverse("bulk", args=[action.pk]),
        message=AGAIN if sent.is_again else f"{_begun(action)} {note}".strip(),
        as_json={**contexts.as_json(action), "is_cut": bool(note)},
        status=202,
        undo=None if sent.is_again else undo_contexts.of_bulk(action),
    )


@answers.allow("GET")
def bulk(request: HttpRequest, bulk_id: int) -> HttpResponse:
    """How far an action is, and what became of each job."""
    user, query = user_of(request), contexts.BulkQuery(request.GET)
    action = find_bulk(user=user, bulk_id=bulk_id)
    return answers.page(
        request,
        "jobs/bulk.html",
        contexts.build(action, user=user, query=query),
        as_json=lambda: contexts.with_results(action, user=user, query=query),
    )


@answers.allow("POST")
def stop(request: HttpRequest, bulk_id: int) -> HttpResponse:
    """Leaves the rest of its jobs as it is."""
    user = user_of(request)
    action = find_bulk(user=user, bulk_id=bulk_id)
    stopped = stop_bulk(action_id=action.pk, now=timezone.now())
    action = find_bulk(user=user, bulk_id=bulk_id)
    left = action.total - action.done
    told = f"Stopped: {left} job{'s' if left != 1 else ''} left as they are."
    return answers.done(
        request,
        to=reverse("bulk", args=[action.pk]),
        message=told if stopped else "It had finished already.",
        as_json=contexts.as_json(action),
    )


@answers.allow("POST")
def undo(request: HttpRequest, bulk_id: int) -> HttpResponse:
    """Stops the rest, and takes back what was done: by an action of its own (202), the same one each time."""
    user = user_of(request)
    action = find_bulk(user=user, bulk_id=bulk_id)
    made = undo_bulk(action_id=action.pk, by=user, now=timezone.now(), address=address_of(request))
    if made is None:
        action = find_bulk(user=user, bulk_id=bulk_id)
        return answers.done(
            request,
            to=reverse("bulk", args=[action.pk]),
            message="Nothing was done yet, so there is nothing to take back. The rest is left as it is.",
            as_json=contexts.as_json(action),
        )
    return answers.done(
        request,
        to=reverse("bulk", args=[made.pk]),
        message=_begun(made),
        as_json=contexts.as_json(made),
        status=202,
    )


def _begun(action: BulkAction) -> str:
    verb, _ = contexts.VERBS[BulkKind(action.kind)]
    return f"{verb} {action.total} job{'s' if action.total != 1 else ''}: begun."


def _kind(value: object) -> BulkKind:
    text = value.strip().upper() if isinstance(value, str) else ""
    if text not in BulkKind.values:
        names = ", ".join(kind.lower() for kind in BulkKind.values)
        raise InvalidInput({"action": [f"An action is one of {names}."]})
    return BulkKind(text)


def _chosen(request: HttpRequest, fields: dict[str, object]) -> tuple[Sequence[object], str]:
    given = fields.get("job") if request.content_type == "application/json" else None
    chosen = request.POST.getlist("job") if given is None else given
    if not isinstance(chosen, list) or not chosen:
        raise InvalidInput({"job": ["Choose at least one job."]})
    return chosen, ""
