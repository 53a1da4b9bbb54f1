"""Texts that try to be more than text, and a world whose every free text is one of them."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Model

from jobs import models

# What a page must never hold as it stands: control characters, switches of direction, what is not seen at all.
UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
MARKUP = re.compile(r"<(script>evil|img src=evil|b>evil|svg onload)|href=\"javascript:")
TEXTS: Mapping[str, str] = {
    "markup": "<script>evil()</script><img src=evil onerror=evil()>\"'&amp;</td></textarea>",
    "template": "{{ evil }}{% evil %}<b>evil</b>",
    "control characters": "bell\x07 back\x08 delete\x7f next\x85 escape\x1b[2J\x1b[31mred\x9b31m",
    "several lines": "first\nsecond\r\nthird\u2028fourth\u2029fifth",
    "overrides": "\u202egpj.exe\u202c \u2067hidden\u2069 \u200fright\u061c",
    "nothing to see": "zero\u200bwidth\u2060\ufefftags\U000e0041\U000e0042",
    "marks": "\u0301\u0489a" + "\u0300\u0336" * 30,
    "emoji": "👩‍👩‍👧‍👦🏴‍☠️ 错误 שגיאה خطأ",
    "long": "x" * 2000,
}
# What fits into a short column, and what fills a long one.
SHORT = (
    "\x1b[2J\x07\x85\x9b\u202e\u2067\u200f\u061c\u200b\ufeff\U000e0041\u2028<b>evil</b>{{ evil }}"
)
LONG = SHORT + "".join(TEXTS.values())
# Bytes of a log, which may be anything.
LOG = (
    *(text.replace("\n", " ").encode() + b"\n" for text in TEXTS.values()),
    b"\xff\xfe broken \xc3\x28 \xed\xa0\x80\n",
    b"nul \x00 \x1b]8;;javascript:evil\x07link\x1b]8;;\x07 \x1b[1;1Hhome\x1b[10A\rdrawn over\n",
    b"\x1b[31m<b>evil</b>" + b"y" * 40_000 + b"\n",
)
# Columns that hold what somebody wrote, or a program said, as it is.
FREE: Mapping[type[Model], tuple[str, ...]] = {
    Group: ("name",),
    models.Engine: ("version", "status_reason"),
    models.Node: ("name",),
    models.ImagePull: ("detail",),
    models.RegistryLogin: ("username", "answer"),
    models.ComputeEnvironment: ("status_reason",),
    models.Instance: ("launch_reason", "end_reason"),
    models.JobDefinition: ("description", "image"),
    models.JobQueue: ("status_reason",),
    models.QueueBlock: ("reason",),
    models.JobSpec: ("image",),
    models.Job: ("status_reason", "stop_reason"),
    models.Attempt: (
        "image",
        "interruption_reason",
        "reason",
        "status_reason",
        "explanation",
        "container_name",
    ),
    models.AccessToken: ("name",),
    models.AccessPolicy: ("name", "description"),
    models.AccessKey: ("name",),
    models.AuditEntry: ("action", "target", "username"),
    models.BulkAction: ("reason",),
    models.BulkResult: ("why",),
    models.Budget: ("tag_key", "tag_value"),
    models.CostTagHour: ("key", "value"),
    models.Transition: ("reason",),
    models.NodeTransition: ("reason",),
    models.WaitReason: ("reason",),
    models.LogStream: ("problem",),
    models.Alarm: ("state_reason",),
    models.AlarmChange: ("reason",),
    models.SavedView: ("name",),
}


def _policy(text: str) -> str:
    """A document with the text in it where a document can have any."""
    condition = {"StringEquals": {"batch:User": text}}
    statement = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, ensure_ascii=False)


JSON: Mapping[type[Model], Mapping[str, Callable[[str], Any]]] = {
    models.Job: {"tags": lambda text: {text[:128]: text[:256]}},
    models.JobSpec: {
        "tags": lambda text: {text[:128]: text[:256]},
        "command": lambda text: ["echo", text],
        "parameters": lambda text: {text[:100]: text},
        "environment": lambda text: [{"name": text[:100], "value": text}],
    },
    models.JobDefinition: {
        "tags": lambda text: {text[:128]: text[:256]},
        "command": lambda text: ["echo", text],
        "parameters": lambda text: {text[:100]: text},
        "environment": lambda text: [{"name": text[:100], "value": text}],
    },
    models.JobQueue: {"tags": lambda text: {text[:128]: text[:256]}},
    models.ComputeEnvironment: {"tags": lambda text: {text[:128]: text[:256]}},
    models.SchedulingPolicy: {"tags": lambda text: {text[:128]: text[:256]}},
    models.ConsumableResource: {"tags": lambda text: {text[:128]: text[:256]}},
    models.AccessPolicy: {"document": _policy},
    models.BulkAction: {"problems": lambda text: [text]},
}


def poison(text: str) -> None:
    """Writes the text into every free column of every row, whatever forms would say to it."""
    for model, names in FREE.items():
        for row in model._default_manager.all():
            for name in names:
                # A budget has a tag or none; the rest may be said of anything.
                if getattr(row, name) or model is not models.Budget:
                    setattr(row, name, _fitting(model, name, text, row.pk))
            row.save(update_fields=list(names))
    for model, values in JSON.items():
        model._default_manager.update(**{name: make(text) for name, make in values.items()})


def _fitting(model: type[Model], name: str, text: str, pk: object) -> str:
    """As much as the column takes, with the row's own number at its end, for what must be unique."""
    length = getattr(model._meta.get_field(name), "max_length", None) or len(text) + 100
    return text[: length - len(f"~{pk}")] + f"~{pk}"


def shown(html: str) -> str:
    """A page without what has to be exact: values of inputs, texts to copy, and addresses."""
    html = re.sub(r"<textarea.*?</textarea>", "", html, flags=re.DOTALL)
    return re.sub(r'\s(value|data-copy|href|placeholder)="[^"]*"', "", html)


def told(html: str) -> list[str]:
    """What is wrong with a page: what is there as it stands, with what surrounds it."""
    problems = [
        f"markup: {html[each.start() - 60 : each.end() + 30]!r}" for each in MARKUP.finditer(html)
    ]
    seen = shown(html)
    return problems + [
        f"{each.group()!r} in {seen[max(each.start() - 90, 0) : each.end() + 30]!r}"
        for each in UNSHOWN.finditer(seen)
    ]
