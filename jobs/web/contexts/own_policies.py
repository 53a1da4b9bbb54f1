"""What somebody who is no administrator is shown of the access policies: those that bind him, in words."""

from typing import Any

from django.contrib.auth.models import User

from jobs.domain import access_words as words
from jobs.domain.access_policies import UNREADABLE, Policy
from jobs.selectors.access_policies import policies_of


def build(user: User) -> dict[str, Any]:
    """His own and his groups': each with its statements in words, or why it denies everything."""
    return {"policies": [_shown(each) for each in policies_of(user)]}


def as_json(user: User) -> dict[str, Any]:
    """The same for scripts."""
    return {"results": build(user)["policies"]}


def _shown(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "says": [words.in_words(each) for each in policy.statements],
        "problem": f"It denies everything: {UNREADABLE} {policy.problem}" if policy.problem else "",
    }
