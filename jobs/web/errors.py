"""Django's own errors (no such URL, CSRF, a bug) in the same form as ours."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse

from . import answers

MIB = 1024 * 1024


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return too_large(request, exception) or answers.error(request, 400)


def too_large(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """The answer, with the limit, to a request that is larger than Django reads; None for other errors."""
    if isinstance(exception, RequestDataTooBig):
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE / MIB
        return answers.error(request, 413, f"A request has at most {limit:g} MiB.")
    if isinstance(exception, TooManyFieldsSent):
        limit = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        return answers.error(request, 400, f"A form has at most {limit} fields.")
    if isinstance(exception, TooManyFilesSent):
        limit = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        return answers.error(
            request, 413, f"A form has at most {limit} files. Batchweb takes none."
        )
    return None


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answers.error(request, 403, str(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answers.error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return answers.error(request, 500)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form was too old, or came from another page."""
    return answers.error(
        request,
        403,
        "This form is no longer valid, perhaps because you logged in again meanwhile. "
        "Go back, reload the page and send it again. Scripts send a bearer token instead.",
    )
