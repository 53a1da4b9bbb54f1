"""What managed environments have launched: on their pages, on each instance's own, and in JSON."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from jobs.domain.resources import Resources
from jobs.domain.states import JobStatus
from jobs.models import Attempt, ComputeEnvironment, Instance, SpotPressure
from jobs.selectors.environments import list_nodes
from jobs.selectors.instances import attempts_on, ended_instances, live_instances
from jobs.web.contexts import spot
from tests.builders import (
    NOW,
    a_definition,
    a_job,
    a_node,
    a_queue,
    an_attempt,
    an_engine,
    an_environment,
    an_instance,
    an_instance_type,
)

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def environment() -> ComputeEnvironment:
    """A Spot environment of 2 to 16 vCPUs on a machine of 8."""
    engine = an_engine(name="local")
    a_node(engine=engine, name="node", milli_vcpus=8000, memory_mib=32768)
    an_instance_type("m5.large", usd_per_hour=Decimal("0.1"), spot_usd_per_hour=Decimal("0.04"))
    resources = {
        "type": "SPOT",
        "allocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED",
        "minvCpus": 2,
        "maxvCpus": 16,
        "desiredvCpus": 4,
        "bidPercentage": 60,
        "instanceTypes": ["m5.large"],
    }
    return an_environment(
        name="here",
        engine=engine,
        type="MANAGED",
        compute_resources=resources,
        max_milli_vcpus=16_000,
        idle_seconds=600,
    )


def launched(environment: ComputeEnvironment, **fields: Any) -> Instance:
    values = {
        "type_name": "m5.large",
        "is_spot": True,
        "usd_per_hour": Decimal("0.1"),
        "spot_usd_per_hour": Decimal("0.04"),
        "bid_percentage": 60,
        "launched_at": NOW,
    }
    return an_instance(environment=environment, **{**values, **fields})


def run_on(instance: Instance, *, owner: User | None = None, **fields: Any) -> Attempt:
    job = a_job(
        queue=a_queue(instance.environment),
        status=JobStatus.RUNNING,
        attempts_made=1,
        definition=a_definition(),
        owner=owner,
        name=fields.pop("name", "job"),
    )
    values = {"capacity": "SPOT", "started_at": NOW, **fields}
    return an_attempt(job=job, environment=instance.environment, instance=instance, **values)


def test_live_instances_come_with_their_use_and_price(
    environment: ComputeEnvironment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first, second = launched(environment), launched(environment, gpus=1)
    launched(environment, state="ENDED", ended_at=LATER)
    run_on(first)
    run_on(second, gpus=[0], milli_vcpus=500)
    run_on(second, ended_at=LATER)
    # At 0.75 of the engine the price is half way from 0.04 to 0.1: over the bid, which is what is paid.
    SpotPressure.objects.create(
        engine=environment.engine, pressure=Decimal("0.75"), at=NOW + timedelta(minutes=30)
    )
    with django_assert_num_queries(7):
        live = live_instances(environment=environment, now=LATER)
        assert [each.job.queue.name for row in live.rows for each in row.attempts]
    assert (live.count, live.hidden, live.size) == (2, 0, Resources(4000, 8192, 1))
    one, other = live.rows
    assert (one.used, one.live_attempts) == (Resources(1000, 512), 1)
    assert other.used == Resources(500, 512, 1)
    assert (one.usd_per_hour, one.bid_usd_per_hour) == (Decimal("0.06"), Decimal("0.06"))
    # Half an hour at each price: 0.02 + 0.03.
    assert one.usd == Decimal("0.05")


def test_a_machine_shows_what_instances_reserve_of_it(environment: ComputeEnvironment) -> None:
    other = an_environment(engine=environment.engine)
    run_on(launched(environment))
    job = a_job(queue=a_queue(other), status=JobStatus.RUNNING, attempts_made=1)
    an_attempt(job=job)
    (node,) = list_nodes(environment=environment, now=NOW)
    assert node.used_here == Resources(2000, 4096)
    assert node.used == Resources(3000, 4608)
    # What is on an instance is shown there.
    assert (node.live_attempts, node.attempts) == (0, [])


def test_the_page_shows_instances_jobs_price_and_bounds(
    client: Client, visitor: User, environment: ComputeEnvironment
) -> None:
    busy = launched(environment, launch_reason="For the job <render>.")
    run_on(busy, name="mine", owner=visitor)
    run_on(busy, name="secret-plan")
    idle = launched(environment, idle_since=timezone.now())
    page = client.get("/environments/here/").text
    assert f'href="/instances/{busy.instance_id}/"' in page
    assert "Launched" in page
    assert "For the job &lt;render&gt;." in page
    assert "mine" in page
    assert "secret-plan" not in page
    assert "Idle for" in page
    assert "bid $0.06 (60 %)" in page
    assert "2 used, 4 launched, 16 at most" in page
    assert "min 2" in page
    assert "desired 4" in page
    assert "after 10 min 0 s" in page
    assert "Going Spot price" in page
    assert f'id="instance-{idle.pk}"' in page


@pytest.mark.parametrize(("minimum", "told"), [(8, False), (9, True)])
def test_a_minimum_that_all_machines_together_do_not_have_is_told(
    admin_client: Client, environment: ComputeEnvironment, minimum: int, told: bool
) -> None:
    environment.compute_resources["minvCpus"] = minimum
    environment.save()
    html = admin_client.get("/environments/here/").content.decode()
    warning = "minvCpus asks for 9 vCPUs, but all machines of its engine together have 8."
    assert (warning in html) is told


def test_an_environment_without_instances_says_when_they_come(
    client: Client, visitor: User, environment: ComputeEnvironment
) -> None:
    page = client.get("/environments/here/").text
    assert "No instances" in page
    assert "Ended instances" not in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kill_at": LATER, "end_reason": "The job big needs it."}, "The job big needs it."),
        ({"end_reason": "Its environment was changed."}, "and ends with its last"),
    ],
)
def test_a_draining_instance_says_why(
    fields: dict[str, Any],
    said: str,
    client: Client,
    visitor: User,
    environment: ComputeEnvironment,
) -> None:
    instance = launched(environment, state="DRAINING", draining_at=NOW, **fields)
    for path in ("/environments/here/", f"/instances/{instance.instance_id}/"):
        page = client.get(path).text
        assert "DRAINING" in page
        assert said in page


def test_ended_instances_come_page_by_page(
    client: Client, visitor: User, environment: ComputeEnvironment
) -> None:
    ended = [
        launched(
            environment,
            state="ENDED",
            ended_at=LATER,
            end_cause="IDLE",
            end_reason=f"It was the {index}.",
            usd=Decimal("0.1"),
            idle_usd=Decimal("0.025"),
        )
        for index in range(22)
    ]
    launched(environment)
    first = ended_instances(environment=environment)
    assert [row.pk for row in first.rows] == [row.pk for row in reversed(ended[2:])]
    rest = ended_instances(environment=environment, after=first.next)
    assert [row.pk for row in rest.rows] == [ended[1].pk, ended[0].pk]
    assert ended_instances(environment=environment, after="i-none").rows == []

    page = client.get("/environments/here/").text
    assert "nothing ran on it for a while" in page
    assert "$0.1000" in page
    assert "$0.0250 idle" in page
    url = f"/environments/here/?ended={first.next}"
    assert f'href="{url}"' in page
    older = client.get(url).text
    assert "It was the 0." in older
    assert 'href="/environments/here/"' in older
    found = client.get(url, headers=JSON).json()
    assert [row["instance_id"] for row in found["ended_instances"]] == [
        ended[1].instance_id,
        ended[0].instance_id,
    ]
    assert client.get("/environments/here/", headers=JSON).json()["next_ended"] == url


def test_scripts_are_told_of_instances_and_prices(
    client: Client, visitor: User, environment: ComputeEnvironment
) -> None:
    instance = launched(environment)
    run_on(instance, name="mine", owner=visitor)
    run_on(instance, name="secret-plan")
    found = client.get("/environments/here/", headers=JSON).json()
    assert (found["live_instances"], found["reserved_vcpus"]) == (1, "2")
    assert (found["idle_seconds"], found["interruption_seconds"]) == (600, None)
    (row,) = found["instances"]
    assert (row["instance_id"], row["state"]) == (instance.instance_id, "RUNNING")
    assert (row["used_vcpus"], row["bid_usd_per_hour"]) == ("2", "0.060000")
    assert [each["job_name"] for each in row["running"]] == ["mine", None]
    assert found["spot"]["types"][0]["going_usd_per_hour"] == "0.040000"
    one = client.get(row["url"], headers=JSON).json()
    assert one["environment"] == "here"
    assert [each["job_name"] for each in one["attempts"]] == [None, "mine"]


def test_an_instance_has_a_page_of_its_life_and_its_jobs(
    client: Client, visitor: User, environment: ComputeEnvironment
) -> None:
    instance = launched(
        environment,
        state="ENDED",
        ended_at=LATER,
        end_cause="INTERRUPTED_FOR_ROOM",
        end_reason="The job big needed its room.",
        usd=Decimal("0.04"),
        idle_usd=Decimal("0.01"),
    )
    run_on(
        instance,
        owner=visitor,
        name="mine",
        stopped_at=LATER,
        ended_at=LATER,
        interrupted_at=LATER,
        exit_code=137,
        cost_usd=Decimal("0.03"),
        idle_usd=Decimal("0.01"),
    )
    page = client.get(f"/instances/{instance.instance_id}/").text
    assert "On-Demand work needed its room." in page
    assert "The job big needed its room." in page
    assert "$0.0400" in page
    assert "$0.0300" in page
    assert "interrupted" in page
    assert "mine" in page
    assert "and $0.0100 idle" in page
    ComputeEnvironment.objects.update(status="DELETED")
    assert client.get(f"/instances/{instance.instance_id}/").status_code == 200
    assert client.get("/instances/i-00000000000000000/").status_code == 404


def test_what_other_peoples_jobs_cost_on_an_instance_is_theirs_to_see(
    client: Client, visitor: User, boss: User, environment: ComputeEnvironment
) -> None:
    instance = launched(environment, gpus=4)
    costs: dict[str, Any] = {"ended_at": LATER, "stopped_at": LATER, "idle_usd": Decimal("0.0222")}
    run_on(instance, gpus=["theirs-0"], cost_usd=Decimal("0.0777"), **costs)
    run_on(instance, owner=visitor, gpus=["mine-0"], cost_usd=Decimal("0.0111"), **costs)
    url = f"/instances/{instance.instance_id}/"
    client.force_login(visitor)
    page = client.get(url).text
    assert "theirs-0" not in page
    assert "$0.0777" not in page
    assert page.count("and $0.0222 idle") == 1
    assert "mine-0" in page
    assert "$0.0111" in page
    mine, theirs = client.get(url, headers=JSON).json()["attempts"]
    assert (mine["usd"], mine["gpus"]) == ("0.011100000", ["mine-0"])
    assert (theirs["usd"], theirs["idle_usd"], theirs["gpus"]) == (None, None, None)
    client.force_login(boss)
    assert "$0.0777" in client.get(url).text


def test_what_ran_on_an_instance_comes_page_by_page(environment: ComputeEnvironment) -> None:
    instance = launched(environment)
    rows = [run_on(instance, ended_at=LATER if index else None) for index in range(3)]
    page = attempts_on(instance=instance, now=LATER, size=2)
    assert [each.attempt.pk for each in page.rows] == [rows[2].pk, rows[1].pk]
    page = attempts_on(instance=instance, now=LATER, after=int(page.next), size=2)
    assert [each.attempt.pk for each in page.rows] == [rows[0].pk]
    # 2 vCPUs, 4 GiB; 1 vCPU, 512 MiB are (1/2 + 1/8) / 2 of it, an hour at 0.04.
    assert page.rows[0].usd == Decimal("0.0125")
    assert page.next == ""


def test_the_history_of_the_price_goes_in_steps(environment: ComputeEnvironment) -> None:
    now = NOW + timedelta(hours=24)
    for hours, pressure in ((-5, "0.75"), (12, "1"), (18, "0.5")):
        SpotPressure.objects.create(
            engine=environment.engine, pressure=Decimal(pressure), at=NOW + timedelta(hours=hours)
        )
    view = spot.build(environment=environment, kind="SPOT", now=now)
    assert view is not None
    assert (view.sample, view.bid_percentage) == ("m5.large", 60)
    assert view.part_of_on_demand == Decimal("0.4")
    assert [step.part_of_on_demand for step in view.steps] == [
        Decimal("0.4"),
        Decimal(1),
        Decimal("0.7"),
    ]
    # From the top, 1 (On-Demand), to the bottom, 29 (nothing).
    assert view.points == "0.00,9.40 50.00,9.40 50.00,1.00 75.00,1.00 75.00,17.80 100.00,17.80"
    assert spot.build(environment=environment, kind="EC2", now=now) is None
    fargate = spot.build(environment=environment, kind="FARGATE_SPOT", now=now)
    assert fargate is not None
    assert (fargate.part_of_on_demand, fargate.types) == (Decimal("0.3"), [])


@pytest.mark.parametrize("kind", ["SPOT", "EC2"])
def test_types_in_use_come_first_and_those_that_are_too_large_last(
    kind: str, client: Client, visitor: User, environment: ComputeEnvironment
) -> None:
    sizes = {f"m5.{number:02}": 1000 * number for number in range(1, 12)}
    for name, milli_vcpus in {**sizes, "c5.large": 2000}.items():
        an_instance_type(name, milli_vcpus=milli_vcpus)
    resources = {**environment.compute_resources, "type": kind, "instanceTypes": ["m5", "c5"]}
    ComputeEnvironment.objects.update(compute_resources=resources)
    launched(environment, type_name="c5.large", is_spot=kind == "SPOT")
    page = client.get("/environments/here/")
    prices = page.context["type_prices"]()
    # The machine has 8 vCPUs; m5.large has 2.
    fitting = ["m5.01", "m5.02", "m5.large", *(f"m5.{number:02}" for number in range(3, 9))]
    assert [each.name for each in prices.shown] == ["c5.large", *fitting[:7]]
    assert [each.name for each in prices.more] == [*fitting[7:], "m5.09", "m5.10", "m5.11"]
    assert "5 more types" in page.text
    assert page.text.count("in use") == 1
    assert page.text.count("too large for the machines") == 3


@pytest.mark.parametrize("kind", ["FARGATE", "FARGATE_SPOT"])
def test_a_fargate_environment_shows_what_its_jobs_use(
    kind: str, client: Client, visitor: User, environment: ComputeEnvironment
) -> None:
    ComputeEnvironment.objects.update(compute_resources={"type": kind, "maxvCpus": 4})
    environment.refresh_from_db()
    job = a_job(queue=a_queue(environment), status=JobStatus.RUNNING, attempts_made=1)
    an_attempt(job=job, capacity=kind)
    page = client.get("/environments/here/").text
    assert "1 used, 4 at most" in page
    assert ("Going Spot price" in page) == (kind == "FARGATE_SPOT")
    assert "Ended instances" not in page
    found = client.get("/environments/here/", headers=JSON).json()
    assert "instances" not in found


@pytest.mark.parametrize("after", ["x", "٣", "9" * 5000])
def test_a_place_among_its_attempts_that_is_no_number_is_refused_by_name(
    client: Client, boss: User, environment: ComputeEnvironment, after: str
) -> None:
    instance = launched(environment)
    client.force_login(boss)
    page = client.get(f"/instances/{instance.instance_id}/", {"after": after})
    assert page.status_code == 400
    assert "after: This is a whole number, 0 or more." in page.text
