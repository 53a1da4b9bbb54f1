"""What a job used is charged to its share at the end of each try."""

import math
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.models import Job, ShareUsage
from jobs.scheduling.shares import used_by_run
from jobs.services.attempts.shares import charge, charge_all
from tests.builders import NOW, a_job, a_policy, a_queue, an_attempt

pytestmark = pytest.mark.django_db


def a_job_of(share: str, **fields: object) -> Job:
    queue = a_queue(scheduling_policy=a_policy(share_decay_seconds=1000))
    return a_job(queue=queue, share_identifier=share, attempts_made=1, **fields)


def a_run(job: Job, seconds: int, **fields: object) -> None:
    stopped_at = NOW + timedelta(seconds=seconds)
    an_attempt(
        job=job,
        number=job.attempts_made,
        started_at=NOW,
        stopped_at=stopped_at,
        ended_at=stopped_at,
        **fields,
    )


def test_a_run_is_charged_to_its_share() -> None:
    job = a_job_of("red")
    a_run(job, 500, milli_vcpus=2000)
    charge(job=job, attempt_number=1, now=NOW + timedelta(seconds=500))
    row = ShareUsage.objects.get()
    expected = used_by_run(milli_vcpus=2000, seconds=500, decay_seconds=1000)
    assert (row.queue, row.share_identifier) == (job.queue, "red")
    assert row.milli_vcpu_seconds == pytest.approx(expected)


def test_all_containers_of_a_try_count_and_other_tries_do_not() -> None:
    job = a_job_of("red")
    a_run(job, 100, milli_vcpus=1000)
    a_run(job, 100, milli_vcpus=500, container_index=1)
    job.attempts_made = 2
    a_run(job, 999, milli_vcpus=9000)
    charge(job=job, attempt_number=1, now=NOW + timedelta(seconds=100))
    expected = used_by_run(milli_vcpus=1500, seconds=100, decay_seconds=1000)
    assert ShareUsage.objects.get().milli_vcpu_seconds == pytest.approx(expected)


def test_earlier_use_has_faded_when_more_is_added() -> None:
    job = a_job_of("red")
    ShareUsage.objects.create(
        queue=job.queue, share_identifier="red", milli_vcpu_seconds=1e6, as_of=NOW
    )
    a_run(job, 1000)
    later = NOW + timedelta(seconds=1000)
    charge(job=job, attempt_number=1, now=later)
    row = ShareUsage.objects.get()
    expected = 1e6 / math.e + used_by_run(milli_vcpus=1000, seconds=1000, decay_seconds=1000)
    assert row.milli_vcpu_seconds == pytest.approx(expected)
    assert row.as_of == later


def test_a_worker_whose_clock_is_behind_takes_nothing_back() -> None:
    job = a_job_of("red")
    ahead = NOW + timedelta(hours=1)
    ShareUsage.objects.create(
        queue=job.queue, share_identifier="red", milli_vcpu_seconds=5.0, as_of=ahead
    )
    a_run(job, 10)
    charge(job=job, attempt_number=1, now=NOW + timedelta(seconds=10))
    row = ShareUsage.objects.get()
    assert row.as_of == ahead
    assert row.milli_vcpu_seconds > 5.0


def test_a_try_whose_containers_never_ran_costs_the_share_nothing() -> None:
    job = a_job_of("red")
    an_attempt(job=job, number=1, ended_at=NOW)
    charge(job=job, attempt_number=1, now=NOW)
    assert not ShareUsage.objects.exists()


def test_a_queue_without_a_policy_charges_nobody(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    job = a_job(attempts_made=1)
    a_run(job, 10)
    with django_assert_num_queries(0):
        charge(job=job, attempt_number=1, now=NOW)
    # Its queue's policy was replaced by none since.
    job.share_identifier = "red"
    charge(job=job, attempt_number=1, now=NOW)
    assert not ShareUsage.objects.exists()


def test_many_runs_are_charged_in_as_many_statements_as_some(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    queue = a_queue(scheduling_policy=a_policy(share_decay_seconds=1000))
    later = NOW + timedelta(seconds=100)
    jobs = [
        a_job(queue=queue, share_identifier=share, attempts_made=1)
        for share in ("red", "green", "blue") * 4
    ]
    for job in jobs:
        a_run(job, 100, milli_vcpus=1000)
    # Policies, runs, which rows there are, rows made, locked, and written.
    with django_assert_num_queries(6):
        charge_all(tries=[(job, 1) for job in jobs], now=later)
    each = used_by_run(milli_vcpus=1000, seconds=100, decay_seconds=1000)
    rows = ShareUsage.objects.order_by("share_identifier")
    assert [row.share_identifier for row in rows] == ["blue", "green", "red"]
    assert [row.milli_vcpu_seconds for row in rows] == [pytest.approx(4 * each)] * 3
    # The next ones find their rows.
    with django_assert_num_queries(5):
        charge_all(tries=[(job, 1) for job in jobs], now=later)
    assert ShareUsage.objects.get(share_identifier="red").milli_vcpu_seconds == pytest.approx(
        8 * each
    )
