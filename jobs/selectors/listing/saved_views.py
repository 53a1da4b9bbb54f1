"""Reads of saved views."""

from django.contrib.auth.models import User

from jobs.models import SavedView


def saved_views(*, user: User) -> list[SavedView]:
    """A user's own views, by name."""
    return list(SavedView.objects.filter(owner=user).order_by("name"))
