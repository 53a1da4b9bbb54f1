"""Statements of access policies in plain words, and documents to start from."""

import json
from collections.abc import Sequence

from .access_actions import ACTIONS, known_action
from .access_conditions import FOR_ALL, FOR_ANY, Condition
from .access_documents import VERSION, Statement
from .arns import Arns

_MEANS = {
    "Equals": "is",
    "NotEquals": "is not",
    "EqualsIgnoreCase": "is (in any case)",
    "NotEqualsIgnoreCase": "is not (in any case)",
    "Like": "is like",
    "NotLike": "is not like",
    "LessThan": "is less than",
    "LessThanEquals": "is at most",
    "GreaterThan": "is more than",
    "GreaterThanEquals": "is at least",
}
_OF_DATES = {
    "LessThan": "is before",
    "LessThanEquals": "is not after",
    "GreaterThan": "is after",
    "GreaterThanEquals": "is not before",
}
_QUALIFIED = {FOR_ALL: "each value of ", FOR_ANY: "some value of ", "": ""}


def in_words(statement: Statement) -> str:
    """What a statement says, as a sentence."""
    verb = "Denies to" if statement.is_deny else "Allows to"
    actions = _listed([_action(each) for each in statement.actions])
    what = f"do everything but: {actions}" if statement.not_actions else actions
    resources = _listed([_resource(each) for each in statement.resources])
    on = f"everything but {resources}" if statement.not_resources else resources
    conditions = " and ".join(_condition(each) for each in statement.conditions)
    return f"{verb} {what}, on {on}{', if ' if conditions else ''}{conditions}."


def examples(arns: Arns) -> list[tuple[str, str, str]]:
    """Documents to start from: a key, what it is, and the document."""
    queue = arns.of("job-queue", "default")
    submit = {"Effect": "Deny", "Action": "batch:SubmitJob"}
    any_definition = arns.of("job-definition", "*")
    rows = [
        (
            "queues",
            "Only these queues",
            {"Sid": "OnlyTheseQueues", **submit, "NotResource": [queue, any_definition]},
        ),
        (
            "not-queue",
            "Not this queue",
            {"Sid": "NotThisQueue", **submit, "Resource": queue},
        ),
        (
            "privileged",
            "No privileged containers",
            {
                "Sid": "NoPrivilegedContainers",
                "Effect": "Deny",
                "Action": ["batch:SubmitJob", "batch:RegisterJobDefinition"],
                "Resource": "*",
                "Condition": {"Bool": {"batch:Privileged": "true"}},
            },
        ),
        (
            "operator",
            "May run a queue",
            {
                "Sid": "RunsTheQueue",
                "Effect": "Allow",
                "Action": "batch:UpdateJobQueue",
                "Resource": queue,
            },
        ),
    ]
    return [
        (key, title, json.dumps({"Version": VERSION, "Statement": [statement]}, indent=2))
        for key, title, statement in rows
    ]


def _action(text: str) -> str:
    known = known_action(text)
    if known is not None:
        return ACTIONS[known].words
    service, _, name = text.partition(":")
    if text == "*":
        return "do everything that changes something"
    return f"do everything of {service}" if name == "*" else f"do what is called {text}"


def _resource(text: str) -> str:
    parts = text.split(":", 5)
    return "everything" if text == "*" else parts[-1]


def _condition(condition: Condition) -> str:
    values = _listed(list(condition.values), last="or")
    key = f"{_QUALIFIED[condition.qualifier]}{condition.key}"
    if condition.name == "Null":
        return f"{key} is {'missing' if condition.values[0].lower() == 'true' else 'there'}"
    if_exists = " (where it is there)" if condition.if_exists else ""
    return f"{key} {_means(condition.name)} {values}{if_exists}"


def _means(name: str) -> str:
    if name in ("IpAddress", "NotIpAddress"):
        return "is in" if name == "IpAddress" else "is not in"
    for kind in ("String", "Numeric", "Date"):
        order = name.removeprefix(kind)
        if order != name:
            return _OF_DATES.get(order, _MEANS[order]) if kind == "Date" else _MEANS[order]
    return "is"


def _listed(texts: Sequence[str], last: str = "and") -> str:
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {last} {texts[-1]}"
