"""Template tags and filters of the dashboard; settings make them built in, so no template loads them."""

import re
import secrets
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from uuid import UUID

from django import template
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.messages.storage.base import Message
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from jobs.domain import ids, money, resources
from jobs.models import ArraySummary, Attempt, Job
from jobs.scheduling.reasons import split_reason
from jobs.selectors import jobs as selectors
from jobs.selectors.realm import arns

from . import offers as page_offers
from . import plaintext, sections, toasts
from .contexts import status_notes
from .contexts.costs import Figure
from .joblinks import with_job_links
from .regions import is_drawn
from .toasts import Undo

register = template.Library()

STATUS_ICONS = {
    "SUBMITTED": "inbox",
    "PENDING": "hourglass",
    "RUNNABLE": "clock",
    "STARTING": "cloud-download",
    "RUNNING": "player-play",
    "SUCCEEDED": "circle-check",
    "FAILED": "circle-x",
}
# What has ended comes first, so that a bar fills from the left.
BAR_ORDER = ("SUCCEEDED", "FAILED", "RUNNING", "STARTING", "RUNNABLE", "PENDING", "SUBMITTED")
# The largest unit first: a relative time is told in the first that it fills.
TIME_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
NO_FIGURE = mark_safe('<span class="text-secondary">–</span>')


@register.simple_tag
@cache
def icon(name: str, classes: str = "") -> SafeString:
    """A decorative icon of static/vendor/icons.svg (script/vendor lists them).

    Each is made once: rows of tables have several, and the file's address is dear. Names are the code's own.
    """
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        classes,
        static("vendor/icons.svg"),
        name,
    )


@register.simple_tag
def status(name: str) -> SafeString:
    """A state as a badge: word, icon and colour, so that none has to be told by colour alone."""
    return format_html(
        '<span class="badge bw-status bw-{}">{}{}</span>',
        str(name).lower(),
        icon(STATUS_ICONS.get(str(name), "circle-dashed")),
        name,
    )


@register.simple_tag
def ago(at: datetime | None, empty: str = "–") -> SafeString:
    """A moment as "3 min ago"; the exact time is in the tooltip, in the viewer's zone (app.js)."""
    if at is None:
        return format_html('<span class="text-secondary">{}</span>', empty)
    return format_html(
        '<time datetime="{}" title="{} UTC" data-ago>{}</time>',
        at.isoformat(),
        at.strftime("%Y-%m-%d %H:%M:%S"),
        relative((timezone.now() - at).total_seconds()),
    )


@register.simple_tag
def soon(at: datetime | None, empty: str = "–") -> SafeString:
    """A moment to come as "in 3 min". It is a guess: one that is over is still to come, "in a moment"."""
    if at is None:
        return ago(at, empty)
    seconds = min((timezone.now() - at).total_seconds(), -1)
    return format_html(
        '<time datetime="{}" title="{} UTC" data-ago="ahead">{}</time>',
        at.isoformat(),
        at.strftime("%Y-%m-%d %H:%M:%S"),
        relative(seconds),
    )


@register.simple_tag
def clock(at: datetime | None, empty: str = "–") -> SafeString:
    """A moment as its time of day (app.js turns it to the viewer's zone)."""
    if at is None:
        return format_html('<span class="text-secondary">{}</span>', empty)
    return format_html(
        '<time datetime="{}" title="{} UTC" data-clock>{}</time>',
        at.isoformat(),
        at.strftime("%Y-%m-%d %H:%M:%S"),
        at.strftime("%H:%M:%S"),
    )


@register.simple_tag
def ticking(since: datetime, until: datetime | None = None) -> SafeString:
    """The time from `since` to `until`; without an end it goes on in the browser, second by second."""
    seconds = ((until or timezone.now()) - since).total_seconds()
    if until is not None:
        return format_html("<span>{}</span>", duration(seconds))
    return format_html(
        '<span data-since="{}" class="bw-ticking">{}</span>',
        since.isoformat(),
        # In whole seconds, as the browser goes on.
        whole_duration(int(seconds)),
    )


@register.simple_tag
def copy(text: object, label: str = "Copy") -> SafeString:
    """A button that copies `text`. Without JavaScript it is not shown."""
    return format_html(
        '<button type="button" class="bw-copy" data-copy="{}" title="{}" aria-label="{}">{}</button>',
        text,
        label,
        label,
        icon("copy"),
    )


@register.simple_tag
def arn(kind: str, name: object) -> SafeString:
    """The ARN of a thing of this kind (`domain.arns`), with a button that copies it."""
    text = arns().of(kind, name)
    return format_html('<code class="bw-arn">{}</code> {}', text, copy(text, "Copy the ARN"))


@register.simple_tag
def request_token() -> SafeString:
    """A hidden input by which the same form, sent twice, does what it does once (`services.requests.once`).

    Renewing a live part keeps it, so both clicks of a double click send the same.
    """
    return format_html(
        '<input type="hidden" name="request_token" value="{}" data-keep>', secrets.token_urlsafe(18)
    )


@register.filter
def undo_of(message: Message) -> Undo | None:
    """The button that takes back what a message tells of, if it has one."""
    return toasts.undo_of(message)


@register.simple_tag
def array_bar(summary: ArraySummary) -> SafeString:
    """How far an array is: a bar with a part for each status, its numbers in the tooltip and for readers."""
    counts = {str(status): count for status, count in summary.counts().items()}
    total = max(summary.total, 1)
    parts, words, x = [], [], 0.0
    for name in BAR_ORDER:
        if not counts[name]:
            continue
        width = counts[name] * 100 / total
        parts.append((f"{x:.2f}", f"{width:.2f}", name.lower()))
        words.append(f"{counts[name]} {name}")
        x += width
    told = ", ".join(words)
    return format_html(
        '<svg class="bw-array-bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><title>{}</title>{}</svg>',
        told,
        told,
        format_html_join(
            "", '<rect x="{}" y="0" width="{}" height="6" class="bw-{}"></rect>', parts
        ),
    )


@register.filter
def section_of(url_name: str | None) -> str:
    """Which entry of the header the page of this URL is below."""
    return sections.section_of(url_name)


@register.simple_tag
def child_url(array_id: UUID, index: int) -> str:
    """The page of an array's child."""
    return reverse("job", args=[ids.child_id(array_id, index)])


@register.filter
def thousands(number: int) -> str:
    """A number as people read it, such as 12,345."""
    return f"{number:,}"


@register.filter
def job_id(pk: UUID) -> str:
    """A job's id as AWS Batch writes it: a child's is `<array>:<index>`."""
    return ids.text_of(pk)


@register.filter
def container_state(attempt: Attempt) -> str:
    """A container's state in a job's words, for its badge."""
    if attempt.ended_at is not None:
        return "SUCCEEDED" if attempt.exit_code == 0 else "FAILED"
    if attempt.started_at is not None:
        return "RUNNING"
    return "STARTING"


def relative(seconds: float) -> str:
    """Seconds ago, in words: "just now", "5 min ago"; what is to come is negative: "in a moment", "in 2 h"."""
    amount, is_to_come = abs(int(seconds)), seconds < 0
    if amount < 10:
        return "in a moment" if is_to_come and amount else "just now"
    size, unit = next(((size, unit) for size, unit in TIME_UNITS if amount >= size), (1, "s"))
    text = f"{amount // size} {unit}"
    return f"in {text}" if is_to_come else f"{text} ago"


@register.filter
def status_note(job: Job) -> status_notes.StatusNote | None:
    """What there is to say beside the status of a job."""
    return status_notes.status_note(job)


@register.simple_tag
def wait_reason(text: str) -> SafeString:
    """Why a job waits: the code as a small label that may break at its joints, then the words.

    A job that they name by its id, which they do to its owner alone, is a link.
    """
    code, detail = split_reason(text)
    words = format_html("<span>{}</span>", with_job_links(detail))
    if code is None:
        return words
    return format_html("{} {}", wait_code(code), words)


@register.simple_tag
def wait_code(code: str) -> SafeString:
    """The code of a text of waiting alone: what a stranger may read of it."""
    pieces = ((piece,) for piece in re.split(r"(?<=[:_])", code))
    label = format_html_join(mark_safe("<wbr>"), "{}", pieces)
    return format_html('<span class="bw-code">{}</span>', label)


@register.filter
def may_see(user: User | AnonymousUser, job: Job) -> bool:
    """`user|may_see:job`: whether a page may name the job to him."""
    return selectors.may_see(user, job)


@register.simple_tag(takes_context=True)
def offers(context: template.RequestContext, view_name: str, **arguments: object) -> bool:
    """Whether the page offers what this view does, to the page's own thing or to that of these arguments of a URL.

    Not where it would be refused. Inside a live part it is asked inside, for outside of those drawn nothing is.
    """
    if not is_drawn(context):
        return False
    request = context.request
    match = request.resolver_match
    return page_offers.offers(request, view_name, arguments or (match.kwargs if match else {}))


@register.simple_tag(takes_context=True)
def withheld(context: template.RequestContext) -> SafeString:
    """What the page has not offered, as a policy denies it, with the reason: the actions since this was asked last."""
    rows = page_offers.withheld(context.request)
    if not rows:
        return SafeString("")
    return SafeString(render_to_string("includes/withheld.html", {"rows": rows}))


@register.filter
def cannot_start(job: Job) -> bool:
    """Whether a RUNNABLE job waits for a change by somebody, not for room."""
    return status_notes.is_misconfigured(job)


@register.simple_tag
def stop_grace_seconds() -> int:
    """How many seconds a container has between SIGTERM and SIGKILL."""
    return int(settings.BATCHWEB_STOP_GRACE_SECONDS)


@register.filter
def visible(text: object) -> str:
    """Text by others, with control characters and switches of direction made visible."""
    return plaintext.visible(str(text))


@register.filter
def short_id(job_id: object) -> str:
    """The end of a UUID. Its beginning is a time, so neighbours in a list share it."""
    return str(job_id)[-12:]


@register.filter
def duration(seconds: float | Decimal | None) -> str:
    """Seconds as people say them: "0 s", "0.4 s", "12 s", "3 min 5 s", "2 h 4 min", "3 d 1 h"."""
    if seconds is None:
        return "–"
    tenths = Decimal(str(seconds)).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if 0 < tenths < 10:
        return f"{tenths} s"
    return whole_duration(int(tenths))


def whole_duration(seconds: int) -> str:
    """The same in whole seconds, as static/js/app.js writes a time that still grows."""
    whole = max(0, seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


@register.filter
def vcpus(milli_vcpus: int | None) -> str:
    """Thousandths of a vCPU as people write vCPUs: "2", "0.25"."""
    return "–" if milli_vcpus is None else resources.format_vcpus(milli_vcpus)


@register.filter
def memory(memory_mib: int | None) -> str:
    """MiB in the unit that reads best: "512 MiB", "2 GiB"."""
    return "–" if memory_mib is None else resources.format_memory(memory_mib)


@register.filter
def usd(amount: Decimal | None) -> str:
    """Dollars with as many decimals as still say something: "$12.30", "$0.0042", "$0.000021", "< $0.000001"."""
    return "–" if amount is None else money.dollars(amount)


@register.filter
def figure(shown: Figure) -> SafeString:
    """An amount of a cost that leads to the rows it is the sum of, the exact one in its tooltip.

    A page of costs has hundreds, for each of which a template would take ten times as long.
    """
    if not shown.usd:
        return NO_FIGURE
    exact = f"{shown.usd:f}"
    return format_html(
        '<a class="bw-num" href="{}" title="${}" data-figure="{}">{}</a>',
        *(shown.url, exact, exact, money.dollars(shown.usd)),
    )


@register.simple_tag
def share_bar(part: float, fair_part: float) -> SafeString:
    """A bar for a part of 1, with a mark at another. Its numbers stand beside it in words."""
    return format_html(
        '<svg class="bw-share-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"'
        ' focusable="false"><rect class="bw-share-used" width="{}" height="8"></rect>'
        '<rect class="bw-share-fair" x="{}" width="1" height="8"></rect></svg>',
        round(min(part, 1.0) * 100, 2),
        round(min(fair_part * 100, 99.0), 2),
    )
