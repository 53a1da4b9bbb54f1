"""Consumable resources: what their total may become, and when they can be deleted."""

from typing import Any

import pytest

from jobs.domain.errors import Conflict, InvalidInput, NotFound
from jobs.domain.states import JobStatus
from jobs.models import ConsumableHold, ConsumableResource
from jobs.services.attempts.consumables import Want, take
from jobs.services.setup.consumable_resources import (
    create_resource,
    delete_resource,
    update_resource,
)
from tests.builders import NOW, a_consumable, a_hold, a_job

pytestmark = pytest.mark.django_db


def test_a_resource_is_made_replenishable_and_empty_unless_told_otherwise() -> None:
    resource = create_resource(fields={"name": "licences"}, now=NOW)
    assert (resource.type, resource.total_quantity) == ("REPLENISHABLE", 0)
    other = create_resource(
        fields={"name": "credits", "type": "non_replenishable", "total_quantity": "9"}, now=NOW
    )
    assert (other.type, other.total_quantity) == ("NON_REPLENISHABLE", 9)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "a b"}, "name"),
        ({"name": "taken"}, "name"),
        ({"type": "RENEWABLE"}, "type"),
        ({"total_quantity": -1}, "total_quantity"),
        ({"total_quantity": 2**63}, "total_quantity"),
        ({"quantity": 1}, "quantity"),
    ],
)
def test_a_refusal_names_the_field(fields: dict[str, Any], field: str) -> None:
    a_consumable(name="taken")
    with pytest.raises(InvalidInput) as caught:
        create_resource(fields={"name": "new", **fields}, now=NOW)
    assert list(caught.value.errors) == [field]
    assert ConsumableResource.objects.count() == 1


@pytest.mark.parametrize(
    ("operation", "quantity", "total"),
    [("SET", 3, 3), ("ADD", "5", 15), ("REMOVE", 4, 6), ("remove", 10, 0), ("SET", 0, 0)],
)
def test_the_total_is_set_raised_and_lowered(operation: str, quantity: object, total: int) -> None:
    resource = a_consumable(total_quantity=10)
    update_resource(
        resource=resource, fields={"operation": operation, "quantity": quantity}, now=NOW
    )
    resource.refresh_from_db()
    assert resource.total_quantity == total


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"operation": "REMOVE", "quantity": 11}, "quantity"),
        ({"operation": "ADD", "quantity": 2**63 - 1}, "quantity"),
        ({"operation": "SET"}, "quantity"),
        ({"operation": "TAKE", "quantity": 1}, "operation"),
        ({"total_quantity": 1, "quantity": 1}, "total_quantity"),
    ],
)
def test_a_total_that_cannot_be_is_refused(fields: dict[str, Any], field: str) -> None:
    resource = a_consumable(total_quantity=10)
    with pytest.raises(InvalidInput) as caught:
        update_resource(resource=resource, fields=fields, now=NOW)
    assert list(caught.value.errors) == [field]


def test_a_total_below_what_is_in_use_leaves_nothing_available() -> None:
    resource = a_consumable(total_quantity=5)
    a_hold(resource=resource, quantity=4)
    update_resource(resource=resource, fields={"quantity": 2}, now=NOW)
    resource.refresh_from_db()
    assert (resource.in_use_quantity, resource.available_quantity) == (4, 0)


def test_a_resource_that_somebody_holds_stays() -> None:
    resource = a_consumable(name="licences")
    a_hold(resource=resource, quantity=3)
    with pytest.raises(Conflict, match="Jobs hold 3 of licences"):
        delete_resource(resource=resource)


def test_a_resource_that_is_used_up_stays_while_the_jobs_that_took_of_it_run() -> None:
    resource = a_consumable(name="tok", total_quantity=5, type="NON_REPLENISHABLE")
    take(wants=[Want(a_job().id, 1, (("tok", 2),)), Want(a_job().id, 1, (("tok", 1),))], now=NOW)
    with pytest.raises(Conflict, match=r"^Jobs that still run took 3 of tok\. Wait for them"):
        delete_resource(resource=resource)
    assert ConsumableResource.objects.exists()


def test_a_resource_that_a_waiting_job_needs_stays_until_that_job_has_ended() -> None:
    resource = a_consumable(name="gpu_licence")
    for name in ("gpu_licence2", "gpu-licence", "gpuXlicence"):
        a_job(has_consumables=True, consumables=[{"consumableResource": name, "quantity": 1}])
    needed = [{"consumableResource": "gpu_licence", "quantity": 1}]
    job = a_job(status=JobStatus.RUNNABLE, has_consumables=True, consumables=needed)
    with pytest.raises(Conflict, match="Jobs that are not finished need gpu_licence"):
        delete_resource(resource=resource)
    type(job).objects.filter(pk=job.pk).update(status=JobStatus.FAILED, stopped_at=NOW)
    delete_resource(resource=resource)
    assert not ConsumableResource.objects.exists()


def test_what_ended_jobs_had_held_does_not_keep_a_resource() -> None:
    hold = a_hold(released_at=NOW)
    delete_resource(resource=hold.resource)
    assert not ConsumableResource.objects.exists()
    assert not ConsumableHold.objects.exists()
    delete_resource(resource=hold.resource)
    with pytest.raises(NotFound):
        update_resource(resource=hold.resource, fields={"quantity": 1}, now=NOW)
