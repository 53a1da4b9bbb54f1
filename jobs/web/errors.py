"""Django's own errors (no such URL, CSRF, a bug) in the same form as ours."""

from django.http import HttpRequest, HttpResponse

from . import answers


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return answers.error(request, 400)


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
