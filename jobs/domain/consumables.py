"""Consumable resources that a job asks for, and limits of the resources themselves.

Source: AWS Batch API, `ConsumableResourceProperties`, `ConsumableResourceRequirement`, `CreateConsumableResource`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .members import a_list, a_number, an_object, unique
from .validation import FieldError, is_empty, read_integer, read_json, read_text
from .validation import name as a_name

# Ours: sums of these stay within what a database's integer holds.
MAX_QUANTITY = 10**15
ARN_PATTERN = re.compile(r"arn:[^:]+:batch:[^:]*:[^:]*:consumable-resource/(.+)")
TYPES = ("REPLENISHABLE", "NON_REPLENISHABLE")


def resource_name(value: object) -> str:
    """A consumable resource's name, also out of its ARN."""
    text = read_text(value)
    found = ARN_PATTERN.fullmatch(text)
    return a_name(found[1] if found else text)


_requirements = a_list(
    an_object(
        {"consumableResource": resource_name, "quantity": a_number(1, MAX_QUANTITY, "")},
        required=("consumableResource", "quantity"),
    )
)


def consumables(value: object) -> list[dict[str, Any]]:
    """What a job needs: `[{"consumableResource": name, "quantity": n}, ...]`, or that as JSON text.

    Also AWS's `{"consumableResourceList": [...]}`. Each resource is named once. Raises FieldError.
    """
    given = read_json(value)
    if not isinstance(given, Mapping):
        return _listed(given)
    members = an_object({"consumableResourceList": lambda listed: listed})(given)
    try:
        return _listed(members.get("consumableResourceList"))
    except FieldError as error:
        raise FieldError(problems=error.at("consumableResourceList")) from None


def _listed(given: object) -> list[dict[str, Any]]:
    if given is None:
        return []
    clean: list[dict[str, Any]] = _requirements(given)
    unique([each["consumableResource"] for each in clean], "requirements")
    return clean


def consumable_properties(value: object) -> dict[str, Any]:
    """`ConsumableResourceProperties` of a node range; {} for none. Raises FieldError."""
    an_object({"consumableResourceList": consumables})(value)
    clean = consumables(value)
    return {"consumableResourceList": clean} if clean else {}


def total(lists: Iterable[Iterable[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What all of them need together, by name."""
    sums: dict[str, int] = {}
    for each in (requirement for one in lists for requirement in one):
        name = each["consumableResource"]
        sums[name] = sums.get(name, 0) + each["quantity"]
    return [{"consumableResource": name, "quantity": sums[name]} for name in sums]


def quantity(value: object) -> int:
    """How much of a resource there is in all; empty: nothing."""
    if is_empty(value):
        return 0
    message = f"This is a whole number, 0 to {MAX_QUANTITY}."
    amount = read_integer(value, message)
    if not 0 <= amount <= MAX_QUANTITY:
        raise FieldError(message)
    return amount


def resource_type(value: object) -> str:
    """REPLENISHABLE (given back when a job ends) or NON_REPLENISHABLE (used up)."""
    text = read_text(value).upper()
    if text not in TYPES:
        raise FieldError(f"The type is {' or '.join(TYPES)}.")
    return text
