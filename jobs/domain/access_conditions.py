"""Operators of conditions in access policies.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys". Where a request
has several values of a key (the images of several containers) and the operator does not say of which it speaks
(ForAllValues, ForAnyValue), each value is looked at by itself: a Deny holds if it holds for one of them, an Allow only
if it holds for all.
"""

import ipaddress
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from .access_patterns import filled, matches
from .registries import spellings_of

IF_EXISTS = "IfExists"
FOR_ALL = "ForAllValues"
FOR_ANY = "ForAnyValue"
NULL = "Null"
# What this holds has several names, and a policy may be written with any of them.
IMAGE = "batch:Image"
# A value that a part of what is asked for has not, such as a container without a user of its own.
Values = Sequence[str | None]
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
Test = Callable[[str, str, str], bool]


@dataclass(frozen=True, slots=True)
class Operator:
    """`test` compares a request's value with a policy's, and has the user's name.

    `read` raises ValueError on a policy's value that is none.
    """

    test: Test
    read: Callable[[str], Any]
    is_negated: bool = False
    wants: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of a condition: `qualifier` is empty, FOR_ALL or FOR_ANY. `name` is of OPERATORS, or NULL."""

    name: str
    key: str
    values: tuple[str, ...]
    qualifier: str = ""
    if_exists: bool = False


def holds(condition: Condition, found: Values, *, username: str, is_deny: bool) -> bool:
    """Whether a condition is met by what a request has of its key; nothing: the key is not there."""
    if condition.name == NULL:
        wanted = {value.lower() == "true" for value in condition.values}
        absent = [(value is None) in wanted for value in found or (None,)]
        return any(absent) if is_deny else all(absent)
    each = partial(_holds_for, condition, username)
    if condition.qualifier == FOR_ALL:
        return all(each(value) for value in found)
    if condition.qualifier == FOR_ANY:
        return any(each(value) for value in found) or (condition.if_exists and not found)
    if not found:
        return each(None)
    return any(map(each, found)) if is_deny else all(map(each, found))


def _holds_for(condition: Condition, username: str, value: str | None) -> bool:
    known = OPERATORS[condition.name]
    if value is None:
        return condition.if_exists or known.is_negated
    forms = spellings_of(value) if condition.key == IMAGE else (value,)
    hit = any(known.test(form, each, username) for each in condition.values for form in forms)
    return hit != known.is_negated


def _text(order: str, value: str, wanted: str, username: str) -> bool:
    ignore_case = order == "IgnoreCase"
    if order == "Like":
        return matches(wanted, value, username=username)
    meant = filled(wanted, username)
    return value.lower() == meant.lower() if ignore_case else value == meant


def _compared(read: Callable[[str], Any], order: str, value: str, wanted: str, _: str) -> bool:
    try:
        return _ORDERS[order](read(value), read(wanted))
    except ValueError:
        return False


def _number(text: str) -> Any:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not number.is_finite():
        raise ValueError(text)
    return number


def _moment(text: str) -> Any:
    """ISO 8601 (by UTC where it has no zone), or seconds since 1970."""
    if text.isascii() and text.isdigit():
        try:
            return datetime.fromtimestamp(int(text), UTC)
        except (OverflowError, OSError):
            raise ValueError(text) from None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _flag(text: str) -> Any:
    if text.lower() not in {"true", "false"}:
        raise ValueError(text)
    return text.lower() == "true"


def _address(value: str, wanted: str, _: str) -> bool:
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found) in _network(wanted)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)


def _strings() -> dict[str, Operator]:
    tests: dict[str, Test] = {
        "Equals": partial(_text, "Equals"),
        "EqualsIgnoreCase": partial(_text, "IgnoreCase"),
        "Like": partial(_text, "Like"),
    }
    return {
        f"String{'Not' if negated else ''}{name}": Operator(test, str, negated)
        for name, test in tests.items()
        for negated in (False, True)
    }


def _ordered(kind: str, read: Callable[[str], Any], wants: str) -> dict[str, Operator]:
    found = {
        f"{kind}{order}": Operator(partial(_compared, read, order), read, wants=wants)
        for order in _ORDERS
    }
    equal = found[f"{kind}Equals"].test
    return {**found, f"{kind}NotEquals": Operator(equal, read, True, wants)}


OPERATORS: dict[str, Operator] = {
    **_strings(),
    **_ordered("Numeric", _number, "a number"),
    **_ordered("Date", _moment, "a date and time such as 2026-12-31T18:00:00Z"),
    "Bool": Operator(partial(_compared, _flag, "Equals"), _flag, wants='"true" or "false"'),
    "IpAddress": Operator(_address, _network, wants="an address or a range such as 10.0.0.0/8"),
    "NotIpAddress": Operator(_address, _network, True, "an address or a range such as 10.0.0.0/8"),
    NULL: Operator(partial(_compared, _flag, "Equals"), _flag, wants='"true" or "false"'),
}
NAMES = tuple(OPERATORS)
