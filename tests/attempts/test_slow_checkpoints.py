"""One job's checkpoint directory holds nobody else's work up, whatever is in it and whoever dies over it."""

import tarfile
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.utils import timezone

from jobs import queueing
from jobs.engines.base import EngineError, VolumeMount
from jobs.models import Checkpoint, Job
from jobs.services import checkpoints
from jobs.services.checkpoints import Measure, sweep_checkpoints

from .conftest import Spot
from .test_checkpoints import MINUTE, ended, kept, tend, write

pytestmark = pytest.mark.django_db

ZEROS = bytes(1 << 20)


class TestMeasuring:
    def test_a_huge_file_is_told_by_what_it_says_and_not_read_to_its_end(
        self, running: Spot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closed = []

        def read_files(*_mount_and_path: object) -> Iterator[bytes]:
            try:
                huge = tarfile.TarInfo("checkpoint/huge")
                huge.size = 50 << 30
                yield huge.tobuf(tarfile.GNU_FORMAT)
                for _ in range(50_000):
                    yield ZEROS
            finally:
                closed.append(True)

        monkeypatch.setattr(
            checkpoints, "connection_to", lambda _: SimpleNamespace(read_files=read_files)
        )
        monkeypatch.setattr(checkpoints, "SECONDS", 0.1)
        tend(running)
        found = kept(running)
        assert (found.size_bytes, found.file_count, found.is_partial) == (50 << 30, 1, True)
        assert closed == [True]
        assert found.tended_until is None

    def test_when_time_is_up_no_more_nodes_are_begun_with(
        self, running: Spot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Job.objects.filter(pk=running.attempt.job_id).update(node_count=1000)
        asked = []

        def read_files(mount: VolumeMount, _: str) -> Iterator[bytes]:
            asked.append(mount)
            return iter(())

        engine = SimpleNamespace(read_files=read_files)
        monkeypatch.setattr(checkpoints, "connection_to", lambda _: engine)
        monkeypatch.setattr(checkpoints, "SECONDS", -1.0)
        tend(running)
        assert kept(running).is_partial
        assert asked == []

    def test_nobody_looks_at_what_another_looks_at(
        self, running: Spot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []

        def measure(**_: object) -> Measure:
            seen.append(1)
            tend(running)
            return Measure(5, 1)

        monkeypatch.setattr(checkpoints, "measure", measure)
        tend(running)
        assert seen == [1]
        assert kept(running).tended_until is None

    def test_who_died_over_it_holds_it_up_for_a_while_only(
        self, running: Spot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(queueing, "is_idle", lambda _task: True)
        write(running, "state", b"12345")
        now = timezone.now() + 2 * MINUTE
        Checkpoint.objects.update(tended_until=now + checkpoints.CLAIM)
        for job_ended in (False, True):
            if job_ended:
                ended(running)
            assert sweep_checkpoints(now=now + checkpoints.CLAIM / 2) == 0
            assert sweep_checkpoints(now=now + checkpoints.CLAIM) == 1
        tend(running, after=checkpoints.CLAIM)
        assert kept(running).size_bytes is None
        tend(running, after=checkpoints.CLAIM + 3 * MINUTE)
        assert kept(running).size_bytes == 5

    def test_what_went_wrong_is_left_alone_for_a_minute(
        self, running: Spot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(queueing, "is_idle", lambda _task: True)

        def measure(**_: object) -> Measure:
            raise EngineError("no")

        monkeypatch.setattr(checkpoints, "measure", measure)
        tend(running, after=2 * MINUTE)
        told = timezone.now() + 2 * MINUTE
        assert sweep_checkpoints(now=told + MINUTE / 2) == 0
        assert sweep_checkpoints(now=told + MINUTE) == 1
