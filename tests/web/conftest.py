"""Clients of the dashboard: an administrator's, a user's, a script's."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from jobs.services.access.tokens import create_token
from tests.builders import a_user

# What a browser asks for.
HTML = {"Accept": "text/html"}


@pytest.fixture
def admin(db: None) -> User:
    return a_user(username="ada", is_staff=True, is_superuser=True)


@pytest.fixture
def bob(db: None) -> User:
    return a_user(username="bob")


@pytest.fixture
def page(admin: User) -> Client:
    """An administrator's browser."""
    client = Client()
    client.force_login(admin)
    return client


@pytest.fixture
def bobs_page(bob: User) -> Client:
    client = Client()
    client.force_login(bob)
    return client


@pytest.fixture
def staff(db: None) -> User:
    return a_user(username="sue", is_staff=True)


@pytest.fixture
def sues_page(staff: User) -> Client:
    """The browser of an administrator who is no superuser."""
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def script(admin: User) -> Client:
    """A script with an administrator's token; CSRF is checked where a token does not switch that off."""
    return script_of(admin)


def script_of(user: User) -> Client:
    _, secret = create_token(user=user, name="script", now=timezone.now())
    return Client(
        enforce_csrf_checks=True,
        headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"},
    )


@pytest.fixture
def log_files(settings: Settings, tmp_path: Path) -> None:
    """A folder of its own for the logs of a test."""
    own = {**settings.STORAGES["joblogs"], "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "joblogs": own}
