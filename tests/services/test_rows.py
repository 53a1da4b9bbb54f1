"""Many rows with values of their own in one statement."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.models import Attempt, Job, JobStatus
from jobs.services import rows
from jobs.services.rows import update_rows
from tests.builders import NOW, a_job, a_queue, an_attempt

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempts() -> list[Attempt]:
    queue = a_queue()
    jobs = [a_job(queue=queue, status=JobStatus.STARTING, attempts_made=1) for _ in range(3)]
    return [an_attempt(job=job) for job in jobs]


def test_each_row_gets_its_own_values_as_django_reads_them(attempts: list[Attempt]) -> None:
    values = {
        attempt.id: {
            "started_at": NOW + timedelta(microseconds=number),
            "deadline_at": None,
            "container_id": f"it's {number} 100% ?",
            "oom_killed": number == 1,
            "address": None if number == 2 else f"10.0.0.{number}",
            "cost_usd": Decimal("0.000000001") * number,
        }
        for number, attempt in enumerate(attempts)
    }
    assert update_rows(Attempt, values) == [attempt.id for attempt in attempts]
    for attempt in attempts:
        attempt.refresh_from_db()
        for field, value in values[attempt.id].items():
            assert getattr(attempt, field) == value, field


def test_rows_that_are_not_as_they_should_be_are_left_alone(attempts: list[Attempt]) -> None:
    first, second, _ = attempts
    Attempt.objects.filter(id__in=[first.id, second.id]).update(launch_token="mine")
    Attempt.objects.filter(id=second.id).update(started_at=NOW)
    changed = update_rows(
        Attempt,
        {attempt.id: {"container_id": "c"} for attempt in attempts},
        only_if={"launch_token": "mine", "started_at": None},
    )
    assert changed == [first.id]
    ids = Attempt.objects.filter(container_id="c").values_list("id", flat=True)
    assert list(ids) == [first.id]


def test_keys_may_be_uuids(attempts: list[Attempt]) -> None:
    job_ids = [attempt.job_id for attempt in attempts]
    changed = update_rows(Job, {id_: {"exit_code": at} for at, id_ in enumerate(job_ids)})
    assert changed == job_ids
    assert [Job.objects.get(id=id_).exit_code for id_ in job_ids] == [0, 1, 2]


def test_many_rows_are_written_in_portions(
    attempts: list[Attempt],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(rows, "PORTION", 2)
    with django_assert_num_queries(2):
        changed = update_rows(Attempt, {each.id: {"image": "a"} for each in attempts})
    assert sorted(changed) == [each.id for each in attempts]


def test_nothing_to_write_is_no_statement(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        assert update_rows(Attempt, {}) == []
