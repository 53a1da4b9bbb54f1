"""`evaluateOnExit` rules as people write them: checked, stored, written out again, and in words.

Source: AWS Batch API, `EvaluateOnExit`. Stored is a list of objects with AWS's member names, the action in
capitals, and no member that was not given.
"""

import json
import re
from collections.abc import Mapping, Sequence

from .retry import ExitRule, RetryAction
from .validation import UNSTORABLE_PATTERN, FieldError, read_json

MAX_RULES = 5
MAX_PATTERN_CHARACTERS = 512
EXIT_CODE_PATTERN = re.compile(r"[0-9]+\*?|\*")
# Each condition, and what it looks at, in words.
CONDITIONS = {
    "onStatusReason": "the status reason",
    "onReason": "the container's reason",
    "onExitCode": "the exit code",
}
ACTIONS = {RetryAction.RETRY: "try again", RetryAction.EXIT: "fail at once"}


def evaluate_on_exit(value: object) -> list[dict[str, str]]:
    """Rules as a list of objects, or that as JSON text. Empty: no rules."""
    value = read_json(value)
    if value in (None, []):
        return []
    if isinstance(value, Mapping | str) or not isinstance(value, Sequence):
        raise FieldError(
            'Retry rules are a list, such as [{"onExitCode": "137", "action": "RETRY"}].'
        )
    if len(value) > MAX_RULES:
        raise FieldError(f"There are at most {MAX_RULES} retry rules.")
    return [_rule(number, rule) for number, rule in enumerate(value, start=1)]


def as_rules(stored: Sequence[Mapping[str, str]]) -> list[ExitRule]:
    """Stored rules, as `retry.should_retry` takes them."""
    return [
        ExitRule(
            action=RetryAction(rule["action"].upper()),
            on_status_reason=rule.get("onStatusReason"),
            on_reason=rule.get("onReason"),
            on_exit_code=rule.get("onExitCode"),
        )
        for rule in stored
    ]


def rules_text(stored: Sequence[object]) -> str:
    """Rules as a JSON text that `evaluate_on_exit` reads back to the same, a rule a line; empty for none."""
    if not stored:
        return ""
    lines = [json.dumps(_in_order(rule), ensure_ascii=False) for rule in stored]
    return "[" + ",\n ".join(lines) + "]"


def _in_order(rule: object) -> object:
    """Conditions first, then the action: PostgreSQL gives members back in an order of its own."""
    if not isinstance(rule, Mapping):
        return rule
    members = [name for name in (*CONDITIONS, "action") if name in rule]
    return {
        name: rule[name] for name in [*members, *(name for name in rule if name not in members)]
    }


def in_words(rule: Mapping[str, str]) -> str:
    """One stored rule as a sentence."""
    conditions = [
        _condition(what, rule[member]) for member, what in CONDITIONS.items() if member in rule
    ]
    return f"If {' and '.join(conditions)}: {ACTIONS[RetryAction(rule['action'].upper())]}."


def _condition(what: str, pattern: str) -> str:
    if pattern == "*":
        return f"{what} is anything"
    if pattern.endswith("*"):
        return f'{what} starts with "{pattern[:-1]}"'
    return f'{what} is "{pattern}"'


def _rule(number: int, rule: object) -> dict[str, str]:
    where = f"Retry rule {number}"
    if not isinstance(rule, Mapping):
        raise FieldError(f"{where} is not an object with an action and conditions.")
    for member in rule:
        if member not in CONDITIONS and member != "action":
            raise FieldError(
                f"{where}: there is no {str(member)[:60]!r}. A rule has action, "
                f"{', '.join(CONDITIONS)}."
            )
    clean = {
        member: _pattern(f"{where}, {member}", member, rule[member])
        for member in CONDITIONS
        if rule.get(member) is not None
    }
    if not clean:
        raise FieldError(f"{where} needs at least one of {', '.join(CONDITIONS)}.")
    action = rule.get("action")
    if not isinstance(action, str) or action.strip().upper() not in RetryAction.__members__:
        raise FieldError(f"{where}: the action is RETRY or EXIT.")
    return {**clean, "action": action.strip().upper()}


def _pattern(where: str, member: str, value: object) -> str:
    if member == "onExitCode" and isinstance(value, int) and not isinstance(value, bool):
        # AWS has it as a text; a number can mean nothing else.
        value = str(value)
    if not isinstance(value, str):
        raise FieldError(f"{where} is a text.")
    if not 1 <= len(value) <= MAX_PATTERN_CHARACTERS:
        raise FieldError(f"{where} has 1 to {MAX_PATTERN_CHARACTERS} characters.")
    if UNSTORABLE_PATTERN.search(value):
        raise FieldError(f"{where} cannot hold NUL characters or broken Unicode.")
    if member == "onExitCode" and not EXIT_CODE_PATTERN.fullmatch(value):
        raise FieldError(f"{where} is digits, with an optional * at the end.")
    if "*" in value[:-1]:
        raise FieldError(f"{where}: a * can only be at the end.")
    return value
