"""Whose a definition's name is: whoever submits by the bare name runs its newest revision with his own rights."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from jobs.selectors.definitions import may_change_definition


def require_own_definition(*, by: User | None, name: str) -> None:
    """Raises PermissionDenied unless `by` may register, deregister and tag revisions of this name.

    None is Batchweb itself, which sets up its examples.
    """
    if by is not None and not may_change_definition(user=by, name=name):
        raise PermissionDenied(
            f"The definition {name} belongs to somebody else. Register yours under another name."
        )
