"""Documents of access policies: read, with every problem named by its place, or refused.

Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM quotas".
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import access_actions as known
from .access_comparisons import wrong_operator, wrong_value
from .access_conditions import FOR_ALL, FOR_ANY, IF_EXISTS, NAMES, NULL, OPERATORS, Condition
from .access_patterns import matches, unknown_variables
from .arns import Arns
from .validation import UNSTORABLE_PATTERN, FieldError

VERSION = "2012-10-17"
# IAM's for a managed policy; it does not count white space.
MAX_CHARACTERS = 6144
MAX_SENT_CHARACTERS = 65_536
TOO_LONG = f"A document has at most {MAX_CHARACTERS} characters, not counting spaces."
MAX_NAME_CHARACTERS = 128
MAX_DESCRIPTION_CHARACTERS = 1000
MAX_DEPTH_TEXT = "The document is nested too deeply."
_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_SID = re.compile(r"[A-Za-z0-9]+")
_STATEMENT = (
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
READS_ARE_BY_OWNER = (
    "{text}: policies decide what changes something. Who sees which jobs goes by their owner, and an administrator "
    "sees all. Name changes alone, or batch:* for all of them."
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `number` begins at 1. `actions`, `resources`: those meant, or with `not_...` all but them."""

    number: int
    sid: str
    is_deny: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    not_actions: bool = False
    not_resources: bool = False

    @property
    def label(self) -> str:
        """What it is called: its Sid, else its number."""
        return self.sid or str(self.number)


def policy_name(value: object) -> str:
    """A name by IAM's rule. Raises FieldError."""
    text = value.strip() if isinstance(value, str) else ""
    if not _NAME.fullmatch(text):
        raise FieldError(
            f"Use 1 to {MAX_NAME_CHARACTERS} letters, digits and _ + = , . @ - without spaces."
        )
    return text


def description(value: object) -> str:
    """A description by IAM's limit. Raises FieldError."""
    text = "" if value is None else value
    if not isinstance(text, str) or len(text) > MAX_DESCRIPTION_CHARACTERS or "\0" in text:
        raise FieldError(
            f"A description is a text of at most {MAX_DESCRIPTION_CHARACTERS} characters."
        )
    return text.strip()


def document(value: object, arns: Arns) -> dict[str, Any]:
    """The document (JSON text, or what JSON can say). Raises FieldError with every problem by its place."""
    read = _parsed(value)
    text = json.dumps(read, ensure_ascii=False)
    if UNSTORABLE_PATTERN.search(text) or "\\u0000" in text:
        raise FieldError("A document has no NUL characters and no halves of characters.")
    if len(re.sub(r"\s", "", text)) > MAX_CHARACTERS:
        raise FieldError(TOO_LONG)
    statements_in(read, arns)
    return read


def statements_in(document: Mapping[str, Any], arns: Arns | None = None) -> tuple[Statement, ...]:
    """The statements of a document. Raises FieldError. Without `arns`, of one that was checked before."""
    reader = _Reader(arns)
    reader.only("", document, ("Version", "Id", "Statement"))
    if document.get("Version") != VERSION:
        reader.add("Version", f'Write "Version": "{VERSION}".')
    if not isinstance(document.get("Id", ""), str):
        reader.add("Id", "It is a text.")
    given = document.get("Statement")
    rows = [given] if isinstance(given, dict) else given
    if not isinstance(rows, list) or not rows:
        reader.add("Statement", "Give a list of at least one statement.")
        rows = []
    found = tuple(reader.statement(row, number) for number, row in enumerate(rows, 1))
    sids = [each.sid for each in found if each.sid]
    for sid in sorted({sid for sid in sids if sids.count(sid) > 1}):
        reader.add("Statement", f"The Sid {sid} stands twice. Give each statement another.")
    if reader.problems:
        raise FieldError(problems=reader.problems)
    return found


def statements_of_text(text: str) -> tuple[Statement, ...]:
    """The statements of a stored document. Raises FieldError: this version may not know what another stored."""
    return statements_in(_parsed(text))


def _parsed(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        if not value.strip():
            raise FieldError("Write the document, or start with an example.")
        if len(value) > MAX_SENT_CHARACTERS:
            raise FieldError(TOO_LONG)
        try:
            value = json.loads(value, object_pairs_hook=_once)
        except RecursionError:
            raise FieldError(MAX_DEPTH_TEXT) from None
        except json.JSONDecodeError as error:
            raise FieldError(
                f"This is no JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            ) from None
    if not isinstance(value, dict):
        raise FieldError('A document is a JSON object with "Version" and "Statement".')
    return value


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members stand once: of two, one reader would take the first and another the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FieldError(f"{twice[:60]} stands twice in the same object. Leave one.")
    return found


class _Reader:
    """Reads statements, and gathers what is wrong with them."""

    def __init__(self, arns: Arns | None) -> None:
        self.arns = arns
        self.problems: list[tuple[str, str]] = []

    def add(self, path: str, text: str) -> None:
        self.problems.append((path, text))

    def only(self, path: str, given: Mapping[str, Any], names: Sequence[str]) -> None:
        for name in given:
            if name not in names:
                hint = known.nearest(str(name), tuple(names))
                told = "There is no such member." + hint
                if name in ("Principal", "NotPrincipal"):
                    told = (
                        "A policy is for the users and groups that it is attached to. Leave it out."
                    )
                self.add(f"{path}.{name}" if path else str(name), told)

    def statement(self, row: object, number: int) -> Statement:
        path = f"Statement[{number - 1}]"
        if not isinstance(row, dict):
            self.add(path, "A statement is a JSON object.")
            row = {"Effect": "Deny", "Action": "*", "Resource": "*"}
        self.only(path, row, _STATEMENT)
        sid = row.get("Sid", "")
        if not isinstance(sid, str) or (sid and not _SID.fullmatch(sid)):
            self.add(f"{path}.Sid", "Use letters and digits only, or leave it out.")
            sid = ""
        if row.get("Effect") not in ("Allow", "Deny"):
            self.add(f"{path}.Effect", 'It is "Allow" or "Deny".')
        actions, not_actions = self.either(path, row, "Action")
        resources, not_resources = self.either(path, row, "Resource")
        action_member, resource_member = "NotAction" * not_actions, "NotResource" * not_resources
        for text in actions:
            self.action(f"{path}.{action_member or 'Action'}", text)
        for text in resources:
            self.resource(f"{path}.{resource_member or 'Resource'}", text)
        return Statement(
            number=number,
            sid=sid,
            is_deny=row.get("Effect") != "Allow",
            actions=actions,
            resources=resources,
            conditions=self.conditions(f"{path}.Condition", row.get("Condition", {})),
            not_actions=not_actions,
            not_resources=not_resources,
        )

    def either(self, path: str, row: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], bool]:
        """The texts of a member or of its opposite; exactly one is to be there."""
        given = [member for member in (name, f"Not{name}") if member in row]
        if len(given) != 1:
            self.add(path, f"Give {name} or Not{name}, one of them.")
            return (), False
        return self.texts(f"{path}.{given[0]}", row[given[0]]), given[0] != name

    def texts(self, path: str, value: object) -> tuple[str, ...]:
        rows = [value] if isinstance(value, str) else value
        if not isinstance(rows, list) or not rows or not all(isinstance(row, str) for row in rows):
            self.add(path, "Give a text, or a list of texts.")
            return ()
        if any("\0" in row for row in rows):
            self.add(path, "A text has no NUL characters.")
            return ()
        return tuple(rows)

    def action(self, path: str, text: str) -> None:
        if any(matches(text, name, ignore_case=True) for name in known.ACTIONS):
            return
        if known.is_read(text):
            self.add(path, READS_ARE_BY_OWNER.format(text=text[:100]))
            return
        hint = known.nearest(text, tuple(known.ACTIONS))
        self.add(path, f"{text[:100]}: there is no such action.{hint}")

    def resource(self, path: str, text: str) -> None:
        self.variables(path, text)
        if text == "*" or self.arns is None:
            return
        parts = text.split(":", 5)
        if len(parts) < 6 or parts[0] != "arn":
            example = self.arns.of("job-queue", "default")
            self.add(path, f'{text[:100]}: Write an ARN such as {example}, or "*".')
            return
        ours = ("aws", None, self.arns.region, self.arns.account)
        for name, part, own in zip(
            ("partition", "service", "region", "account"), parts[1:5], ours, strict=True
        ):
            if own is not None and not matches(part, own):
                self.add(
                    path, f"{text[:100]}: here the {name} is {own}, not {part[:40] or 'empty'}."
                )
        kinds = {
            kind
            for service, each in known.KINDS.items()
            if matches(parts[2], service)
            for kind in each
        }
        if not kinds:
            self.add(path, f"{text[:100]}: the service is one of {', '.join(known.KINDS)}.")
            return
        begin = re.split(r"[/:*?$]", parts[5])[0]
        fits = any(
            kind == begin or (kind.startswith(begin) and len(begin) < len(parts[5]))
            for kind in kinds
        )
        has_end = parts[5][len(begin) : len(begin) + 1] in ("/", ":")
        if not fits or (has_end and begin not in kinds):
            hint = known.nearest(begin, tuple(sorted(kinds)))
            self.add(
                path,
                f"{text[:100]}: there is no resource of the kind {begin[:60] or '(none)'}.{hint}",
            )

    def variables(self, path: str, text: str) -> None:
        for name in unknown_variables(text):
            self.add(path, f"${{{name[:60]}}} stands for nothing here. There is ${{aws:username}}.")

    def conditions(self, path: str, given: object) -> tuple[Condition, ...]:
        if not isinstance(given, dict) or not all(
            isinstance(each, dict) for each in given.values()
        ):
            self.add(path, 'It is an object such as {"Bool": {"batch:Privileged": "true"}}.')
            return ()
        return tuple(
            found
            for name, keys in given.items()
            for key, values in keys.items()
            if (found := self.condition(f"{path}.{name}", name, key, values)) is not None
        )

    def condition(self, path: str, text: str, key: str, values: object) -> Condition | None:
        qualifier, colon, name = text.rpartition(":")
        if_exists = name.endswith(IF_EXISTS)
        name = name.removesuffix(IF_EXISTS)
        bad_qualifier = bool(colon) and qualifier not in (FOR_ALL, FOR_ANY)
        if name not in OPERATORS or bad_qualifier or (name == NULL and (if_exists or colon)):
            self.add(path, f"There is no such operator.{known.nearest(name, NAMES)}")
            return None
        real = known.known_key(key)
        if real is None:
            hint = known.nearest(key, tuple(known.KEYS))
            self.add(f"{path}.{key[:60]}", f"There is no such key.{hint}")
            return None
        rows = values if isinstance(values, list) else [values]
        texts = self.texts(f"{path}.{key}", [_as_text(each) for each in rows])
        told = wrong_operator(real, name) if self.arns is not None else ""
        if told:
            self.add(f"{path}.{key}", told)
        for each in texts:
            self.value(f"{path}.{key}", name, each)
        return Condition(name, real, texts, qualifier, if_exists)

    def value(self, path: str, name: str, text: str) -> None:
        self.variables(path, text)
        told = wrong_value(name, text) if self.arns is not None else ""
        if told:
            self.add(path, told)
        try:
            OPERATORS[name].read(text)
        except ValueError:
            self.add(path, f"{text[:100]}: this is not {OPERATORS[name].wants}.")


def _as_text(value: object) -> object:
    """JSON's true and numbers as IAM takes them, too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
