"""The filters of the list of jobs that are set, for where their fields are folded away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

# In the order of the form. What is sought has its field on show.
LABELS = {
    "queue": "Queue",
    "status": "Status",
    "name": "Name",
    "definition": "Definition",
    "tag": "Tag",
    "owner": "Owner",
    "from": "From",
    "to": "Until",
    "ended_from": "Ended from",
    "ended_to": "Ended until",
    "on_request": "Cancelled or terminated",
    "children": "Children of arrays",
    "sort": "Order",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the list without it."""

    label: str
    value: str
    url: str


def chips(parts: Sequence[tuple[str, str]], *, sorts: Mapping[Any, str]) -> list[Chip]:
    """One for each of the query's `parts` (`JobQuery.parts`); `sorts` has the words of each order."""
    return [
        Chip(
            label=LABELS[name],
            value=sorts[value] if name == "sort" else value,
            url=_url([*parts[:at], *parts[at + 1 :]]),
        )
        for at, (name, value) in enumerate(parts)
        if name in LABELS
    ]


def _url(parts: Sequence[tuple[str, str]]) -> str:
    return reverse("jobs") + (f"?{urlencode(parts)}" if parts else "")
