"""Statements of access policies, and the ARNs that they name."""

from typing import Any

ARN = "arn:aws:batch:us-east-1:123456789012:"
OWN = "arn:aws:batchweb:us-east-1:123456789012:"


def deny(action: str | list[str], on: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """A statement that denies; `more`: its other members, such as Condition."""
    return {"Effect": "Deny", "Action": action, "Resource": on, **more}


def allow(action: str | list[str], on: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": action, "Resource": on, **more}
