from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from jobs import changes, queueing
from jobs.engines.fake import World, forget_world, world
from tests.builders import an_engine
from tests.supervisor.world import News, Scene, fake_connection


@pytest.fixture(autouse=True)
def _files_of_its_own(settings: Settings, tmp_path: Path) -> None:
    own = {**settings.STORAGES["joblogs"], "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "joblogs": own}


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> News:
    news = News()
    monkeypatch.setattr(queueing, "_enqueue", news.hear_hand_over)
    monkeypatch.setattr(changes, "_send", news.hear_message)
    return news


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    row = an_engine()
    return Scene(row, fake_connection(row))


@pytest.fixture
def machine(scene: Scene) -> Iterator[World]:
    """The machine behind the scene's engine."""
    name = scene.row.url.removeprefix("fake://")
    yield world(name)
    forget_world(name)
