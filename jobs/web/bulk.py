"""Actions on many jobs at once: started here, carried out by workers, watched on a page of their own."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain.bulk import NONE_MATCHES
from jobs.domain.errors import InvalidInput
from jobs.domain.flags import flag
from jobs.domain.validation import Checker, FieldError
from jobs.models import BulkKind
from jobs.selectors.bulk import find_bulk
from jobs.services.requests.bulk import start_bulk

from . import answers
from .access import user_of
from .contexts import bulk as contexts

FIELDS = frozenset({"action", "job", "all", "query", "reason", "confirmed"})


@answers.allow("POST")
def start(request: HttpRequest) -> HttpResponse:
    """Starts an `action` (cancel, terminate, rerun) on the chosen jobs (`job`, once for each; a list in JSON).

    With `all` it is on all jobs that match the list's filters, which are in `query` as in the list's URL;
    people are asked first. A field or a filter that there is not is refused: a slip must not widen the choice.
    Scripts get 202 and the URL to watch.
    """
    fields = answers.posted(request)
    checker = Checker()
    checker.only(fields, FIELDS)
    checker.done()
    user, kind = user_of(request), _kind(fields.get("action"))
    reason = answers.text_field(fields, "reason")
    query = answers.text_field(fields, "query")
    if _flag(fields, "all"):
        if not answers.wants_json(request) and not _flag(fields, "confirmed"):
            context = contexts.build_confirmation(
                user=user, kind=kind, query_string=query, reason=reason
            )
            return answers.page(request, "jobs/bulk_confirm.html", context)
        filters = contexts.read_filters(query)
        chosen: list[object] = [*contexts.all_that_match(user=user, kind=kind, filters=filters)]
        if not chosen:
            raise InvalidInput({"query": [NONE_MATCHES]})
    else:
        chosen = _chosen(request, fields)
    try:
        action = start_bulk(
            owner=user, kind=kind, job_ids=chosen, reason=reason, now=timezone.now()
        )
    except InvalidInput as error:
        # The service's names for what this form calls otherwise.
        raise InvalidInput(
            {"job" if field == "job_ids" else field: texts for field, texts in error.errors.items()}
        ) from None
    return answers.done(
        request,
        to=reverse("bulk", args=[action.pk]),
        as_json=contexts.as_json(action),
        status=202,
    )


@answers.allow("GET")
def bulk(request: HttpRequest, bulk_id: int) -> HttpResponse:
    """How far an action is."""
    action = find_bulk(user=user_of(request), bulk_id=bulk_id)
    return answers.page(
        request,
        "jobs/bulk.html",
        contexts.build(action),
        as_json=lambda: contexts.as_json(action),
    )


def _kind(value: object) -> BulkKind:
    text = value.strip().upper() if isinstance(value, str) else ""
    if text not in BulkKind.values:
        names = ", ".join(kind.lower() for kind in BulkKind.values)
        raise InvalidInput({"action": [f"An action is one of {names}."]})
    return BulkKind(text)


def _chosen(request: HttpRequest, fields: dict[str, object]) -> list[object]:
    given = fields.get("job") if request.content_type == "application/json" else None
    chosen = request.POST.getlist("job") if given is None else given
    if not isinstance(chosen, list) or not chosen:
        raise InvalidInput({"job": ["Choose at least one job."]})
    return chosen


def _flag(fields: dict[str, object], name: str) -> bool:
    try:
        return flag(fields.get(name))
    except FieldError as error:
        raise InvalidInput({name: error.texts}) from None
