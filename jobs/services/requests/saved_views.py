"""Lists of jobs that somebody looks at again and again, under names of his own."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from jobs.domain import saved_views as rules
from jobs.domain.errors import NotFound
from jobs.domain.validation import Checker
from jobs.models import SavedView


def save_view(
    *, owner: User, name: object, query: object, now: datetime
) -> tuple[SavedView, str | None]:
    """Keeps a list's query under a name, in place of what had that name before.

    The view, and the query that it had before; None for a new one. Raises InvalidInput.
    """
    checker = Checker()
    text = checker.check("name", rules.name, name, "")
    kept = checker.check("query", rules.query, query, "")
    checker.done()
    with transaction.atomic():
        # His own row, so that two posts of one user wait for each other.
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        view = SavedView.objects.filter(owner=owner, name=text).first()
        if view is None:
            if SavedView.objects.filter(owner=owner).count() >= rules.MAX_VIEWS_PER_USER:
                checker.add("name", rules.TOO_MANY)
                checker.done()
            view = SavedView.objects.create(owner=owner, name=text, query=kept, created_at=now)
            return view, None
        before, view.query = view.query, kept
        view.save(update_fields=["query"])
        return view, before


def delete_view(*, owner: User, view_id: int) -> SavedView:
    """Deletes one of the user's own; what it was. Raises NotFound."""
    with transaction.atomic():
        view = SavedView.objects.select_for_update().filter(owner=owner, pk=view_id).first()
        if view is None:
            raise NotFound(f"There is no saved view {view_id}. It may be deleted already.")
        SavedView.objects.filter(pk=view_id).delete()
    return view
