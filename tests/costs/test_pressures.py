"""Old steps of the going price go once nothing is priced by them any more."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.models import Capacity, Engine, JobStatus, SpotPressure
from jobs.services.costs import pressures
from jobs.services.costs.pressures import forget_pressures
from tests.builders import NOW, a_job, a_node, an_attempt, an_instance

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def steps(engine: Engine, *days: int) -> None:
    """A step on each of these days from now."""
    SpotPressure.objects.bulk_create(
        SpotPressure(engine=engine, at=NOW + day * DAY, pressure=Decimal("0.5")) for day in days
    )


def left(engine: Engine) -> list[int]:
    """The days of the steps that are left."""
    rows = SpotPressure.objects.filter(engine=engine).order_by("at")
    return [(row.at - NOW) // DAY for row in rows]


def look(*days: int) -> None:
    for day in days:
        forget_pressures(now=NOW + day * DAY)


def test_what_nothing_is_priced_by_goes_but_for_the_step_that_still_holds() -> None:
    engine, quiet = a_node().engine, a_node().engine
    steps(engine, -30, -20, -10, -4, 0, 1)
    steps(quiet, -300)
    look(0)
    # Figures of a day ago may still be asked for.
    assert left(engine) == [-30, -20, -10, -4, 0, 1]
    look(1)
    # By the first look, what began from the day before on was needed.
    assert left(engine) == [-4, 0, 1]
    assert left(quiet) == [-300]


@pytest.mark.parametrize("kind", ["instance", "attempt"])
def test_what_a_living_spot_instance_or_attempt_is_priced_by_stays(kind: str) -> None:
    node = a_node()
    steps(node.engine, -30, -20, -10, -4, 0)
    began: datetime = NOW - 15 * DAY
    if kind == "instance":
        an_instance(node=node, is_spot=True, launched_at=began)
    else:
        job = a_job(status=JobStatus.RUNNING, attempts_made=1)
        an_attempt(
            job=job,
            node=node,
            capacity=Capacity.FARGATE_SPOT,
            placed_at=began,
            started_at=began,
        )
    look(0, 1, 2)
    assert left(node.engine) == [-20, -10, -4, 0]


def test_what_does_not_follow_the_price_keeps_nothing() -> None:
    node = a_node()
    steps(node.engine, -30, -20, -4)
    an_instance(node=node, launched_at=NOW - 25 * DAY)
    look(0, 1)
    assert left(node.engine) == [-4]


def test_many_go_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressures, "PORTION", 2)
    engine = a_node().engine
    steps(engine, *range(-20, -2))
    look(0)
    assert forget_pressures(now=NOW + DAY) == 17
    assert left(engine) == [-3]


def test_a_look_is_one_query_until_the_next_day(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    look(0)
    with django_assert_num_queries(1):
        forget_pressures(now=NOW + timedelta(hours=23))
