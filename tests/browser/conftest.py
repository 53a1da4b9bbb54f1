"""The real server, as a process on the tests' database, and a browser that is logged in to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.builders import a_user

STOP_SECONDS = 60.0
# As long as the browser waits by itself for a page: a machine that is busy with other tests is no error.
expect.set_options(timeout=30_000)
COMMAND = [
    *(sys.executable, "-m", "uvicorn", "batchweb.asgi:application"),
    *("--port", "0", "--no-proxy-headers"),
]


@pytest.fixture(scope="session")
def server_url(django_db_setup: None) -> Iterator[str]:
    """Where the server answers. At its end it must stop by itself, whatever streams are open."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "batchweb.settings.test",
        "DATABASE_URL": _test_database_url(),
    }
    server = subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    heard = []
    for line in server.stderr:
        heard.append(line)
        if "Uvicorn running on" in line:
            break
    else:
        pytest.fail("The server did not start:\n" + "".join(heard))
    yield line.partition("Uvicorn running on ")[2].split()[0]
    server.send_signal(signal.SIGTERM)
    # Reading on keeps it from being held up by a full pipe.
    _, rest = server.communicate(timeout=STOP_SECONDS)
    assert "Traceback" not in rest


def _test_database_url() -> str:
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    user, password = quote(values["USER"]), quote(values["PASSWORD"])
    where = f"{quote(values['HOST'], safe='')}:{values['PORT'] or 5432}"
    return f"postgresql://{user}:{password}@{where}/{values['NAME']}"


@pytest.fixture
def user(transactional_db: None) -> User:
    return a_user(username="ada", is_staff=True, is_superuser=True)


@pytest.fixture
def visit(page: Page, server_url: str, user: User) -> Iterator[Callable[[str], Page]]:
    """Opens a path, logged in. The test fails if a page logs an error, such as a blocked script."""
    problems: list[str] = []
    client = Client()
    client.force_login(user)
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": server_url}])
    page.on("pageerror", lambda error: problems.append(str(error)))
    been_at: set[str] = set()
    page.on("framenavigated", lambda frame: been_at.add(frame.url))

    def heard(message: ConsoleMessage) -> None:
        # A container's network that comes or goes on this machine is none of the page's errors.
        # Nor is that a form was refused: the browser notes it of the page itself.
        # And parts of what was just deleted are not renewed any more, until the browser has gone elsewhere.
        is_own = message.location["url"] in been_at
        is_refused = is_own and any(f"status of {code}" in message.text for code in (400, 404))
        if message.type == "error" and not is_refused and "ERR_NETWORK_CHANGED" not in message.text:
            problems.append(message.text)

    page.on("console", heard)

    def visit_path(path: str) -> Page:
        page.goto(server_url + path)
        return page

    yield visit_path
    page.close()
    assert problems == []
