"""What the settings read from the process environment."""

from pathlib import Path

import pytest

from batchweb.settings.environment import installation_id

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
