"""Shared by all tests: a Redis of their own, a place for files, Docker Engine, Chromium, logins.

A test that needs a part of the machine fails where that part is missing; it is never skipped.
"""

import atexit
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import settings
from playwright.sync_api import Browser, Page, sync_playwright

from batchweb.embedded import find_redis_server
from tests.builders import a_user
from tests.chromium import chromium_path
from tests.remembered import forget_all

# How long an example takes says how busy the machine is. A run repeats; `--hypothesis-profile=explore` tries new ones.
settings.register_profile("explore", parent=settings(), deadline=None)
settings.register_profile("any machine", parent=settings(), deadline=None, derandomize=True)
settings.load_profile("any machine")

# A place of this run's own, which the test settings made.
_var = Path(os.environ["BATCHWEB_TEST_VAR"])
_socket = _var / "redis.sock"


def _start_redis() -> None:
    server = subprocess.Popen(
        [find_redis_server(), "--port", "0", "--unixsocket", str(_socket), "--save", ""],
        stdout=subprocess.DEVNULL,
        cwd=_var,
    )

    def stop() -> None:
        server.terminate()
        server.wait(60)
        shutil.rmtree(_var, ignore_errors=True)

    atexit.register(stop)
    client = redis.Redis(unix_socket_path=str(_socket))
    deadline = time.monotonic() + 20
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    client.close()


def pytest_configure(config: pytest.Config) -> None:
    _start_redis()


@pytest.fixture(scope="session")
def docker_engine_url() -> str:
    """Where the Docker Engine answers. Fails, and says what to do, where none does."""
    url = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        client = docker.DockerClient(base_url=url, timeout=10)
        try:
            client.ping()
        finally:
            client.close()
    except (docker.errors.DockerException, OSError) as error:
        pytest.fail(f"No Docker Engine at {url} ({error}). script/test installs and starts one.")
    return url


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """What a process keeps for some seconds; in the next test, the same ids are others' ids."""
    forget_all()


@pytest.fixture(autouse=True)
def _engine_where_marked(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("engine") or request.node.get_closest_marker("processes"):
        request.getfixturevalue("docker_engine_url")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, one per module.

    While Playwright's synchronous interface is open, its event loop counts as running in this
    thread, and Django would refuse to touch the database. Here nothing runs beside the test, so
    that is allowed, but only as long as the browser is open: other modules keep Django's guard.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        chromium = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own context: no cookies, no storage, of any test before."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def boss(db: None, client: Client) -> User:
    """An administrator, logged in with `client`."""
    user = a_user(username="boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def visitor(db: None, client: Client) -> User:
    """A user who is no administrator, logged in with `client`."""
    user = a_user()
    client.force_login(user)
    return user
