"""What there is to see in the administration."""

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db.models import Model

from .rows import write_one_of_each


@pytest.fixture
def one_of_each(boss: User) -> dict[type[Model], Model]:
    """A row of every model: the newest of it."""
    write_one_of_each(boss)
    models = apps.get_app_config("jobs").get_models()
    found = {model: model._default_manager.order_by("-pk").first() for model in models}
    return {model: row for model, row in found.items() if row is not None}
