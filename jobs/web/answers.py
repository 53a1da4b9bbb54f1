"""One answer in three forms: a page for browsers, a part of it for htmx, JSON for scripts."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import BadRequest, TooManyFieldsSent
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    QueryDict,
)
from django.http.response import HttpResponseBase
from django.template.context import make_context
from django.template.loader import get_template
from django.utils.cache import patch_vary_headers
from django.utils.html import format_html

from jobs.domain.errors import Conflict, InvalidInput
from jobs.domain.flags import flag
from jobs.domain.validation import FieldError
from jobs.services.requests.once import FIELD as REQUEST_TOKEN

from . import toasts
from .regions import FOUND_REGIONS, WANTED_REGIONS
from .toasts import Undo

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

# By which a view tells the methods that it answers.
METHODS = "allowed_methods"
# Ids of the live parts that static/js/live.js asks for, apart by spaces.
LIVE_REGIONS = "X-Live-Regions"
# What a form sends beside its fields; `once` reads the second by itself.
TOKENS = frozenset({"csrfmiddlewaretoken", REQUEST_TOKEN})
# What an error page says, by status code: a title and what to do now.
ERROR_TEXTS = {
    400: ("This request cannot be understood", "Go back, check what you sent, and try again."),
    401: ("Log in first", "Log in, or send a token: Authorization: Bearer bw_..."),
    403: ("Not allowed", "You are not allowed to do this. An administrator can."),
    404: ("Not found", "It does not exist, or it is not yours to see."),
    405: ("That method does not work here", "Use the page's own buttons, or see its Allow header."),
    409: ("Too late", "It has changed meanwhile. Look at its present state and decide again."),
    413: ("Too large", "Send less at once."),
    503: ("Cannot be read now", "An administrator finds the cause in the server's log."),
    500: ("Something broke on our side", "It has been logged. Try again in a moment."),
}

# Of a post: a second click, or a page that was left open.
GONE_MEANWHILE = (
    "It is gone already",
    "Nothing was changed: it was deleted before, or it is not yours to see.",
)


class MethodNotAllowed(Exception):
    """The view does not answer this method; `allowed` are those it does."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(f"Only {', '.join(allowed)} here.")


def wants_json(request: HttpRequest) -> bool:
    """Whether the sender prefers JSON to a page. `*/*` and no header at all mean a page for browsers,
    but JSON for who brings a token or a JSON body: those are scripts."""
    if _format_in_url(request) == "json":
        # A link cannot set headers.
        return True
    best = request.get_preferred_type(["text/html", "application/json"])
    accept = request.headers.get("Accept", "*/*").strip()
    if accept == "text/event-stream":
        # What is no stream of events is an error.
        return True
    if accept in ("*/*", ""):
        return is_script(request)
    return best == "application/json"


def _format_in_url(request: HttpRequest) -> str:
    try:
        return request.GET.get("format", "")
    except TooManyFieldsSent:
        # That error's own answer is made here, too.
        return ""


def is_script(request: HttpRequest) -> bool:
    """Whether no browser sent this: it carries a bearer token or a JSON body."""
    return "Authorization" in request.headers or request.content_type == "application/json"


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page (boosted links and restored history want all of it)."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def allow(*methods: str) -> Callable[[View[P]], View[P]]:
    """Refuses other methods with a readable 405. HEAD comes with GET."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if request.method not in methods and not (
                request.method == "HEAD" and "GET" in methods
            ):
                raise MethodNotAllowed(methods)
            return view(request, *args, **kwargs)

        setattr(checked, METHODS, frozenset(methods))
        return checked

    return decorate


def page(
    request: HttpRequest,
    template_name: str,
    context: Mapping[str, Any],
    *,
    as_json: Callable[[], Mapping[str, Any]] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page; for scripts what `as_json` gives; for htmx only the regions that it asks for.

    Values of `context` may be functions without arguments: those of other regions are never called.
    """
    if as_json is not None and wants_json(request):
        response: HttpResponse = JsonResponse(as_json(), status=status)
    else:
        response = HttpResponse(_html(request, template_name, context), status=status)
    return _for_who_asked(response)


def _for_who_asked(response: HttpResponse) -> HttpResponse:
    """Tells caches that another way of asking has another answer: a part of a page is no page to go back to."""
    patch_vary_headers(
        response, ("Accept", "HX-Request", "HX-Target", LIVE_REGIONS, "Authorization")
    )
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _html(request: HttpRequest, template_name: str, context: Mapping[str, Any]) -> str:
    template = get_template(template_name)
    full = {"layout": "base.html", **context}
    if not wants_fragment(request):
        return _render(template, full, request)
    live = request.headers.get(LIVE_REGIONS, "").split()
    # htmx names its target as `tag#id`.
    target = request.headers.get("HX-Target", "").partition("#")[2]
    found: dict[str, str] = {}
    parts = {
        "layout": "fragment.html",
        WANTED_REGIONS: frozenset(live or [target]),
        FOUND_REGIONS: found,
    }
    html = _render(template, {**full, **parts}, request)
    if live:
        return "".join(_partial(name, region) for name, region in found.items())
    return found.get(target, html)


def _render(template: Any, values: dict[str, Any], request: HttpRequest) -> str:
    """As the template does it. But a context refers to itself: what a page has read would be left to the
    collector of garbage, which takes tens of milliseconds in the midst of some other answer."""
    context = make_context(values, request, autoescape=template.backend.engine.autoescape)
    html: str = template.template.render(context)
    context.dicts.clear()
    return html


def _partial(name: str, region: str) -> str:
    """A part that htmx puts in its own place, whatever the request's target was."""
    return format_html(
        '<template hx type="partial" hx-target="#{}" hx-swap="outerMorph">{}</template>',
        name,
        region,
    )


def done(
    request: HttpRequest,
    *,
    to: str,
    message: str = "",
    as_json: Mapping[str, Any] | None = None,
    status: int = 200,
    undo: Undo | None = None,
) -> HttpResponse:
    """The answer to a form post that worked: go to `to` and show `message`, or JSON for scripts.

    `status` is that of the JSON answer; 201 also brings a Location. `undo` is a button beside the message.
    """
    if wants_json(request):
        response: HttpResponse = JsonResponse(dict(as_json or {}), status=status)
        if status == 201:
            response["Location"] = to
        return response
    if message:
        toasts.tell(request, message, undo=undo)
    if wants_fragment(request):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = to
        return response
    return HttpResponseRedirect(to)


def refused(
    request: HttpRequest,
    error: InvalidInput | Conflict,
    template_name: str,
    context: Callable[[dict[str, list[str]]], Mapping[str, Any]],
) -> HttpResponse:
    """The answer to a form, or to a page's filters, that were refused: the same page, with what is wrong.

    `context` is given the texts by field; a conflict, which is of no field, has its text under "". For scripts the
    error goes on: it is answered as any.
    """
    if wants_json(request):
        raise error
    if isinstance(error, InvalidInput):
        return page(request, template_name, context(error.errors), status=400)
    return page(request, template_name, context({"": [str(error)]}), status=409)


def invalid_as_json(error: InvalidInput) -> JsonResponse:
    """400 with the texts of each field: what the page shows beside its fields."""
    return JsonResponse({"message": str(error), "errors": error.errors}, status=400)


def error(
    request: HttpRequest,
    status: int,
    message: str = "",
    headers: Mapping[str, str] | None = None,
    *,
    for_scripts: bool = False,
) -> HttpResponse:
    """An error as a page, or as `{"message": ...}` for scripts."""
    title, advice = ERROR_TEXTS[status]
    if status == 404 and request.method == "POST":
        title, advice = GONE_MEANWHILE
    if for_scripts or wants_json(request):
        response: HttpResponse = JsonResponse({"message": message or title}, status=status)
    elif LIVE_REGIONS in request.headers:
        response = _not_renewed(request, status, message)
    else:
        context = {"status": status, "title": title, "message": message, "advice": advice}
        context["layout"] = "fragment.html" if wants_fragment(request) else "base.html"
        html = get_template("error.html").render(context, request)
        response = HttpResponse(html, status=status)
        if wants_fragment(request):
            # A part of a page must not be replaced by an error: it goes to the toasts.
            response["HX-Retarget"] = "#toasts"
            response["HX-Reswap"] = "beforeend"
    for name, value in (headers or {}).items():
        response[name] = value
    return _for_who_asked(response)


def _not_renewed(request: HttpRequest, status: int, message: str) -> HttpResponse:
    """Live parts of a page stay as they are; that its thing is gone is told at its top (`#gone`).

    Nobody asked for this by a click; the next signal asks again.
    """
    html = ""
    if status == 404:
        told = get_template("includes/gone.html").render({"message": message}, request)
        html = _partial("gone", told)
    response = HttpResponse(html, status=status)
    response["HX-Reswap"] = "none"
    return response


def posted(request: HttpRequest) -> dict[str, object]:
    """The fields of a form post or of a JSON object; the form's tokens are left out.

    A form's line ends are LF, as typed: browsers send each as CR LF (HTML, "Constructing the entry list"), which
    would break scripts. Raises BadRequest on a body that is neither, or that holds text which is not valid Unicode.
    """
    if request.content_type == "application/json":
        fields = json_object(request.body) if request.body else {}
        return {name: fields[name] for name in fields if name not in TOKENS}
    form: QueryDict = request.POST
    return {name: _with_lf(form.get(name)) for name in form if name not in TOKENS}


def _with_lf(value: object) -> object:
    # The administration of users puts a number of its own among the fields that came.
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def json_object(body: bytes) -> dict[str, object]:
    """The object that a JSON text in UTF-8 holds. Raises BadRequest, which says what is wrong with it."""
    try:
        value = json.loads(body.decode("utf-8"))
        # Half of a surrogate pair is legal in JSON but is no text: no database could keep it.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as problem:
        raise BadRequest(f"The body is not valid JSON in UTF-8: {problem}"[:300]) from None
    if not isinstance(value, dict):
        raise BadRequest('The body must be a JSON object, such as {"name": "hello"}.')
    return value


def flag_field(fields: Mapping[str, object], name: str) -> bool:
    """A field as true or false, false where it is missing; InvalidInput if it is something else."""
    try:
        return flag(fields.get(name))
    except FieldError as error:
        raise InvalidInput({name: error.texts}) from None


def text_field(fields: Mapping[str, object], name: str, default: str = "") -> str:
    """A field as text; InvalidInput if it is something else."""
    value = fields.get(name, default)
    if value is None:
        return default
    if not isinstance(value, str):
        raise InvalidInput({name: ["This is a text."]})
    return value


def endpoint_url(request: HttpRequest) -> str:
    """This server's URL as the request came, for AWS's clients."""
    return request.build_absolute_uri("/").rstrip("/")
