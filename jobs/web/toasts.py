"""What a page says about the step before: a message, and a button that takes the step back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Undo:
    """A post that takes back what was just done: to `url`, by a button that says `label`, with `fields`."""

    url: str
    label: str = "Undo"
    fields: Mapping[str, str] = field(default_factory=dict)


def tell(request: HttpRequest, text: str, *, undo: Undo | None = None) -> None:
    """Shows the text on the next page; with `undo` it stays longer, and has the button."""
    tags = ""
    if undo is not None:
        tags = json.dumps({"url": undo.url, "label": undo.label, "fields": dict(undo.fields)})
    messages.success(request, text, extra_tags=tags)


def undo_of(message: Message) -> Undo | None:
    """The button of a message that `tell` left; the store of messages is signed."""
    if not message.extra_tags:
        return None
    return Undo(**json.loads(message.extra_tags))
