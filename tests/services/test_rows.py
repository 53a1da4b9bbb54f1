"""New rows, and many rows with values of their own, by statements of our own."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from jobs.domain.ids import new_job_id
from jobs.models import Attempt, Job, JobSpec, JobStatus, Transition
from jobs.services.writing import rows
from jobs.services.writing.rows import insert_new_rows, insert_row, update_rows
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


def test_a_new_row_is_read_back_as_it_was_written() -> None:
    job = a_job()
    spec = JobSpec(id=new_job_id(), image="it's 100% ?", command=["a", "ä\n"], tags={"a": "b"})
    insert_row(spec)
    stored = JobSpec.objects.get(id=spec.id)
    fields = [field.attname for field in JobSpec._meta.concrete_fields]
    assert [getattr(stored, name) for name in fields] == [getattr(spec, name) for name in fields]
    insert_row(Transition(job=job, to_status=JobStatus.RUNNABLE, at=NOW))
    assert Transition.objects.filter(job=job).latest("id").at == NOW


def test_a_row_that_was_written_is_saved_by_an_update() -> None:
    spec = JobSpec(id=new_job_id(), image="a")
    insert_row(spec)
    spec.image = "b"
    spec.save()
    assert JobSpec.objects.get(id=spec.id).image == "b"


def test_a_key_that_there_is_already_is_refused() -> None:
    spec = a_job().spec
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_row(JobSpec(id=spec.id, image="b"))


def a_new_attempt(template: Attempt, index: int) -> Attempt:
    values = {
        field.attname: getattr(template, field.attname)
        for field in Attempt._meta.concrete_fields
        if not field.primary_key
    }
    return Attempt(**values | {"container_index": index, "image": f"it's {index} 100% ?"})


def test_new_rows_are_written_as_they_are_in_whatever_portion(
    attempts: list[Attempt],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(rows, "PORTION", 2)
    new = [a_new_attempt(each, index) for each in attempts for index in (3, 1, 2)]
    with django_assert_num_queries(5):
        insert_new_rows(new)
    fields = [field.attname for field in Attempt._meta.concrete_fields if not field.primary_key]
    for row in new:
        stored = Attempt.objects.get(job=row.job_id, container_index=row.container_index)
        assert [getattr(stored, name) for name in fields] == [getattr(row, name) for name in fields]


def test_rows_that_there_are_already_are_left_as_they_are(attempts: list[Attempt]) -> None:
    there = attempts[0]
    again, new = a_new_attempt(there, there.container_index), a_new_attempt(there, 7)
    insert_new_rows([again, new])
    there.refresh_from_db()
    assert there.image != again.image
    assert Attempt.objects.get(job=there.job_id, container_index=7).image == new.image


def test_no_new_rows_are_no_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        insert_new_rows([])
