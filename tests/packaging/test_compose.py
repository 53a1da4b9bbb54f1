"""compose.yaml and the Procfile name the same roles, and production has no default secrets."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import installation
from tests.browser import conftest as browser

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("web", "scheduler", "workers", "supervisor")
SECRETS = ("BATCHWEB_SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD")
ENGINE_SOCKET = "/var/run/docker.sock:/var/run/docker.sock"


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "compose.yaml").read_text()


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


def test_every_role_of_the_procfile_runs_in_production(services: dict[str, Any]) -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    roles = {line.split(":")[0] for line in lines if line}

    assert roles == {*ROLES, "redis"}
    assert roles <= set(services)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_waits_for_the_migrations_and_comes_back_when_it_dies(
    services: dict[str, Any], role: str
) -> None:
    assert services[role]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services[role]["restart"] == "unless-stopped"


@pytest.mark.parametrize("role", ROLES)
def test_only_workers_and_supervisor_get_the_engines_socket(
    services: dict[str, Any], role: str
) -> None:
    assert (ENGINE_SOCKET in services[role]["volumes"]) == (role in {"workers", "supervisor"})
    assert "data:/var/lib/batchweb" in services[role]["volumes"]


def test_each_setting_of_the_manual_reaches_the_roles(services: dict[str, Any]) -> None:
    manual = (ROOT / "docs" / "production.md").read_text()
    rows = [line for line in manual.splitlines() if line.startswith("| `")]
    settings = {name for row in rows for name in re.findall(r"`([A-Z_]{8,})`", row.split("|")[1])}

    assert "BATCHWEB_WORKERS" in settings
    # The image sets its own.
    assert settings - {"BATCHWEB_VAR"} <= set(services["workers"]["environment"])


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_has_no_default(text: str, secret: str) -> None:
    uses = re.findall(r"\$\{" + secret + r"([^}]*)\}", text)

    assert uses
    assert any(use.startswith(":?") for use in uses)
    assert not any(use.startswith((":-", "-")) for use in uses)


def test_no_web_server_believes_headers_of_whoever_comes_from_its_machine() -> None:
    procfile = (ROOT / "Procfile").read_text().splitlines()
    web = next(line for line in procfile if line.startswith("web:"))
    image = (ROOT / "Dockerfile").read_text().partition("\nCMD ")[2]

    assert "--no-proxy-headers" in web
    assert "--no-proxy-headers" in image
    assert "--no-proxy-headers" in installation.COMMANDS["web"]
    assert "--no-proxy-headers" in browser.COMMAND
