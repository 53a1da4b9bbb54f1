"""Settling in portions: nothing is lost, whoever dies, and who has lost the lease settles nothing."""

import contextlib
import itertools
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs import changes
from jobs.domain.errors import LostLease
from jobs.domain.states import JobStatus
from jobs.models import Job, SchedulerLease
from jobs.services.passes import counterparts, failing, settle
from jobs.services.passes.accept import accept_submitted
from jobs.services.passes.lease import Lease, fence
from jobs.services.passes.settle import settle_ended
from jobs.services.requests.stop import cancel_job
from tests.builders import NOW
from tests.services.stepping import (
    check_summaries,
    child,
    children,
    end,
    schedule,
    status,
    statuses,
    submitted,
)

pytestmark = pytest.mark.django_db


class Died(BaseException):
    """The scheduler was killed."""


def a_fan(lease: Lease) -> tuple[Job, list[Job]]:
    job = submitted()
    fan = [submitted(job) for _ in range(5)]
    schedule(lease)
    return job, fan


def an_array_after_another(lease: Lease) -> tuple[Job, list[Job]]:
    first = submitted(size=5)
    second = submitted((first, "N_TO_N"), size=5)
    schedule(lease)
    end(*(child(first, index) for index in range(1, 5)))
    return child(first, 0), children(second)


def steps(lease: Lease) -> tuple[Job, list[Job]]:
    array = submitted(size=5, sequential=True)
    schedule(lease)
    return child(array, 0), children(array)[1:]


RUN, WAIT, FAIL = "RUNNABLE", "PENDING", "FAILED"


@pytest.mark.parametrize(
    ("make", "ok", "after"),
    [
        (a_fan, True, [RUN] * 5),
        (a_fan, False, [FAIL] * 5),
        (an_array_after_another, True, [RUN] * 5),
        (an_array_after_another, False, [FAIL, *[RUN] * 4]),
        (steps, True, [RUN, WAIT, WAIT, WAIT]),
        (steps, False, [FAIL] * 4),
    ],
)
@pytest.mark.parametrize("survived", range(6))
def test_a_scheduler_that_dies_between_two_writes_is_made_good_by_the_next(
    lease: Lease,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Lease], tuple[Job, list[Job]]],
    ok: bool,
    after: list[str],
    survived: int,
) -> None:
    for module in (settle, failing, counterparts):
        monkeypatch.setattr(module, "PORTION", 2)
    job, waiting = make(lease)
    end(job, ok=ok)
    writes = itertools.count(1)

    def mortal(held: Lease) -> None:
        fence(held)
        if next(writes) > survived:
            raise Died

    with monkeypatch.context() as patch, contextlib.suppress(Died):
        for name in ("settle", "failing", "array_stop", "marks"):
            patch.setattr(f"jobs.services.passes.{name}.fence", mortal)
        schedule(lease)
    schedule(lease)
    assert statuses(waiting) == after
    assert not Job.objects.filter(needs_settling=True).exists()
    check_summaries()


def test_who_has_lost_the_lease_accepts_and_settles_nothing(lease: Lease) -> None:
    job, fan = a_fan(lease)
    end(job)
    new = submitted(size=2)
    SchedulerLease.objects.update(token=lease.token + 1)
    with pytest.raises(LostLease):
        settle_ended(lease=lease, now=NOW)
    with pytest.raises(LostLease):
        accept_submitted(lease=lease, now=NOW)
    assert set(statuses(fan)) == {"PENDING"}
    assert status(new) == JobStatus.SUBMITTED
    assert Job.objects.get(id=job.id).needs_settling


def test_it_says_whether_there_is_more_to_do(lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "PORTION", 2)
    job, fan = a_fan(lease)
    end(job)
    assert settle_ended(lease=lease, now=NOW, seconds=0)
    assert statuses(fan).count("RUNNABLE") == 2
    while settle_ended(lease=lease, now=NOW, seconds=0):
        pass
    assert statuses(fan).count("RUNNABLE") == 5


def test_a_pass_in_which_nothing_ended_asks_one_question(lease: Lease) -> None:
    submitted(size=50)
    a_fan(lease)
    with CaptureQueriesContext(connection) as queries:
        assert not settle_ended(lease=lease, now=NOW)
    assert len(queries) == 1


def test_a_job_that_nobody_waits_for_leaves_nothing_to_settle(lease: Lease) -> None:
    job = submitted()
    schedule(lease)
    end(job)
    assert not Job.objects.get(id=job.id).needs_settling


@pytest.mark.parametrize("how", ["end", "cancel"])
def test_an_end_wakes_the_scheduler(
    lease: Lease, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    job, _ = a_fan(lease)
    woken: list[bool] = []
    monkeypatch.setattr(changes, "wake_scheduler", lambda: woken.append(True))
    if how == "end":
        end(job)
    else:
        cancel_job(job=job, reason="", now=NOW)
    assert woken
