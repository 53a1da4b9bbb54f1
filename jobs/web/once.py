"""Forms that carry a `request_token`: see `services.requests.once`."""

from collections.abc import Callable
from typing import TypeVar

from django.db.models import Manager, Model
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from jobs.domain.errors import NotFound
from jobs.selectors.made import row_made
from jobs.services.requests import once as service
from jobs.services.requests.once import FIELD, HasId, Once

from . import answers
from .access import user_of

T = TypeVar("T", bound=HasId)
Row = TypeVar("Row", bound=Model)
AGAIN = (
    "Done already: this form was sent before, and this is what it made. "
    "Reload its page to do it once more."
)
DONE_ALREADY = "Done already: this form was sent twice, and counts once."
GONE = "The {called} that this form made was deleted since. Reload the form's page to make another."


@sensitive_variables()
def once(request: HttpRequest, *, make: Callable[[], T], find: Callable[[str], T]) -> Once[T]:
    """What the post makes, or has made when the same form was sent before (`{% request_token %}`).

    Scripts may send a `request_token` of their own, such as a UUID, to try again safely.
    """
    sent: dict[str, object]
    token: object
    if request.content_type == "application/json":
        sent = answers.json_object(request.body) if request.body else {}
        token = sent.get(FIELD)
    else:
        token = request.POST.get(FIELD)
        lists = dict(request.POST.lists())
        sent = {name: lists[name] for name in lists if name != "csrfmiddlewaretoken"}
    return service.once(
        owner=user_of(request),
        token=token,
        sent=[request.path, sent],
        make=make,
        find=find,
        now=timezone.now(),
    )


def found_again(rows: Manager[Row], *, called: str) -> Callable[[str], Row]:
    """`find` of `once` for what has a row of its own; it raises NotFound if that was deleted since."""

    def find(row_id: str) -> Row:
        row = row_made(rows=rows, row_id=int(row_id))
        if row is None:
            raise NotFound(GONE.format(called=called))
        return row

    return find
