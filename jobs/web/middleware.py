"""Headers and errors that are the same for every answer."""

import codecs
import logging
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from jobs.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from jobs.selectors.logs.lines import LogUnreadable

from . import answers
from .errors import too_large

logger = logging.getLogger("batchweb.web")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The pages of Django's admin and of django-rq bring inline scripts and styles of their own.
ADMIN_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ADMIN_PATH = "/admin/"


class ContentSecurityPolicyMiddleware:
    """Lets a page use this server's own files only: what a user wrote can never run as a script."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        in_admin = request.path_info.startswith(ADMIN_PATH)
        policy = ADMIN_CONTENT_SECURITY_POLICY if in_admin else CONTENT_SECURITY_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


class CompressionMiddleware(GZipMiddleware):
    """Compresses pages on their way: a long list is a tenth of its size.

    What is streamed is left alone (an event would wait for the next), and so are live parts: many viewers ask for
    those at once, and they are small.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.streaming or answers.LIVE_REGIONS in request.headers:
            return response
        compressed: HttpResponseBase = super().process_response(request, response)
        return compressed


class EncodingMiddleware:
    """Refuses forms in other encodings than UTF-8: some (UTF-7) can spell what is no text at all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        encoding = request.encoding
        if encoding and codecs.lookup(encoding).name not in {"utf-8", "ascii"}:
            request.encoding = "utf-8"
            return answers.error(request, 400, "Send it in UTF-8.")
        return self.get_response(request)


class ErrorAnswerMiddleware:
    """Turns the errors of `jobs.domain.errors` into answers in the form that the sender wants."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """The answer to an error that a sender can cause; None for all others."""
        if isinstance(exception, InvalidInput):
            if answers.wants_json(request):
                return answers.invalid_as_json(exception)
            return answers.error(request, 400, str(exception))
        if isinstance(exception, answers.MethodNotAllowed):
            allowed = {"Allow": ", ".join(exception.allowed)}
            return answers.error(request, 405, str(exception), allowed)
        for kind, status in STATUS_OF_ERROR:
            if isinstance(exception, kind):
                return answers.error(request, status, str(exception))
        return too_large(request, exception)


STATUS_OF_ERROR: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (LogUnreadable, 503),
    (Unavailable, 503),
    (BadRequest, 400),
)
