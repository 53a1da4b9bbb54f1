"""Two users, and a machine whose registry wants a login."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.contrib.auth.models import User

from tests.builders import a_user

from .machine import Machine


@pytest.fixture
def machine() -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(stack)


@pytest.fixture
def ada(db: None) -> User:
    return a_user(username="ada")


@pytest.fixture
def bob(db: None) -> User:
    return a_user(username="bob")
