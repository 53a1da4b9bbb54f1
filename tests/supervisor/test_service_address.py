"""The supervisor looks after the address at which jobs with a role reach their machine."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from jobs.engines.base import EngineError, EngineUnreachable
from jobs.engines.fake import FakeEngine, World
from jobs.models import Attempt
from jobs.processes.supervisor.service_address import ServiceAddress
from jobs.services.attempts.job_credentials import fetch_credentials, fetch_token
from tests.builders import NOW
from tests.supervisor.world import News, Scene, fake_connection, supervising


@pytest.fixture
def looking(scene: Scene) -> Callable[..., ServiceAddress]:
    def make(*, here: bool = True) -> ServiceAddress:
        return ServiceAddress(scene.row, fake_connection(scene.row), is_here=lambda: here)

    return make


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    return lambda: [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]


def with_credentials(scene: Scene) -> Attempt:
    attempt = scene.attempt()
    attempt.job.spec.container = {"jobRoleArn": "arn:aws:iam::1:role/x"}
    attempt.job.spec.save()
    fetch_credentials(attempt_id=attempt.id, token=fetch_token(attempt), now=NOW)
    return attempt


def test_nobody_makes_it_where_no_job_needs_it(
    looking: Callable[..., ServiceAddress], machine: World
) -> None:
    looking().look()
    assert not machine.service_address


def test_it_comes_back_where_somebody_removed_it(
    looking: Callable[..., ServiceAddress], machine: World
) -> None:
    machine.service_address = True
    address = looking()
    address.look()
    machine.service_address = False
    address.look()
    assert machine.service_address


@pytest.mark.parametrize("live", [True, False])
def test_after_a_restart_it_comes_back_for_jobs_that_use_it(
    scene: Scene, looking: Callable[..., ServiceAddress], machine: World, live: bool
) -> None:
    attempt = with_credentials(scene)
    if not live:
        Attempt.objects.filter(id=attempt.id).update(ended_at=NOW)
    looking().look()
    assert machine.service_address is live


def test_where_another_machine_has_it_that_is_told_once(
    looking: Callable[..., ServiceAddress], machine: World, warnings: Callable[[], list[str]]
) -> None:
    machine.service_address = True
    address = looking(here=False)
    address.look()
    address.look()
    (said,) = warnings()
    assert "BATCHWEB_JOBS_API_URL" in said


def test_with_a_url_of_its_own_nobody_looks(
    looking: Callable[..., ServiceAddress],
    machine: World,
    settings: Settings,
    warnings: Callable[[], list[str]],
) -> None:
    settings.BATCHWEB_JOBS_API_URL = "https://batch.example.com"
    machine.service_address = True
    looking(here=False).look()
    assert warnings() == []


@pytest.mark.parametrize("error", [EngineError("taken by br-other"), EngineUnreachable("gone")])
def test_what_cannot_be_made_is_told_and_an_engine_that_is_away_ends_the_session(
    scene: Scene,
    looking: Callable[..., ServiceAddress],
    monkeypatch: pytest.MonkeyPatch,
    warnings: Callable[[], list[str]],
    error: EngineError,
) -> None:
    def make(engine: FakeEngine) -> None:
        raise error

    with_credentials(scene)
    monkeypatch.setattr(FakeEngine, "make_service_address", make)
    if isinstance(error, EngineUnreachable):
        with pytest.raises(EngineUnreachable):
            looking().look()
        return
    address = looking()
    address.look()
    address.look()
    assert warnings() == ["taken by br-other"]


def test_the_supervisor_looks_again_and_again(scene: Scene, machine: World, news: News) -> None:
    machine.service_address = True
    with supervising(scene.row) as supervisor:
        news.wait_for(lambda: _has_seen(supervisor))
        machine.service_address = False
        news.wait_for(lambda: machine.service_address)


def _has_seen(supervisor: object) -> bool:
    session = getattr(supervisor, "_session", None)
    return session is not None and session._service_address._was_there
