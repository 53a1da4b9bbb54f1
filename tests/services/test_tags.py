"""Two who change tags, or the total of a resource, at once: neither undoes the other."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from jobs.domain.errors import InvalidInput, NotFound
from jobs.models import ConsumableChange
from jobs.selectors.tags import tags_of
from jobs.services.requests.tags import add_tags, remove_tags
from jobs.services.setup.consumable_resources import update_resource
from tests.builders import NOW, a_consumable, a_job, a_queue


def at_once(*works: Callable[[], object]) -> list[Exception]:
    """Does all works at the same time; the errors of those that failed."""
    together = threading.Barrier(len(works))
    errors: list[Exception] = []

    def run(work: Callable[[], object]) -> None:
        try:
            together.wait(30)
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return errors


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("make", [a_queue, a_job])
def test_tags_that_several_set_at_once_are_all_there(make: Callable[..., Any]) -> None:
    row = make(tags={"before": "1", "gone": "2"})
    works = [lambda n=n: add_tags(row=row, tags={f"k{n}": str(n)}) for n in range(6)]
    assert not at_once(*works, lambda: remove_tags(row=row, keys=["gone"]))
    row.refresh_from_db()
    assert tags_of(row) == {"before": "1", **{f"k{n}": str(n) for n in range(6)}}


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_sent_several_times_at_once_is_made_once() -> None:
    resource = a_consumable(total_quantity=1)
    fields = {"operation": "ADD", "quantity": 1}

    def add() -> None:
        update_resource(resource=resource, fields=fields, client_token="t", now=NOW)

    assert not at_once(*[add] * 5)
    resource.refresh_from_db()
    assert resource.total_quantity == 2
    assert ConsumableChange.objects.count() == 1


@pytest.mark.django_db
def test_what_was_deleted_meanwhile_is_not_tagged() -> None:
    resource = a_consumable()
    resource_id = resource.pk
    resource.delete()
    resource.pk = resource_id
    with pytest.raises(NotFound):
        add_tags(row=resource, tags={"a": "b"})


@pytest.mark.django_db
@pytest.mark.parametrize(
    "tags", [{"aws:a": "b"}, {"a": 1}, {"": "b"}, {f"k{n}": "" for n in range(51)}]
)
def test_tags_beyond_the_limits_are_refused(tags: dict[str, Any]) -> None:
    queue = a_queue(tags={"a": "b"})
    with pytest.raises(InvalidInput) as refused:
        add_tags(row=queue, tags=tags)
    assert set(refused.value.errors) == {"tags"}
    queue.refresh_from_db()
    assert queue.tags == {"a": "b"}
