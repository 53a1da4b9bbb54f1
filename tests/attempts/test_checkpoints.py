"""What jobs keep in their checkpoint directories: where it lies, when it is measured, and when it goes."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.utils import timezone
from pytest_django import Settings

from jobs import queueing
from jobs.domain import names
from jobs.domain.errors import Conflict
from jobs.domain.reasons import CHECKPOINT_IN_USE
from jobs.engines.base import HostMount, VolumeMount
from jobs.engines.fake.files import FakeFile
from jobs.engines.registry import connect
from jobs.models import Attempt, Capacity, Checkpoint, EngineStatus, Job, JobStatus
from jobs.services import checkpoints
from jobs.services.attempts.belongings import remove_left_over
from jobs.services.attempts.checkpoints import kept_in, mount_of
from jobs.services.attempts.containers import container_spec
from jobs.services.checkpoints import (
    Measure,
    ask_to_delete,
    sweep_checkpoints,
    tend_checkpoints,
)
from tests.builders import a_definition, a_job, an_attempt

from .conftest import Spot

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def kept(spot: Spot) -> Checkpoint:
    return Checkpoint.objects.get(job=spot.attempt.job_id)


def write(spot: Spot, path: str, data: bytes) -> None:
    """As its container would."""
    volume = names.checkpoint_volume(spot.attempt.job_id)
    spot.world.belongings.files.write(volume, f"checkpoint/{path}", FakeFile(data))


def volumes(spot: Spot) -> list[str]:
    return list(spot.world.belongings.volumes)


def ended(spot: Spot) -> Spot:
    """Its job has succeeded, and its container is gone."""
    spot.end(0)
    spot.reap()
    return spot


def tend(spot: Spot, after: timedelta = timedelta(0)) -> None:
    tend_checkpoints(job_ids=[spot.attempt.job_id], now=timezone.now() + after)


class TestWhereItLies:
    @pytest.mark.parametrize(
        ("attempts", "capacity", "own"),
        [
            (1, Capacity.UNMANAGED, False),
            (1, Capacity.EC2, False),
            (1, Capacity.FARGATE, False),
            (1, Capacity.SPOT, True),
            (1, Capacity.FARGATE_SPOT, True),
            (2, Capacity.UNMANAGED, True),
        ],
    )
    def test_what_may_be_tried_again_or_is_interrupted_has_a_volume(
        self, attempts: int, capacity: str, own: bool
    ) -> None:
        job = a_job(definition=a_definition(attempts=attempts))
        attempt = an_attempt(job=job, capacity=capacity)
        spec = container_spec(attempt)
        assert spec.environment["BATCHWEB_CHECKPOINT_DIR"] == "/batchweb/checkpoint"
        assert spec.environment["BATCHWEB_INTERRUPTION_NOTICE"] == "/batchweb/interruption-1.json"
        if own:
            assert spec.scratch == ""
            assert spec.mounts == [
                VolumeMount(
                    names.checkpoint_volume(job.id), "/batchweb", open_directories=("checkpoint",)
                )
            ]
        else:
            assert (spec.scratch, spec.mounts) == ("/batchweb/checkpoint", [])

    def test_with_a_directory_of_all_machines_it_lies_there(self, settings: Settings) -> None:
        settings.BATCHWEB_CHECKPOINT_ROOT = "/shared/checkpoints/"
        job = a_job(definition=a_definition(attempts=2))
        spec = container_spec(an_attempt(job=job))
        path = f"/shared/checkpoints/{job.id}"
        assert spec.mounts == [HostMount(path, "/batchweb", open_directories=("checkpoint",))]
        assert mount_of(job.id, 2) == HostMount(
            f"{path}/node-2", "/batchweb", open_directories=("checkpoint",)
        )

    @pytest.mark.parametrize("path", ["/batchweb", "/batchweb/checkpoint", "/batchweb/checkpoint/"])
    def test_what_the_job_mounts_there_itself_is_what_it_gets(self, path: str) -> None:
        container = {
            "volumes": [{"name": "mine"}],
            "mountPoints": [{"sourceVolume": "mine", "containerPath": path}],
        }
        job = a_job(definition=a_definition(attempts=2))
        job.spec.container = container
        job.spec.save()
        spec = container_spec(an_attempt(job=job))
        assert ([mount.path for mount in spec.mounts], spec.scratch) == ([path], "")

    def test_a_variable_of_the_jobs_own_cannot_hide_it(self) -> None:
        own = [{"name": "BATCHWEB_CHECKPOINT_DIR", "value": "/elsewhere"}]
        job = a_job(definition=a_definition(environment=own))
        spec = container_spec(an_attempt(job=job))
        assert spec.environment["BATCHWEB_CHECKPOINT_DIR"] == "/batchweb/checkpoint"

    def test_it_is_on_record_from_the_launch_on(self, spot: Spot) -> None:
        assert not Checkpoint.objects.exists()
        spot.launch()
        assert kept(spot).engine == spot.attempt.node.engine
        assert volumes(spot) == [kept(spot).volume]
        assert kept_in(kept(spot)).path == "/batchweb"

    def test_a_job_that_moves_to_another_engine_has_it_there(self, running: Spot) -> None:
        other = an_attempt()
        Checkpoint.objects.update(engine=other.node.engine, volume="/somewhere/else")
        Attempt.objects.filter(id=running.attempt.id).update(
            started_at=None, launch_token="", container_id=""
        )
        Job.objects.filter(id=running.attempt.job_id).update(status=JobStatus.STARTING)
        running.launch()
        assert kept(running).engine == running.attempt.node.engine
        assert kept(running).volume == names.checkpoint_volume(running.attempt.job_id)


class TestMeasuring:
    def test_it_is_measured_while_the_job_runs_at_most_every_minute(self, running: Spot) -> None:
        write(running, "state", b"12345")
        tend(running)
        assert (kept(running).size_bytes, kept(running).file_count) == (5, 1)
        write(running, "deep/more", b"123")
        tend(running, after=MINUTE / 2)
        assert kept(running).size_bytes == 5
        tend(running, after=MINUTE)
        assert (kept(running).size_bytes, kept(running).file_count) == (8, 2)
        assert kept(running).settled_at is None

    def test_what_takes_long_to_measure_is_measured_less_often(
        self, running: Spot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(queueing, "is_idle", lambda _task: True)
        clock = [100.0]

        def measure(**_: object) -> Measure:
            clock[0] += 3.0
            return Measure(5, 1)

        monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        monkeypatch.setattr(checkpoints, "measure", measure)
        now = running.told_at + MINUTE
        tend_checkpoints(job_ids=[running.attempt.job_id], now=now)
        assert kept(running).measure_again_at == now + timedelta(seconds=150)
        for seconds, found in ((149, 0), (150, 1)):
            later = now + timedelta(seconds=seconds)
            assert sweep_checkpoints(now=later) == found
            tend_checkpoints(job_ids=[running.attempt.job_id], now=later)
        assert kept(running).measured_at == later

    def test_it_is_measured_after_an_attempt_however_long_ago_it_was_last(
        self, running: Spot
    ) -> None:
        tend(running)
        write(running, "state", b"12345")
        running.interrupt()
        running.stop()
        running.stop(120)
        assert running.reap().status == JobStatus.RUNNABLE
        tend(running, after=10 * MINUTE)
        assert kept(running).size_bytes == 5
        write(running, "state", b"123456")
        tend(running, after=20 * MINUTE)
        assert kept(running).size_bytes == 5

    def test_the_notice_is_not_counted(self, running: Spot) -> None:
        running.interrupt()
        running.stop()
        tend(running)
        assert (kept(running).size_bytes, kept(running).file_count) == (0, 0)

    def test_it_is_measured_at_the_end_of_an_attempt(self, running: Spot) -> None:
        tend(running)
        write(running, "state", b"12345")
        running.interrupt()
        running.stop()
        running.stop(120)
        assert running.reap().status == JobStatus.RUNNABLE
        tend(running, after=timedelta(seconds=1))
        assert kept(running).size_bytes == 5
        assert volumes(running) == [kept(running).volume]

    def test_the_end_of_an_attempt_hands_it_over(
        self, running: Spot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[object] = []
        monkeypatch.setattr(
            queueing, "enqueue_after_commit", lambda task, ids: seen.append((task, list(ids)))
        )
        ended(running)
        assert (queueing.TEND, [running.attempt.job_id]) in seen

    def test_what_takes_too_long_is_at_least_so_much(
        self, running: Spot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(running, "state", b"12345")
        monkeypatch.setattr(checkpoints, "SECONDS", -1.0)
        ended(running)
        tend(running)
        assert kept(running).is_partial
        assert kept(running).removed_at is None

    def test_an_engine_that_is_away_changes_nothing(self, running: Spot) -> None:
        running.world.vanish()
        tend(running)
        assert kept(running).measured_at is None
        running.world.come_back()


class TestGoing:
    def test_an_empty_one_goes_with_the_job(self, running: Spot) -> None:
        ended(running)
        tend(running)
        assert not Checkpoint.objects.exists()
        assert volumes(running) == []

    def test_one_that_holds_something_stays_and_is_looked_at_once(self, running: Spot) -> None:
        write(running, "state", b"12345")
        ended(running)
        tend(running)
        settled_at = kept(running).settled_at
        assert settled_at is not None
        assert volumes(running) == [kept(running).volume]
        tend(running, after=10 * MINUTE)
        assert kept(running).settled_at == settled_at
        assert sweep_checkpoints(now=timezone.now() + 10 * MINUTE) == 0

    def test_it_stays_while_a_container_may_hold_it(self, running: Spot) -> None:
        ended(running)
        Attempt.objects.update(removed_at=None)
        tend(running)
        assert kept(running).removed_at is None

    def test_retention_removes_it(self, running: Spot, settings: Settings) -> None:
        settings.BATCHWEB_CHECKPOINT_RETENTION_DAYS = 2
        write(running, "state", b"12345")
        ended(running)
        tend(running)
        tend(running, after=timedelta(days=1))
        assert kept(running).removed_at is None
        tend(running, after=timedelta(days=2, minutes=1))
        assert kept(running).removed_at is not None
        assert kept(running).size_bytes == 5
        assert volumes(running) == []

    def test_its_owner_has_it_deleted_once_the_job_has_ended(self, running: Spot) -> None:
        write(running, "state", b"12345")
        with pytest.raises(Conflict, match=CHECKPOINT_IN_USE):
            ask_to_delete(job=running.attempt.job, now=timezone.now())
        ended(running)
        tend(running)
        ask_to_delete(job=running.attempt.job, now=timezone.now())
        ask_to_delete(job=running.attempt.job, now=timezone.now() + MINUTE)
        tend(running)
        assert kept(running).removed_at is not None
        assert volumes(running) == []

    def test_in_a_directory_of_all_machines_links_are_not_followed(
        self, spot: Spot, settings: Settings, tmp_path: Path
    ) -> None:
        settings.BATCHWEB_CHECKPOINT_ROOT = str(tmp_path / "root")
        (tmp_path / "precious").write_text("1")
        spot.launch()
        folder = Path(kept(spot).volume)
        assert folder == tmp_path / "root" / str(spot.attempt.job_id)
        (folder / "checkpoint").mkdir(parents=True)
        (folder / "checkpoint" / "link").symlink_to(tmp_path)
        ended(spot)
        # The setting may have changed since: what is on record counts.
        settings.BATCHWEB_CHECKPOINT_ROOT = ""
        ask_to_delete(job=spot.attempt.job, now=timezone.now())
        tend(spot)
        assert kept(spot).removed_at is not None
        assert not folder.exists()
        assert (tmp_path / "precious").exists()


class TestWhateverDies:
    @pytest.mark.parametrize(
        ("state", "found"),
        [("running", 1), ("measured", 0), ("ended", 1), ("settled", 0), ("asked", 1), ("old", 1)],
    )
    def test_the_sweep_finds_what_is_due(
        self,
        running: Spot,
        state: str,
        found: int,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(queueing, "is_idle", lambda _task: True)
        settings.BATCHWEB_CHECKPOINT_RETENTION_DAYS = 1
        now = timezone.now() + 2 * MINUTE
        write(running, "state", b"1")
        if state == "measured":
            tend(running, after=2 * MINUTE)
        if state in {"ended", "settled", "asked", "old"}:
            ended(running)
        if state in {"settled", "asked", "old"}:
            tend(running)
        if state == "asked":
            ask_to_delete(job=running.attempt.job, now=timezone.now())
        if state == "old":
            now += timedelta(days=1)
        assert sweep_checkpoints(now=now) == found
        running.attempt.node.engine.status = EngineStatus.UNREACHABLE
        running.attempt.node.engine.save()
        assert sweep_checkpoints(now=now) == 0

    def test_what_waits_in_a_busy_queue_is_not_piled_up(
        self, running: Spot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(queueing, "is_idle", lambda _task: False)
        assert sweep_checkpoints(now=timezone.now() + 5 * MINUTE) == 0

    def test_reconciliation_removes_the_volumes_that_are_not_on_record_alone(
        self, running: Spot
    ) -> None:
        engine = connect(
            "fake", running.attempt.node.engine.url, installation=_installation(running)
        )
        write(running, "state", b"1")
        ended(running)
        assert remove_left_over(engine=engine) == 0
        assert volumes(running) == [kept(running).volume]
        Checkpoint.objects.all().delete()
        assert remove_left_over(engine=engine) == 1
        assert volumes(running) == []

    def test_what_is_gone_already_is_removed_again_without_an_error(self, running: Spot) -> None:
        write(running, "state", b"1")
        ended(running)
        tend(running)
        ask_to_delete(job=running.attempt.job, now=timezone.now())
        running.world.belongings.remove_volume(kept(running).volume)
        tend(running)
        assert kept(running).removed_at is not None


def _installation(spot: Spot) -> str:
    labels = spot.world.belongings.volumes[kept(spot).volume].labels
    return labels[names.LABEL_INSTALLATION]
