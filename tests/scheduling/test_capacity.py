"""Instances are launched for jobs, packed, and ended; machines and maxima are never passed."""

from datetime import timedelta

import pytest

from jobs.scheduling.estimate import estimate
from jobs.scheduling.plan import EndCause, WaitCode
from jobs.scheduling.snapshot import EnvironmentView, Kind
from tests.scheduling.fleet import LARGE, SMALL, Fleet, a_managed, a_type
from tests.scheduling.views import a_job, a_node, a_queue, an_environment, codes, placed, reason

LONG = 10_000.0


def a_fleet(*environments: EnvironmentView, vcpus: int = 8, memory_mib: int = 16_384) -> Fleet:
    nodes = (a_node(vcpus=vcpus, memory_mib=memory_mib),)
    ids = tuple(env.id for env in environments)
    return Fleet(nodes=nodes, environments=environments, queues=(a_queue(environments=ids),))


def test_an_instance_is_launched_for_a_job_and_takes_it_in_the_same_pass() -> None:
    fleet = a_fleet(a_managed())
    fleet.submit(a_job(1))

    plan = fleet.step()

    assert placed(plan) == [1]
    assert fleet.types() == ["m5.large"]
    assert "queue-1" in plan.launches[0].reason


def test_jobs_are_packed_before_another_instance_is_launched() -> None:
    fleet = a_fleet(a_managed())
    fleet.submit(*(a_job(id_) for id_ in range(1, 5)))

    plan = fleet.step()

    assert placed(plan) == [1, 2, 3, 4]
    assert fleet.types() == ["m5.large", "m5.large"]


def test_a_large_job_gets_an_instance_that_holds_it() -> None:
    fleet = a_fleet(a_managed())
    fleet.submit(a_job(1, vcpus=3))

    fleet.step()

    assert fleet.types() == ["m5.xlarge"]


def test_the_maximum_is_never_passed() -> None:
    fleet = a_fleet(a_managed(max_vcpus=3))
    fleet.submit(*(a_job(id_) for id_ in range(1, 6)))

    plan = fleet.step()

    assert placed(plan) == [1, 2]
    assert codes(plan)[3] is WaitCode.ENVIRONMENT_FULL
    assert "2 of its maximum of 3 vCPU" in reason(plan, 3)
    fleet.run_out()


def test_a_machine_without_room_is_named() -> None:
    fleet = a_fleet(a_managed(), vcpus=2)
    fleet.submit(*(a_job(id_) for id_ in range(1, 4)))

    plan = fleet.step()

    assert placed(plan) == [1, 2]
    assert codes(plan)[3] is WaitCode.CAPACITY
    assert "another m5.large (2 vCPU, 4 GiB)" in reason(plan, 3)
    assert "0 vCPU" in reason(plan, 3)


def test_a_job_that_no_type_holds_is_told_so() -> None:
    fleet = a_fleet(a_managed())
    fleet.submit(a_job(1, vcpus=6))

    plan = fleet.step()

    assert codes(plan)[1] is WaitCode.JOB_REQUIREMENT
    assert "the largest instance type of env-1 has 4 vCPU" in reason(plan, 1)


def test_an_idle_instance_ends_after_its_time() -> None:
    fleet = a_fleet(a_managed(idle=300))
    fleet.submit(a_job(1))
    fleet.step()
    fleet.step(60)

    fleet.step(299)
    assert fleet.types() == ["m5.large"]
    fleet.step(1)
    assert fleet.types() == []
    assert list(fleet.ended.values()) == [EndCause.IDLE]


def test_an_idle_instance_is_used_again() -> None:
    fleet = a_fleet(a_managed())
    fleet.submit(a_job(1))
    fleet.step()
    fleet.step(60)
    fleet.submit(a_job(2))

    plan = fleet.step(10)

    assert placed(plan) == [2]
    assert not plan.launches


def test_the_minimum_is_launched_without_a_job_and_kept() -> None:
    fleet = a_fleet(a_managed(min_vcpus=4, idle=10))

    fleet.step()
    fleet.step(1000)

    assert fleet.types() == ["m5.large", "m5.large"]


def test_desired_vcpus_are_launched_and_end_when_idle() -> None:
    fleet = a_fleet(a_managed(desired_vcpus=3, idle=10))

    fleet.step()
    assert fleet.types() == ["m5.large", "m5.large"]


def test_an_idle_instance_makes_room_for_another_environment_at_once() -> None:
    fleet = a_fleet(a_managed(1), an_environment(2), vcpus=2)
    fleet.queues = (a_queue(1, environments=(1,)), a_queue(2, environments=(2,)))
    fleet.submit(a_job(1))
    fleet.step()
    fleet.step(60)
    fleet.submit(a_job(2, queue=2, vcpus=2))

    plan = fleet.step(1)

    assert placed(plan) == [2]
    assert list(fleet.ended.values()) == [EndCause.ROOM_NEEDED]


def test_an_idle_instance_of_another_type_makes_room_below_the_maximum() -> None:
    fleet = a_fleet(a_managed(max_vcpus=4))
    fleet.submit(a_job(1))
    fleet.step()
    fleet.step(60)
    fleet.submit(a_job(2, vcpus=4))

    plan = fleet.step(1)

    assert placed(plan) == [2]
    assert fleet.types() == ["m5.xlarge"]


def test_a_large_job_is_not_starved_by_small_ones_at_the_maximum() -> None:
    fleet = a_fleet(a_managed(max_vcpus=4))
    fleet.submit(*(a_job(id_) for id_ in range(1, 5)), a_job(5, vcpus=4))
    fleet.step()
    for id_ in range(6, 60):
        fleet.submit(a_job(id_))
        fleet.step(10)

    assert [id_.int for id_ in fleet.done].index(5) <= 6


def test_instances_of_a_disabled_environment_end_when_idle() -> None:
    fleet = a_fleet(a_managed())
    fleet.submit(a_job(1))
    fleet.step()
    fleet.environments = (a_managed(enabled=False),)

    fleet.step(30)
    assert fleet.types() == ["m5.large"]
    fleet.step(30)
    assert list(fleet.ended.values()) == [EndCause.ENVIRONMENT_OFF]


def test_an_instance_that_would_not_be_launched_today_takes_no_more_and_ends_with_its_jobs() -> (
    None
):
    fleet = a_fleet(a_managed())
    fleet.submit(a_job(1))
    fleet.step()
    (old,) = fleet.instances.values()
    fleet.instances[old.id] = type(old)(
        **{name: getattr(old, name) for name in old.__slots__ if name != "outdated"}, outdated=True
    )
    fleet.submit(a_job(2))

    plan = fleet.step(10)

    assert placed(plan) == [2]
    assert [drain.instance_id for drain in plan.drains] == [old.id]
    assert len(plan.launches) == 1
    fleet.step(60)
    assert fleet.ended == {old.id: EndCause.REPLACED}


def test_all_nodes_of_a_job_get_instances_together_or_not_at_all() -> None:
    fleet = a_fleet(a_managed(1, SMALL, max_vcpus=6))
    fleet.seconds = lambda _: LONG
    fleet.submit(a_job(1, vcpus=2), a_job(2, vcpus=2, nodes=3), a_job(3, vcpus=2, nodes=2))

    plan = fleet.step()

    assert placed(plan) == [1]
    fleet = a_fleet(a_managed(1, SMALL, max_vcpus=6))
    fleet.submit(a_job(1, vcpus=1), a_job(2, vcpus=1, nodes=3))
    plan = fleet.step()
    assert placed(plan) == [1, 2]
    assert len(plan.launches) == 2


@pytest.mark.parametrize(
    ("architecture", "starts"), [("x86_64", True), ("arm64", False), ("", True)]
)
def test_an_instance_goes_to_a_machine_of_its_architecture(architecture: str, starts: bool) -> None:
    fleet = a_fleet(a_managed())
    node = fleet.nodes[0]
    fleet.nodes = (type(node)(node.id, node.name, node.capacity, node.used, architecture),)
    fleet.submit(a_job(1))

    assert bool(placed(fleet.step())) is starts


COSTLY = a_type("c5.large", 2, 4096, usd="0.30")
CHEAP_BIG = a_type("m5.2xlarge", 8, 16_384, usd="0.30")


@pytest.mark.parametrize(
    ("strategy", "types", "expected"),
    [
        # The lowest price for the instance, and the lowest price for a vCPU.
        ("BEST_FIT", (COSTLY, CHEAP_BIG, SMALL), "m5.large"),
        ("BEST_FIT_PROGRESSIVE", (COSTLY, CHEAP_BIG, SMALL), "m5.2xlarge"),
        ("BEST_FIT_PROGRESSIVE_ORDERED", (COSTLY, CHEAP_BIG, SMALL), "c5.large"),
    ],
)
def test_the_strategy_chooses_the_type(
    strategy: str, types: tuple[object, ...], expected: str
) -> None:
    fleet = a_fleet(a_managed(1, *types, strategy=strategy))  # type: ignore[arg-type]
    fleet.submit(a_job(1))

    fleet.step()

    assert fleet.types() == [expected]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        # Four small ones would fit, two large ones, and one that is dear by the vCPU.
        ("SPOT_CAPACITY_OPTIMIZED", "m5.large"),
        ("SPOT_PRICE_CAPACITY_OPTIMIZED", "m5.xlarge"),
        ("SPOT_CAPACITY_OPTIMIZED_PRIORITIZED", "m5.xlarge"),
    ],
)
def test_spot_strategies_look_at_how_much_is_left(strategy: str, expected: str) -> None:
    cheap_large = a_type("m5.xlarge", 4, 8192, spot="0.02")
    huge = a_type("m5.2xlarge", 8, 16_384, spot="0.01")
    env = a_managed(1, huge, cheap_large, SMALL, kind=Kind.SPOT, strategy=strategy)
    fleet = a_fleet(env)
    fleet.submit(a_job(1))

    fleet.step()

    assert fleet.types() == [expected]


def test_best_fit_waits_for_its_type_where_progressive_takes_the_next() -> None:
    for strategy, expected in (("BEST_FIT", []), ("BEST_FIT_PROGRESSIVE", [2])):
        wide = a_type("r5.large", 2, 12_288, usd="0.05")
        fleet = a_fleet(a_managed(1, wide, SMALL, strategy=strategy), vcpus=8, memory_mib=16_384)
        fleet.seconds = lambda _: LONG
        fleet.submit(a_job(1, vcpus=2), a_job(2, vcpus=2))
        plan = fleet.step()
        assert placed(plan) == [1, *expected]


def test_environments_that_share_a_machine_never_overbook_it_together() -> None:
    fleet = a_fleet(a_managed(1), a_managed(2, LARGE), an_environment(3), vcpus=6)
    fleet.queues = tuple(a_queue(id_, environments=(id_,)) for id_ in (1, 2, 3))
    fleet.submit(*(a_job(id_, queue=1 + id_ % 3) for id_ in range(1, 40)))

    fleet.run_out()

    assert len(fleet.done) == 39


def test_a_job_that_an_instance_can_be_launched_for_is_estimated_to_start_at_once() -> None:
    fleet = a_fleet(a_managed(max_vcpus=2))
    fleet.submit(a_job(1, vcpus=2, limit=100), a_job(2, vcpus=2))

    starts = estimate(fleet.snapshot(), fleet.now)

    assert starts[a_job(1).id] == fleet.now
    assert starts[a_job(2).id] == fleet.now + timedelta(seconds=130)
