"""Making, changing and deleting queues; each refusal says what stands against it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from jobs.domain.errors import Conflict, InvalidInput, NotFound
from jobs.models import JobQueue, QueueStatus
from jobs.services.setup.queues import create_queue, delete_queue, update_queue
from tests.builders import NOW, a_job, a_queue, an_environment


def names(queue: JobQueue) -> list[str]:
    return list(queue.environment_order.values_list("environment__name", flat=True))


@pytest.mark.django_db
def test_a_new_queue_has_its_environments_in_the_order_given() -> None:
    for name in ("a", "b", "c"):
        an_environment(name=name)
    fields = {"name": "default", "priority": "7", "environments": ["c", "", "a"]}
    queue = create_queue(fields=fields, now=NOW)
    assert (queue.priority, queue.state, names(queue)) == (7, "ENABLED", ["c", "a"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"name": ""}, "name", "Give a name."),
        ({"name": "taken"}, "name", "There is a queue named taken already."),
        ({"priority": "-1"}, "priority", "Priority is between 0 and 2147483647."),
        ({"priority": "1.5"}, "priority", "Priority is a whole number"),
        ({"state": "off"}, "state", "The state is ENABLED or DISABLED."),
        ({"environments": []}, "environments", "Choose at least one environment."),
        ({"environments": "a"}, "environments", "Environments are a list of names."),
        ({"environments": ["a", "a"]}, "environments", "Choose each environment once."),
        ({"environments": ["a", "z"]}, "environments", "There is no environment named z."),
        ({"environments": list("abcd")}, "environments", "A queue has at most 3 environments."),
        ({"environments": [1]}, "environments", "This is a text."),
        ({"color": "red"}, "color", "There is no such field."),
    ],
)
def test_a_refusal_names_the_field(fields: dict[str, object], field: str, said: str) -> None:
    a_queue(an_environment(name="a"), name="taken")
    with pytest.raises(InvalidInput) as caught:
        create_queue(fields={"name": "new", "environments": ["a"], **fields}, now=NOW)
    assert list(caught.value.errors) == [field]
    assert caught.value.errors[field][0].startswith(said)
    assert JobQueue.objects.count() == 1


@pytest.mark.django_db
def test_an_update_changes_what_is_given_and_leaves_the_rest() -> None:
    queue = a_queue(an_environment(name="a"), an_environment(name="b"), priority=3)
    update_queue(queue=queue, fields={"state": "DISABLED"})
    queue.refresh_from_db()
    assert (queue.priority, queue.state, names(queue)) == (3, "DISABLED", ["a", "b"])
    update_queue(queue=queue, fields={"environments": ["b", "a"]})
    assert names(queue) == ["b", "a"]


@pytest.mark.django_db
def test_a_refused_update_changes_nothing() -> None:
    queue = a_queue(an_environment(name="a"))
    with pytest.raises(InvalidInput):
        update_queue(queue=queue, fields={"priority": "9", "environments": []})
    with pytest.raises(InvalidInput, match="keeps its name"):
        update_queue(queue=queue, fields={"name": "other"})
    queue.refresh_from_db()
    assert (queue.priority, names(queue)) == (1, ["a"])


@pytest.mark.django_db
def test_a_queue_is_deleted_only_when_disabled() -> None:
    queue = a_queue()
    with pytest.raises(Conflict, match="is enabled"):
        delete_queue(queue=queue)
    update_queue(queue=queue, fields={"state": "DISABLED"})
    a_job(queue=queue)
    delete_queue(queue=queue)
    delete_queue(queue=queue)
    assert JobQueue.objects.get().status == QueueStatus.DELETING
    with pytest.raises(Conflict, match="is being deleted"):
        update_queue(queue=queue, fields={"state": "ENABLED"})
    JobQueue.objects.update(status=QueueStatus.DELETED)
    delete_queue(queue=queue)
    with pytest.raises(NotFound):
        update_queue(queue=queue, fields={})


@pytest.mark.django_db(transaction=True)
def test_of_two_who_make_the_same_queue_one_is_told_that_it_is_there() -> None:
    an_environment(name="a")

    def one(_: int) -> str:
        try:
            create_queue(fields={"name": "same", "environments": ["a"]}, now=NOW)
        except InvalidInput as error:
            return str(error)
        finally:
            connection.close()
        return "made"

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(one, range(4)))
    assert said == ["made"] + ["name: There is a queue named same already."] * 3


@pytest.mark.django_db(transaction=True)
def test_two_who_reorder_a_queue_at_once_do_not_mix_their_orders() -> None:
    queue = a_queue(*(an_environment(name=name) for name in "abc"))
    orders = [["a", "b", "c"], ["c", "b", "a"], ["b"], ["c", "a"]]

    def one(order: list[str]) -> None:
        try:
            update_queue(queue=queue, fields={"environments": order})
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, orders * 4))
    assert names(queue) in orders
