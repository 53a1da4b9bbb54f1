"""Reads of bulk actions: how far they are."""

from django.contrib.auth.models import User

from jobs.domain.errors import NotFound
from jobs.models import BulkAction


def find_bulk(*, user: User, bulk_id: int) -> BulkAction:
    """A bulk action of the user's own; for administrators, anybody's. Raises NotFound."""
    rows = BulkAction.objects.select_related("owner")
    if not user.is_staff:
        rows = rows.filter(owner=user)
    found = rows.filter(pk=bulk_id).first()
    if found is None:
        raise NotFound(f"There is no bulk action {bulk_id}.")
    return found
