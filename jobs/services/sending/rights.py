"""Whether a rule may still send: its owner may have changed since it was made."""

from jobs.models import EventRule, TargetKind

OWNER_OFF = "The rule’s owner is switched off, so nothing is sent for him."
NO_ADMINISTRATOR = "Only administrators send webhooks, and the rule’s owner is none."
ADDRESS_NOT_HIS = (
    "Only administrators send to other addresses than their own, and the rule’s owner is none."
)


def why_not(rule: EventRule) -> str | None:
    """Why nothing of the rule may be sent any more; None: it may. Its owner is read if he is not there."""
    owner = rule.owner
    if not owner.is_active:
        return OWNER_OFF
    if owner.is_staff:
        return None
    if rule.target_kind == TargetKind.WEBHOOK:
        return NO_ADMINISTRATOR
    return None if rule.address.casefold() == owner.email.casefold() else ADDRESS_NOT_HIS
