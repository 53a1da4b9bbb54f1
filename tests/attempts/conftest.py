"""A running Spot attempt on a fake engine whose clock stands, and ways to play with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from jobs.domain.names import container_name
from jobs.engines.base import ContainerPhase
from jobs.engines.fake.container import Container
from jobs.engines.fake.world import SHELL_IMAGE, World, forget_world, world
from jobs.models import Attempt, Capacity, Instance, Job, JobSpec, JobStatus
from jobs.services.attempts.interruptions import interrupt_attempts
from jobs.services.attempts.launch import launch_attempt
from jobs.services.attempts.reap import reap_attempt
from jobs.services.attempts.stopping import stop_attempt
from tests.builders import a_definition, a_job, an_attempt

WHY = "Job report of queue fast needs its room."
RULES = [
    {"action": "RETRY", "onStatusReason": "Host EC2*"},
    {"action": "EXIT", "onStatusReason": "*"},
]
NOTICE = timedelta(seconds=120)


@dataclass
class Spot:
    """An attempt at a job that may be tried three times, on a Spot instance; times are from `told_at` on."""

    attempt: Attempt
    told_at: datetime

    @property
    def world(self) -> World:
        return world(self.attempt.node.engine.url.removeprefix("fake://"))

    @property
    def container(self) -> Container:
        return self.world.get(container_name(self.attempt.job_id, self.attempt.number))

    @property
    def runs(self) -> bool:
        return self.container.phase is ContainerPhase.RUNNING

    @property
    def kill_at(self) -> datetime:
        return self.told_at + NOTICE

    def after(self, seconds: float) -> datetime:
        return self.told_at + timedelta(seconds=seconds)

    def launch(self) -> None:
        launch_attempt(attempt_id=self.attempt.id, now=timezone.now())
        self.refresh()

    def interrupt(self) -> list[int]:
        told = interrupt_attempts(
            attempts=[self.attempt], reason=WHY, kill_at=self.kill_at, now=self.told_at
        )
        self.refresh()
        return told

    def stop(self, seconds: float = 0) -> None:
        """A worker carries out what is due then."""
        stop_attempt(attempt_id=self.attempt.id, now=self.after(seconds))
        self.refresh()

    def end(self, exit_code: int) -> None:
        with self.world.changed:
            self.world.advance(2)
            self.world.kill(self.container, exit_code)

    def reap(self) -> Job:
        assert reap_attempt(attempt_id=self.attempt.id, now=timezone.now())
        self.refresh()
        return self.attempt.job

    def refresh(self) -> None:
        self.attempt.refresh_from_db()
        self.attempt.job.refresh_from_db()


@pytest.fixture
def spot() -> Iterator[Spot]:
    """It is still to be launched; its container heeds no SIGTERM."""
    definition = a_definition(image=SHELL_IMAGE, command=["stubborn"], attempts=3)
    job = a_job(definition=definition, status=JobStatus.STARTING, attempts_made=1)
    JobSpec.objects.filter(id=job.spec_id).update(evaluate_on_exit=RULES)
    job.refresh_from_db()
    one = an_attempt(job=job, capacity=Capacity.SPOT)
    now = timezone.now()
    one.instance = Instance.objects.create(
        instance_id=f"i-{one.id:017x}",
        environment=one.environment,
        node=one.node,
        type_name="m5.large",
        milli_vcpus=2000,
        memory_mib=8192,
        is_spot=True,
        usd_per_hour="0.096",
        spot_usd_per_hour="0.03",
        launched_at=now,
    )
    one.save(update_fields=["instance"])
    found = Spot(one, now)
    found.world.stop_clock()
    yield found
    forget_world(one.node.engine.url.removeprefix("fake://"))


@pytest.fixture
def running(spot: Spot) -> Spot:
    spot.launch()
    return spot
