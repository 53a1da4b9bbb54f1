"""Taking of consumable resources with a placement, and giving back at the end of a try."""

from datetime import timedelta

import pytest

from jobs.models import ConsumableHold, ConsumableResource, ConsumableType
from jobs.services.attempts.consumables import Want, release, take
from tests.builders import NOW, a_consumable, a_hold, a_job

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=5)


def amounts(resource: ConsumableResource) -> tuple[int, int]:
    resource.refresh_from_db()
    return resource.total_quantity, resource.in_use_quantity


def test_what_a_job_takes_is_in_use_and_held() -> None:
    resource, job = a_consumable(name="licence", total_quantity=5), a_job()
    assert take(wants=[Want(job.id, 1, (("licence", 2),))], now=NOW) == {job.id}
    assert amounts(resource) == (5, 2)
    hold = ConsumableHold.objects.get()
    assert (hold.job, hold.attempt_number, hold.quantity) == (job, 1, 2)
    assert (hold.taken_at, hold.released_at) == (NOW, None)


def test_what_is_not_replenishable_leaves_the_total_for_good() -> None:
    resource = a_consumable(name="token", total_quantity=5, type=ConsumableType.NON_REPLENISHABLE)
    job = a_job()
    take(wants=[Want(job.id, 1, (("token", 2),))], now=NOW)
    assert amounts(resource) == (3, 0)
    release(job_id=job.id, attempt_number=1, now=LATER)
    assert amounts(resource) == (3, 0)
    assert ConsumableHold.objects.get().released_at == LATER


def test_a_job_gets_all_that_it_wants_or_nothing() -> None:
    licence = a_consumable(name="licence", total_quantity=5)
    seat = a_consumable(name="seat", total_quantity=1)
    first, second, third = a_job(), a_job(), a_job()
    wants = [
        Want(first.id, 1, (("licence", 2), ("seat", 1))),
        Want(second.id, 1, (("licence", 2), ("seat", 1))),
        Want(third.id, 2, (("licence", 3),)),
    ]
    assert take(wants=wants, now=NOW) == {first.id, third.id}
    assert amounts(licence) == (5, 5)
    assert amounts(seat) == (1, 1)
    assert ConsumableHold.objects.filter(job=second).count() == 0


def test_a_resource_that_was_deleted_is_given_to_nobody() -> None:
    assert take(wants=[Want(a_job().id, 1, (("ghost", 1),))], now=NOW) == set()


def test_a_total_that_was_lowered_below_what_is_in_use_gives_nothing() -> None:
    resource = a_consumable(name="licence", total_quantity=1, in_use_quantity=3)
    assert take(wants=[Want(a_job().id, 1, (("licence", 1),))], now=NOW) == set()
    assert amounts(resource) == (1, 3)


def test_the_end_of_a_try_gives_its_resources_back_once() -> None:
    resource = a_consumable(total_quantity=5)
    hold, other = a_hold(resource=resource, quantity=2), a_hold(resource=resource, quantity=1)
    for _ in range(2):
        release(job_id=hold.job_id, attempt_number=1, now=LATER)
    assert amounts(resource) == (5, 1)
    hold.refresh_from_db()
    other.refresh_from_db()
    assert (hold.released_at, other.released_at) == (LATER, None)


def test_only_the_try_that_ended_gives_back() -> None:
    hold = a_hold(quantity=2)
    release(job_id=hold.job_id, attempt_number=2, now=LATER)
    assert amounts(hold.resource) == (10, 2)


def test_a_clock_that_is_behind_does_not_keep_a_resource() -> None:
    hold = a_hold()
    release(job_id=hold.job_id, attempt_number=1, now=NOW - timedelta(seconds=1))
    hold.refresh_from_db()
    assert hold.released_at == NOW
