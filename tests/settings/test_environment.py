"""What the settings read from the process environment."""

from pathlib import Path

import pytest

from batchweb.settings.environment import (
    installation_id,
    jobs_api_url,
    postgres_options,
    trusted_proxies,
    web_address,
)

VAR = Path("/srv/batchweb/var")


def test_an_installation_keeps_its_id_when_its_databases_password_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = set()
    for login in ("", "batchweb:old@", "batchweb:new@"):
        monkeypatch.setenv("DATABASE_URL", f"postgresql://{login}db.example.com:5432/batchweb")
        ids.add(installation_id(VAR))
    assert len(ids) == 1


@pytest.mark.parametrize(
    "other",
    [
        "",
        "postgresql://db.example.com/another",
        "postgresql://elsewhere.example.com/batchweb",
        "sqlite:////srv/batchweb.sqlite3",
    ],
)
def test_another_database_is_another_installation(
    monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.com/batchweb")
    first = installation_id(VAR)
    monkeypatch.setenv("DATABASE_URL", other)
    assert installation_id(VAR) != first


@pytest.fixture
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "WEB_ADDRESS", "JOBS_API_URL"):
        monkeypatch.delenv(f"BATCHWEB_{name}", raising=False)


@pytest.mark.usefixtures("_nothing_set")
@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, ("127.0.0.1", 8000)),
        ({"HOST": "192.168.1.5", "PORT": "8001"}, ("192.168.1.5", 8001)),
        # These are no addresses to connect to.
        ({"HOST": "0.0.0.0"}, ("127.0.0.1", 8000)),
        ({"HOST": "::"}, ("::1", 8000)),
        ({"WEB_ADDRESS": "web.example.com:80", "PORT": "8001"}, ("web.example.com", 80)),
        ({"WEB_ADDRESS": "[fd00::1]:80"}, ("fd00::1", 80)),
    ],
)
def test_where_the_web_server_is(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], address: tuple[str, int]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"BATCHWEB_{name}", value)
    assert web_address() == address


@pytest.mark.usefixtures("_nothing_set")
@pytest.mark.parametrize("text", ["8000", ":8000", "host:", "http://host:80", "host:80/x"])
def test_what_is_no_address_of_a_web_server_is_told(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("BATCHWEB_WEB_ADDRESS", text)
    with pytest.raises(ValueError, match=r"BATCHWEB_WEB_ADDRESS.*host:port"):
        web_address()


@pytest.mark.usefixtures("_nothing_set")
@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("", "http://169.254.170.2:8000"),
        ("https://batch.example.com", "https://batch.example.com"),
        ("https://batch.example.com:8443/", "https://batch.example.com:8443"),
        ("http://169.254.170.2:80", "http://169.254.170.2:80"),
    ],
)
def test_where_jobs_reach_the_api(monkeypatch: pytest.MonkeyPatch, given: str, url: str) -> None:
    monkeypatch.setenv("BATCHWEB_JOBS_API_URL", given)
    assert jobs_api_url(8000) == url


@pytest.mark.usefixtures("_nothing_set")
@pytest.mark.parametrize(
    "text",
    [
        "batch.example.com",
        "ftp://batch.example.com",
        "https://batch.example.com/v1",
        # The SDKs of AWS would refuse to fetch credentials there.
        "http://batch.example.com",
    ],
)
def test_where_no_job_could_reach_the_api_is_told(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("BATCHWEB_JOBS_API_URL", text)
    with pytest.raises(ValueError, match=r"BATCHWEB_JOBS_API_URL.*https://"):
        jobs_api_url(8000)


def test_what_a_databases_address_asks_for_is_kept_and_wins() -> None:
    found = postgres_options({"sslmode": "require", "options": "-c random_page_cost=2"})
    assert found["sslmode"] == "require"
    assert found["options"].startswith("-c random_page_cost=1.1 ")
    assert found["options"].endswith(" -c random_page_cost=2")


def test_nobody_is_a_trusted_proxy_until_he_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BATCHWEB_TRUSTED_PROXIES", raising=False)
    assert trusted_proxies() == []
    monkeypatch.setenv("BATCHWEB_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/24,fd00::1")
    assert trusted_proxies() == ["127.0.0.1", "10.0.0.0/24", "fd00::1"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("*", "'\\*' is not an address or a range"),
        ("proxy.example.com", "is not an address or a range"),
        ("127.0.0.1,0.0.0.0/0", "'0.0.0.0/0' holds 169.254.170.2 or ::1, from where jobs come"),
        ("169.254.170.2", "from where jobs come"),
        ("::1", "from where jobs come"),
    ],
)
def test_a_proxy_is_an_address_that_no_job_comes_from(
    text: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHWEB_TRUSTED_PROXIES", text)
    with pytest.raises(ValueError, match=told):
        trusted_proxies()
