"""What somebody is shown of his own access: his role, his groups, and the access policies that bind him, in words."""

from typing import Any

from django.contrib.auth.models import User

from jobs.domain import access_words as words
from jobs.domain.access_policies import UNREADABLE, Policy
from jobs.domain.rights import role_of
from jobs.selectors.access.policies import policies_of


def build(user: User) -> dict[str, Any]:
    """His role and groups; his own policies and his groups': each with its statements in words, or why it denies
    everything."""
    return {
        "role": role_of(is_staff=user.is_staff, is_superuser=user.is_superuser),
        "groups": list(user.groups.order_by("name").values_list("name", flat=True)),
        "policies": _policies(user),
    }


def as_json(user: User) -> dict[str, Any]:
    """His policies, for scripts."""
    return {"results": _policies(user)}


def _policies(user: User) -> list[dict[str, Any]]:
    return [] if user.is_superuser else [_shown(each) for each in policies_of(user)]


def _shown(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "says": [words.in_words(each) for each in policy.statements],
        "problem": f"It denies everything: {UNREADABLE} {policy.problem}" if policy.problem else "",
    }
