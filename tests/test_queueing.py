from importlib import import_module

import django_rq
import pytest
from django.conf import settings
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from jobs import queueing


@pytest.fixture(autouse=True)
def _empty_queues() -> None:
    for name in set(queueing.QUEUE_OF.values()):
        django_rq.get_queue(name).empty()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("task", queueing.QUEUE_OF)
def test_every_dotted_name_resolves_to_a_task(task: str) -> None:
    module, _, name = task.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_every_queue_is_configured_and_served() -> None:
    from jobs.processes.workers import (
        CHECKPOINT_QUEUES,
        PULL_QUEUES,
        SENDING_QUEUES,
        SHORT_QUEUES,
    )

    assert set(queueing.QUEUE_OF.values()) == set(settings.RQ_QUEUES)
    served = {*SHORT_QUEUES, *PULL_QUEUES, *CHECKPOINT_QUEUES, *SENDING_QUEUES}
    assert served == set(settings.RQ_QUEUES)


@pytest.mark.django_db
def test_tasks_are_handed_over_after_the_commit_and_with_ids_only(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        queueing.enqueue_after_commit(queueing.REAP, [7, 8])
        assert queueing.is_idle(queueing.REAP)
    jobs = django_rq.get_queue("reap").jobs
    assert [(job.func_name, job.args) for job in jobs] == [
        (queueing.REAP, (7,)),
        (queueing.REAP, (8,)),
    ]


@pytest.mark.parametrize(
    ("task", "count", "sizes"),
    [
        (queueing.LAUNCH, 1, [1]),
        (queueing.LAUNCH, 16, [1] * 16),
        (queueing.LAUNCH, 17, [2] * 8 + [1]),  # all workers have something
        (queueing.LAUNCH, 160, [10] * 16),
        (queueing.LAUNCH, 1000, [50] * 20),  # and no task is long
        (queueing.REAP, 2, [1, 1]),
        (queueing.REAP, 16, [4] * 4),
        (queueing.REAP, 1000, [50] * 20),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_many_ids_are_handed_over_in_portions(task: str, count: int, sizes: list[int]) -> None:
    queueing.enqueue_after_commit(task, list(range(count)))
    portions = [job.args for job in queueing.queue_of(task).jobs]
    assert [len(portion) for portion in portions] == sizes
    assert [id_ for portion in portions for id_ in portion] == list(range(count))


@pytest.mark.django_db(transaction=True)
def test_who_works_one_task_off_takes_the_next_along() -> None:
    queueing.enqueue_after_commit(queueing.REAP, [7, 8, 9])
    first, *_ = django_rq.get_queue("reap").jobs
    assert queueing.take_more(queueing.REAP, 2) == [7, 8]
    assert not first.exists(first.id, connection=first.connection)
    assert [job.args for job in django_rq.get_queue("reap").jobs] == [(9,)]
    assert queueing.take_more(queueing.REAP, 5) == [9]
    assert queueing.take_more(queueing.REAP, 5) == []


@pytest.mark.django_db(transaction=True)
def test_large_tasks_are_not_all_taken_along_at_once() -> None:
    queueing.enqueue_after_commit(queueing.REAP, list(range(1000)))
    assert len(queueing.take_more(queueing.REAP, 100)) == 8 * 50


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_hands_over_nothing() -> None:
    with transaction.atomic():
        queueing.enqueue_after_commit(queueing.REAP, [7])
        transaction.set_rollback(True)
    assert queueing.is_idle(queueing.REAP)
