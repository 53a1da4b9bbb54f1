"""Spot work has what On-Demand work leaves free, at a price that follows how much of the engine is asked for."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.domain.resources import Resources
from jobs.pricing.spot import going_price, pressure_of
from jobs.scheduling.decide import decide, explain_job
from jobs.scheduling.plan import EndCause, WaitCode
from jobs.scheduling.snapshot import EnvironmentView, InstanceView, Kind
from tests.scheduling.fleet import LARGE, SMALL, Fleet, a_managed
from tests.scheduling.views import (
    NOW,
    a_job,
    a_node,
    a_queue,
    a_run,
    a_snapshot,
    an_environment,
    codes,
    placed,
    reason,
)

LONG = 100_000.0


def a_fleet(*environments: EnvironmentView, vcpus: int = 4) -> Fleet:
    """A queue for each environment."""
    return Fleet(
        nodes=(a_node(vcpus=vcpus, memory_mib=vcpus * 2048),),
        environments=environments,
        queues=tuple(a_queue(env.id, environments=(env.id,)) for env in environments),
        seconds=lambda _: LONG,
    )


ON_DEMAND = {
    "an instance": a_managed(2),
    "Fargate": a_managed(2, kind=Kind.FARGATE),
    "the machine itself": an_environment(2),
}


@pytest.mark.parametrize("on_demand", ON_DEMAND.values(), ids=ON_DEMAND)
@pytest.mark.parametrize("kind", [Kind.SPOT, Kind.FARGATE_SPOT])
def test_on_demand_work_interrupts_spot_work_and_starts_after_its_notice(
    on_demand: EnvironmentView, kind: Kind
) -> None:
    fleet = a_fleet(a_managed(1, kind=kind, notice=120), on_demand, vcpus=2)
    fleet.submit(a_job(1, vcpus=2))
    fleet.step()
    fleet.submit(a_job(2, queue=2, vcpus=2))

    plan = fleet.step(10)
    assert placed(plan) == []
    assert codes(plan)[2] is WaitCode.CAPACITY
    told = [(each.cause, each.kill_at) for each in plan.drains]
    told += [(each.cause, each.kill_at) for each in plan.interruptions]
    assert told == [(EndCause.INTERRUPTED_FOR_ROOM, fleet.now + timedelta(seconds=120))]
    # Nobody is told twice, and nothing starts before the room is free.
    again = fleet.step(60)
    assert (again.drains, again.interruptions, again.placements) == ((), (), ())
    fleet.step(60)
    fleet.step(1)
    assert [run.job.id.int for run in fleet.runs] == [2]
    assert [id_.int for id_ in fleet.interrupted] == [1]


@pytest.mark.parametrize("kind", [Kind.SPOT, Kind.FARGATE_SPOT])
def test_who_thinks_of_a_job_is_told_whether_it_would_interrupt_spot_work(kind: Kind) -> None:
    fleet = a_fleet(a_managed(1, kind=kind, notice=90), a_managed(2), vcpus=2)
    fleet.submit(a_job(1, vcpus=2))
    fleet.step()

    on_demand = explain_job(fleet.snapshot(), a_job(2, queue=2, vcpus=2), fleet.now)
    spot = explain_job(fleet.snapshot(), a_job(2, queue=1, vcpus=2), fleet.now)
    # Another's job would interrupt it already: one behind that interrupts nothing more.
    fleet.submit(a_job(3, queue=2, vcpus=2))
    behind = explain_job(fleet.snapshot(), a_job(4, queue=2, vcpus=2), fleet.now)

    assert on_demand.notice_seconds == 90
    assert [spot.notice_seconds, behind.notice_seconds] == [None, None]
    assert all(each.wait is not None for each in (on_demand, spot, behind))


def test_the_newest_spot_instance_goes_first_and_no_more_than_needed() -> None:
    fleet = a_fleet(a_managed(1, SMALL, kind=Kind.SPOT), a_managed(2, SMALL))
    fleet.submit(a_job(1, vcpus=2))
    fleet.step()
    fleet.submit(a_job(2, vcpus=2))
    fleet.step(10)
    fleet.submit(a_job(3, queue=2, vcpus=2))

    plan = fleet.step(10)

    newest = max(fleet.instances.values(), key=lambda each: each.launched_at)
    assert [drain.instance_id for drain in plan.drains] == [newest.id]


def test_spot_work_interrupts_nobody() -> None:
    fleet = a_fleet(a_managed(1, kind=Kind.SPOT), a_managed(2, kind=Kind.FARGATE_SPOT), vcpus=2)
    fleet.submit(a_job(1, vcpus=2))
    fleet.step()
    fleet.submit(a_job(2, queue=2, vcpus=2))

    plan = fleet.step(10)

    assert not plan.drains
    assert 2 in codes(plan)


def test_spot_work_ends_by_itself_within_its_notice_and_makes_room_early() -> None:
    fleet = a_fleet(a_managed(1, kind=Kind.SPOT), a_managed(2), vcpus=2)
    fleet.seconds = lambda job: 30.0 if job.id.int == 1 else LONG
    fleet.submit(a_job(1, vcpus=2))
    fleet.step()
    fleet.submit(a_job(2, queue=2, vcpus=2))
    fleet.step(10)

    plan = fleet.step(20)

    assert placed(plan) == [2]
    assert fleet.interrupted == []


def test_a_low_bid_does_not_start_where_the_engine_is_in_use() -> None:
    fleet = a_fleet(a_managed(1, SMALL, kind=Kind.SPOT, bid=45), an_environment(2), vcpus=8)
    fleet.submit(a_job(1, queue=2, vcpus=5))
    fleet.step()
    fleet.submit(a_job(2))

    plan = fleet.step(10)

    assert codes(plan)[2] is WaitCode.CAPACITY
    assert "pays at most 0.045" in reason(plan, 2)


def test_a_price_over_the_bid_interrupts_and_the_higher_bid_stays() -> None:
    fleet = a_fleet(
        a_managed(1, SMALL, kind=Kind.SPOT, bid=45),
        a_managed(2, SMALL, kind=Kind.SPOT, bid=100),
        an_environment(3),
        vcpus=8,
    )
    fleet.submit(a_job(1), a_job(2, queue=2))
    fleet.step()
    fleet.submit(a_job(3, queue=3, vcpus=4))

    plan = fleet.step(10)

    (drain,) = plan.drains
    assert drain.cause is EndCause.INTERRUPTED_BY_PRICE
    assert fleet.instances[drain.instance_id].bid_percentage == 45
    assert "passed its bid of 45 %" in drain.reason
    assert not fleet.step(10).drains


def test_who_may_use_spot_capacity_himself_interrupts_nobody() -> None:
    fleet = a_fleet(a_managed(1, kind=Kind.SPOT), an_environment(2), vcpus=2)
    fleet.queues = (a_queue(1, environments=(1,)), a_queue(2, environments=(1, 2)))
    fleet.submit(a_job(1, vcpus=2))
    fleet.step()
    fleet.submit(a_job(2, queue=2, vcpus=2))

    plan = fleet.step(10)

    assert not plan.drains
    assert 2 in codes(plan)


@pytest.mark.parametrize(
    ("pressure", "price"),
    [("0", "0.02"), ("0.5", "0.02"), ("0.75", "0.06"), ("0.8", "0.068"), ("1", "0.1")],
)
def test_the_price_rises_in_a_straight_line_from_half_use_to_full(
    pressure: str, price: str
) -> None:
    # 0.02 + (0.1 - 0.02) x (2 x 0.75 - 1) = 0.06
    found = going_price(
        on_demand_usd_per_hour=Decimal("0.1"),
        spot_usd_per_hour=Decimal("0.02"),
        pressure=Decimal(pressure),
    )
    assert found == Decimal(price)


def test_spot_work_counts_half_and_pressure_moves_in_steps() -> None:
    # 0.5 + 0.4 / 2 = 0.7; 0.33 is nearest to 0.35.
    assert pressure_of(on_demand=Decimal("0.5"), spot=Decimal("0.4")) == Decimal("0.70")
    assert pressure_of(on_demand=Decimal("0.33"), spot=Decimal(0)) == Decimal("0.35")
    assert pressure_of(on_demand=Decimal(2), spot=Decimal(2)) == Decimal(1)


@settings(max_examples=60, deadline=None)
@given(
    bids=st.tuples(st.integers(1, 100), st.integers(1, 100)),
    history=st.lists(st.integers(0, 16), min_size=1, max_size=12),
)
def test_a_higher_bid_is_interrupted_no_more_often_on_the_same_history(
    bids: tuple[int, int], history: list[int]
) -> None:
    """A Spot instance beside On-Demand work that comes and goes: in how many passes it is told to go."""

    def interruptions(bid: int) -> int:
        environments = (a_managed(1, SMALL, kind=Kind.SPOT, bid=bid), an_environment(2))
        instance = InstanceView(
            id=1,
            name="i-1",
            environment_id=1,
            node_id=1,
            type=SMALL,
            used=Resources(1000, 512),
            launched_at=NOW,
            is_spot=True,
            bid_percentage=bid,
        )
        held = a_run(node=instance.place_id)
        count = 0
        for vcpus in history:
            used = SMALL.size + Resources(vcpus * 1000, 512)
            snapshot = a_snapshot(
                nodes=(a_node(vcpus=18, memory_mib=65_536, used=used),),
                environments=environments,
                running=(held, a_run(environment=2, vcpus=vcpus)),
            )
            count += len(decide(replace(snapshot, instances=(instance,)), NOW).drains)
        return count

    assert interruptions(max(bids)) <= interruptions(min(bids))


KINDS = st.sampled_from((Kind.EC2, Kind.SPOT, Kind.FARGATE, Kind.FARGATE_SPOT, Kind.UNMANAGED))
STRATEGIES = (
    "BEST_FIT",
    "BEST_FIT_PROGRESSIVE",
    "BEST_FIT_PROGRESSIVE_ORDERED",
    "SPOT_CAPACITY_OPTIMIZED",
    "SPOT_PRICE_CAPACITY_OPTIMIZED",
    "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
)


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    nodes = tuple(
        a_node(id_, vcpus=draw(st.integers(2, 12)), memory_mib=draw(st.integers(4096, 24_576)))
        for id_ in range(1, draw(st.integers(1, 3)) + 1)
    )
    node_ids = tuple(node.id for node in nodes)
    environments = []
    for id_ in range(1, draw(st.integers(1, 4)) + 1):
        kind = draw(KINDS)
        if kind is Kind.UNMANAGED:
            environments.append(an_environment(id_, nodes=node_ids))
            continue
        maximum = draw(st.integers(2, 16))
        environments.append(
            a_managed(
                id_,
                SMALL,
                LARGE,
                kind=kind,
                nodes=node_ids,
                max_vcpus=maximum,
                min_vcpus=draw(st.integers(0, min(3, maximum))),
                strategy=draw(st.sampled_from(STRATEGIES)),
                bid=draw(st.integers(40, 100)),
                idle=draw(st.sampled_from((0, 30, 300))),
                notice=draw(st.sampled_from((0, 30, 120))),
            )
        )
    return Fleet(
        nodes=nodes,
        environments=tuple(environments),
        queues=tuple(
            a_queue(
                env.id,
                priority=draw(st.integers(0, 2)),
                environments=(env.id,),
                backfill=draw(st.booleans()),
            )
            for env in environments
        ),
        seconds=lambda job: float(10 + job.id.int * 37 % 200),
    )


@settings(max_examples=80, deadline=None)
@given(fleet=fleets(), data=st.data())
def test_capacity_is_never_exceeded_and_nobody_is_interrupted_but_spot_work(
    fleet: Fleet, data: st.DataObject
) -> None:
    """`Fleet.check` holds each machine, instance and maximum after each pass."""
    queues = st.sampled_from([queue.id for queue in fleet.queues])
    kinds = {env.id: env.kind for env in fleet.environments}
    count = 0
    for _ in range(data.draw(st.integers(1, 12))):
        for _ in range(data.draw(st.integers(0, 4))):
            count += 1
            fleet.submit(
                a_job(
                    count,
                    queue=data.draw(queues),
                    vcpus=data.draw(st.sampled_from((0.25, 1, 2, 3, 4))),
                    memory_mib=data.draw(st.sampled_from((256, 2048, 6000))),
                    nodes=data.draw(st.sampled_from((1, 1, 1, 2))),
                    limit=data.draw(st.none() | st.just(300)),
                )
            )
        plan = fleet.step(data.draw(st.sampled_from((0, 1, 20, 150))))
        for drain in plan.drains:
            assert fleet.instances[drain.instance_id].is_spot
        told = {job.job.id for job in plan.placements} | {wait.job_id for wait in plan.waits}
        assert told >= {job.id for job in fleet.waiting}
        live = dict.fromkeys(kinds, 0)
        for instance in fleet.instances.values():
            live[instance.environment_id] += instance.type.size.milli_vcpus
        for end in plan.ends:
            assert end.instance_id in fleet.ended
