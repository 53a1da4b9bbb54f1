"""Template filters that say in words what is a code or a structure elsewhere; built in like those of `tags`."""

import shlex
from decimal import Decimal

from django import template

from jobs.domain import alarms, exit_rules

from . import plaintext

register = template.Library()


@register.filter
def alarm_state(state: str) -> str:
    """An alarm's state with what it means: "ALARM (raised)"."""
    return alarms.state_in_words(state)


@register.filter
def alarm_meaning(state: str) -> str:
    """What an alarm's state means: "raised"."""
    return alarms.MEANINGS.get(state, "")


@register.filter
def shell_words(command: list[str]) -> str:
    """A command's words as a shell would take them."""
    return plaintext.visible(shlex.join(command))


@register.filter
def exit_rule(rule: dict[str, str]) -> str:
    """A retry rule in words."""
    return plaintext.visible(exit_rules.in_words(rule))


@register.filter
def price(amount: Decimal | None) -> str:
    """A price with all of its digits, cents at least: "$0.0052", "$12.24", "$3.00"."""
    if amount is None:
        return "–"
    digits = amount.normalize()
    exponent = digits.as_tuple().exponent
    return f"${amount:,.2f}" if not isinstance(exponent, int) or exponent > -2 else f"${digits:,f}"


@register.filter
def percent(part: float) -> str:
    """A part of 1 as people write it: "42 %", "0.4 %"."""
    amount = part * 100
    return f"{amount:.1f} %" if 0 < amount < 1 else f"{amount:.0f} %"
