"""Attempts that are launched, or whose pull fails, together: with whose logins, at the price of a few queries."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.engines.base import CannotStart
from jobs.engines.fake import FakeEngine
from jobs.engines.fake.scripts import run_command
from jobs.models import Attempt, ImagePull, JobStatus
from jobs.services.attempts import launch
from jobs.services.attempts.registry_access import accesses_of, to_be_pulled
from tests.builders import NOW, a_job, an_attempt

from .machine import ACCOUNTS, IMAGE, NAMED, Machine, a_login, a_secret_of

pytestmark = pytest.mark.django_db


def test_many_attempts_are_looked_at_together(
    machine: Machine, ada: User, django_assert_num_queries: Any
) -> None:
    a_login(ada)
    machine.start(ada)
    for _ in range(5):
        job = a_job(
            status=JobStatus.STARTING, attempts_made=1, owner=ada, queue=machine.queue, image=IMAGE
        )
        an_attempt(job=job)
    attempts = list(
        Attempt.objects.filter(container_id="").select_related("job__spec", "node__engine")
    )
    assert len(attempts) == 5
    # What came with a login; logins; what they have proven.
    with django_assert_num_queries(3):
        assert to_be_pulled(attempts) == {}
    with django_assert_num_queries(1):
        assert len({access.key for access in accesses_of(attempts).values()}) == 1


def placed(machine: Machine, owner: User, image: str = IMAGE, **container: Any) -> Attempt:
    job = a_job(
        status=JobStatus.STARTING,
        attempts_made=1,
        owner=owner,
        queue=machine.queue,
        image=image,
        command=["sleep"],
        container=container,
    )
    return an_attempt(job=job)


def test_secrets_of_many_are_looked_up_together_whoever_they_are_of(
    machine: Machine, ada: User, bob: User, django_assert_num_queries: Any
) -> None:
    a_secret_of(ada, {"username": "ada", "password": ACCOUNTS["ada"]}, shared=False)
    for owner in (ada, ada, ada):
        placed(machine, owner, **NAMED)
    another_s = placed(machine, bob, **NAMED)
    attempts = list(Attempt.objects.select_related("job__spec", "job__owner", "node__engine"))
    with django_assert_num_queries(1):
        accesses = accesses_of(attempts)
    assert accesses.pop(another_s.id).problem.endswith("that jobs of bob may use.")
    assert len(set(accesses.values())) == 1
    # What came with a login; secrets; what they have proven.
    with django_assert_num_queries(3):
        assert len(to_be_pulled(attempts)) == 4


def test_what_comes_with_a_login_while_others_are_refused_is_not_started(
    machine: Machine, ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals may take an engine long enough for a pull by somebody else."""
    refused, later = placed(machine, bob, "fake/sh"), placed(machine, bob)
    monkeypatch.setattr(launch, "SLICE_SECONDS", 0)
    create = FakeEngine.create

    def pulled_meanwhile(engine: FakeEngine, spec: Any) -> str:
        if spec.image == IMAGE:
            return create(engine, spec)
        play.world.scripts[IMAGE] = run_command
        ImagePull.objects.create(
            engine=machine.engine,
            image=IMAGE,
            login=f"login:{a_login(ada).pk}",
            repository="localhost:5000/team/tool",
            status="PULLING",
            started_at=NOW,
            updated_at=NOW,
        )
        raise CannotStart("no such command")

    monkeypatch.setattr(FakeEngine, "create", pulled_meanwhile)
    play = machine.placed([refused, later])
    launch.launch_attempts(attempt_ids=[refused.id, later.id], now=play.now())
    play.work()
    later.refresh_from_db()
    assert later.started_at is None
    assert later.job.status == JobStatus.FAILED
