"""Texts in which a job is named by its id, with links to it."""

import re

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from jobs.domain import ids

from . import plaintext

_JOB_ID = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?::[0-9]{1,4}\b)?)")
_IN_BRACKETS = re.compile(rf" \({_JOB_ID.pattern}\)")


def with_job_links(text: str) -> SafeString:
    """The text, safe to show, each id of a job in it a link. What only looks like one stays as it is."""
    # Every other piece is an id.
    pieces = enumerate(_JOB_ID.split(text))
    return format_html_join(
        "",
        "{}",
        ((_link(each) if index % 2 else plaintext.visible(each),) for index, each in pieces),
    )


def without_job_ids(text: str) -> str:
    """The text without the ids that stand in brackets behind jobs' names, for where there is little room."""
    return _IN_BRACKETS.sub("", text)


def _link(text: str) -> str:
    try:
        url = reverse("job", args=[ids.id_of(text)])
    except ValueError:
        return text
    return format_html('<a href="{}">{}</a>', url, text)
