"""Several kinds of capacity, environments and queues that want the same machines."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.domain.resources import Resources
from jobs.scheduling.plan import EndCause
from jobs.scheduling.snapshot import EnvironmentView, Kind, RunningView
from tests.scheduling.fleet import LARGE, SMALL, Fleet, a_managed, a_type
from tests.scheduling.views import a_job, a_node, a_queue, an_environment, placed

LONG = 100_000.0


def a_fleet(*environments: EnvironmentView, vcpus: int = 4) -> Fleet:
    """A queue for each environment; whatever is submitted runs for very long."""
    return Fleet(
        nodes=(a_node(vcpus=vcpus, memory_mib=vcpus * 2048),),
        environments=environments,
        queues=tuple(a_queue(env.id, environments=(env.id,)) for env in environments),
        seconds=lambda _: LONG,
    )


def test_nobody_is_interrupted_for_a_job_that_waits_below_a_maximum() -> None:
    fleet = a_fleet(a_managed(1, SMALL, kind=Kind.SPOT), an_environment(2, max_vcpus=4), vcpus=8)
    fleet.submit(a_job(1, queue=2, vcpus=4), a_job(2, vcpus=2), a_job(3, vcpus=2))
    fleet.step()
    fleet.submit(a_job(4, queue=2, vcpus=4))

    for _ in range(5):
        assert not fleet.step(60).drains


def test_one_environments_spot_work_is_enough() -> None:
    fleet = a_fleet(
        a_managed(1, SMALL, kind=Kind.SPOT, nodes=(1,)),
        a_managed(2, SMALL, kind=Kind.SPOT, nodes=(2,)),
        an_environment(3, nodes=(1,)),
        an_environment(4, nodes=(2,)),
    )
    fleet.nodes = tuple(
        replace(a_node(id_, vcpus=2, memory_mib=4096), engine_id=id_) for id_ in (1, 2)
    )
    fleet.queues = (*fleet.queues[:2], a_queue(3, environments=(3, 4)))
    fleet.submit(a_job(1, vcpus=2), a_job(2, queue=2, vcpus=2))
    fleet.step()
    fleet.submit(a_job(3, queue=3, vcpus=2))

    assert len(fleet.step(10).drains) == 1


def test_a_large_job_is_kept_room_in_each_of_its_queues_environments() -> None:
    for first in (
        a_managed(1, LARGE, kind=Kind.SPOT, bid=10),
        a_managed(1, LARGE, max_vcpus=4),
    ):
        fleet = a_fleet(first, an_environment(2, nodes=(2,)))
        fleet.nodes = (
            a_node(1, vcpus=4, memory_mib=8192),
            a_node(2, vcpus=4, memory_mib=8192),
        )
        fleet.queues = (a_queue(1, environments=(1, 2)), a_queue(2, environments=(1,)))
        fleet.seconds = lambda job: LONG if job.queue_id == 2 else 100.0
        fleet.submit(a_job(1, queue=2, vcpus=4))
        fleet.submit(*(a_job(id_) for id_ in range(2, 6)), a_job(6, vcpus=4))
        fleet.step()
        for id_ in range(7, 40):
            fleet.submit(a_job(id_))
            fleet.step(25)

        assert 6 in [run.job.id.int for run in fleet.runs] + [id_.int for id_ in fleet.done]


def test_spot_work_is_interrupted_though_an_end_far_off_is_known() -> None:
    fleet = a_fleet(a_managed(1, SMALL, kind=Kind.SPOT), a_managed(2, SMALL))
    fleet.submit(a_job(1, queue=2, vcpus=2, limit=86_400), a_job(2, vcpus=2))
    fleet.step()
    fleet.submit(a_job(3, queue=2, vcpus=2))

    assert len(fleet.step(10).drains) == 1


def test_of_several_types_the_one_that_may_be_launched_counts() -> None:
    fleet = a_fleet(
        a_managed(1, SMALL, kind=Kind.SPOT), a_managed(2, SMALL, LARGE, max_vcpus=6), vcpus=6
    )
    fleet.submit(a_job(1, queue=2, vcpus=4), a_job(2, vcpus=2))
    fleet.step()
    fleet.submit(a_job(3, queue=2, vcpus=2))

    assert len(fleet.step(10).drains) == 1


def test_a_job_of_several_nodes_has_spot_work_interrupted_for_all_of_them() -> None:
    fleet = a_fleet(a_managed(1, SMALL, kind=Kind.SPOT), a_managed(2, SMALL))
    fleet.submit(a_job(1, vcpus=2), a_job(2, vcpus=2))
    fleet.step()
    fleet.submit(a_job(3, queue=2, vcpus=2, nodes=2))

    assert len(fleet.step(10).drains) == 2
    assert not fleet.step(10).drains
    fleet.step(120)
    fleet.step(1)
    assert 3 in [run.job.id.int for run in fleet.runs]


def test_two_nodes_that_share_an_instance_are_not_told_that_it_is_impossible() -> None:
    fleet = a_fleet(a_managed(1, LARGE, max_vcpus=4))
    fleet.submit(a_job(1, vcpus=1, nodes=2))

    assert placed(fleet.step()) == [1]


def test_idle_instances_of_the_minimum_are_exchanged_for_one_that_holds_the_job() -> None:
    fleet = a_fleet(a_managed(1, SMALL, LARGE, min_vcpus=4, max_vcpus=4))
    fleet.step()
    assert fleet.types() == ["m5.large", "m5.large"]
    fleet.submit(a_job(1, vcpus=4))

    assert placed(fleet.step(10)) == [1]
    assert fleet.types() == ["m5.xlarge"]


def test_idle_instances_make_room_for_all_nodes_of_a_job_and_no_more_of_them_than_needed() -> None:
    fleet = a_fleet(a_managed(1, SMALL, desired_vcpus=8), a_managed(2, SMALL), vcpus=8)
    fleet.step()
    fleet.submit(a_job(1, queue=2, vcpus=2, nodes=2))

    assert placed(fleet.step(10)) == [1]
    assert [len(fleet.live(id_)) for id_ in (1, 2)] == [2, 2]


def test_a_part_of_a_vcpu_does_not_ask_for_another_instance() -> None:
    odd = a_type("rack.odd", 1.5, 2048)
    fleet = a_fleet(a_managed(1, odd, idle=60, desired_vcpus=2))
    fleet.submit(a_job(1))

    for _ in range(10):
        fleet.step(30)

    assert len(fleet.instances) + len(fleet.ended) == 1


def test_priority_counts_between_queues_that_may_use_spot_besides() -> None:
    fleet = a_fleet(a_managed(1, SMALL, max_vcpus=2), a_managed(2, SMALL, kind=Kind.SPOT), vcpus=2)
    fleet.queues = (
        a_queue(1, priority=100, environments=(1, 2)),
        a_queue(2, priority=1, environments=(1,)),
    )
    fleet.submit(a_job(1, queue=2, vcpus=2), a_job(2, queue=1, vcpus=2))

    assert placed(fleet.step()) == [2]


def test_who_waits_for_other_capacity_may_use_spot_capacity_besides() -> None:
    fleet = a_fleet(a_managed(1, SMALL, max_vcpus=2), a_managed(2, SMALL, kind=Kind.SPOT))
    fleet.queues = (a_queue(1, environments=(1, 2)),)
    fleet.submit(a_job(1, vcpus=2), a_job(2, vcpus=2))

    assert placed(fleet.step()) == [1, 2]
    assert [len(fleet.live(id_)) for id_ in (1, 2)] == [1, 1]


def test_on_demand_work_has_what_idle_spot_instances_hold_whatever_their_minimum() -> None:
    spot = a_managed(1, SMALL, kind=Kind.SPOT, min_vcpus=4)
    fleet = a_fleet(spot, a_managed(2, SMALL))
    fleet.step()
    fleet.submit(a_job(1, queue=2, vcpus=2))

    assert placed(fleet.step(10)) == [1]
    launched = sum(len(fleet.step(10).launches) for _ in range(20))
    assert launched == 0
    assert list(fleet.ended.values()) == [EndCause.ROOM_NEEDED]


def test_a_minimum_of_spot_work_does_not_take_the_room_that_a_job_waits_for() -> None:
    fleet = a_fleet(a_managed(1, SMALL, kind=Kind.SPOT, min_vcpus=4), an_environment(2))
    fleet.submit(a_job(1, vcpus=2), a_job(2, vcpus=2))
    fleet.step()
    fleet.submit(a_job(3, queue=2, vcpus=4))
    fleet.step(10)

    for _ in range(15):
        fleet.step(10)

    assert [run.job.id.int for run in fleet.runs] == [3]
    assert len(fleet.ended) == 2


def test_the_containers_of_a_fargate_task_are_interrupted_together() -> None:
    fleet = a_fleet(a_managed(1, kind=Kind.FARGATE_SPOT), an_environment(2))
    fleet.submit(a_job(1, queue=2))
    snapshot = fleet.snapshot()
    containers = tuple(
        RunningView(1, 1, 1, Resources(amount, 256), attempt_id=7) for amount in (3750, 250)
    )
    node = replace(snapshot.nodes[0], used=Resources(4000, 512))
    fleet.snapshot = lambda: replace(snapshot, nodes=(node,), running=containers)  # type: ignore[method-assign]
    fleet.check = lambda: None  # type: ignore[method-assign]

    (interruption,) = fleet.step().interruptions

    assert interruption.attempt_id == 7


def test_what_was_changed_gives_its_jobs_the_time_that_its_update_policy_says() -> None:
    fleet = a_fleet(a_managed())
    fleet.submit(a_job(1))
    fleet.step()
    (old,) = fleet.instances
    fleet.instances[old] = replace(fleet.instances[old], outdated=True)

    assert fleet.step(10).drains[0].kill_at is None
    fleet.instances[old] = replace(fleet.instances[old], draining_since=fleet.now)
    assert not fleet.step(1799).drains
    assert fleet.step(1).drains[0].cause is EndCause.REPLACED


KINDS = st.sampled_from((Kind.EC2, Kind.SPOT, Kind.FARGATE, Kind.FARGATE_SPOT, Kind.UNMANAGED))


@st.composite
def contended(draw: st.DrawFn) -> Fleet:
    """Machines on which everything that is submitted finds room some time."""
    nodes = tuple(
        a_node(
            id_,
            vcpus=draw(st.integers(4, 12)),
            memory_mib=draw(st.integers(8192, 24_576)),
            gpus=draw(st.integers(0, 1)),
        )
        for id_ in range(1, draw(st.integers(1, 2)) + 1)
    )
    node_ids = tuple(node.id for node in nodes)
    environments = []
    for id_ in range(1, draw(st.integers(1, 4)) + 1):
        kind = draw(KINDS)
        if kind is Kind.UNMANAGED:
            environments.append(an_environment(id_, nodes=node_ids))
            continue
        maximum = draw(st.integers(4, 16))
        environments.append(
            a_managed(
                id_,
                SMALL,
                LARGE,
                kind=kind,
                nodes=node_ids,
                max_vcpus=maximum,
                # No minimum: what others hold for good, a job may wait for in vain.
                desired_vcpus=draw(st.integers(0, 4)),
                strategy=draw(st.sampled_from(("BEST_FIT", "BEST_FIT_PROGRESSIVE"))),
                idle=draw(st.sampled_from((0, 30, 300))),
                notice=draw(st.sampled_from((0, 30))),
            )
        )
    ids = [env.id for env in environments]
    return Fleet(
        nodes=nodes,
        environments=tuple(environments),
        queues=tuple(
            a_queue(
                id_,
                priority=draw(st.integers(0, 2)),
                environments=tuple(
                    draw(st.lists(st.sampled_from(ids), min_size=1, max_size=3, unique=True))
                ),
            )
            for id_ in (1, 2)
        ),
        seconds=lambda job: float(5 + job.id.int * 7 % 20),
    )


@settings(max_examples=60, deadline=None)
@given(fleet=contended(), data=st.data())
def test_finite_work_comes_to_its_end_whoever_interrupts_whom(
    fleet: Fleet, data: st.DataObject
) -> None:
    """`Fleet.check` holds each machine, instance and maximum after each pass."""
    for id_ in range(1, data.draw(st.integers(1, 14)) + 1):
        fleet.submit(
            a_job(
                id_,
                queue=data.draw(st.sampled_from((1, 2))),
                vcpus=data.draw(st.sampled_from((0.25, 1, 2, 4))),
                memory_mib=data.draw(st.sampled_from((256, 2048))),
                nodes=data.draw(st.sampled_from((1, 1, 1, 2))),
                limit=data.draw(st.none() | st.just(60)),
            )
        )
        if data.draw(st.booleans()):
            fleet.step(data.draw(st.sampled_from((0, 5, 20))))
    # What no environment of its queue could ever hold is told so, and holds up nobody.
    for _ in range(600):
        plan = fleet.step(10)
        if all(wait.code.is_misconfiguration for wait in plan.waits) and not fleet.runs:
            return
    raise AssertionError([wait.reason for wait in plan.waits])
