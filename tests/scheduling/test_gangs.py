"""Multi-node jobs start together or not at all; GPUs are room like any other."""

from dataclasses import replace

from jobs.domain.resources import Resources
from jobs.scheduling.plan import WaitCode
from tests.scheduling.views import (
    a_job,
    a_node,
    a_run,
    an_environment,
    codes,
    placed,
    plan_for,
    reason,
)

TWO = (a_node(1), a_node(2))
BOTH = (an_environment(nodes=(1, 2)),)


def test_all_nodes_of_a_job_start_at_once() -> None:
    plan = plan_for(a_job(1, vcpus=3, nodes=2), nodes=TWO, environments=BOTH)
    assert plan.placements[0].node_ids == (1, 2)


def test_nodes_share_a_machine_where_they_fit() -> None:
    plan = plan_for(a_job(1, vcpus=2, nodes=3), nodes=TWO, environments=BOTH)
    assert sorted(plan.placements[0].node_ids) == [1, 1, 2]


def test_none_starts_if_one_finds_no_room() -> None:
    nodes = (a_node(1), a_node(2, used=Resources(2000, 0)))
    plan = plan_for(a_job(1, vcpus=3, nodes=2), nodes=nodes, environments=BOTH)
    assert placed(plan) == []
    assert reason(plan, 1) == (
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Needs 2 nodes of 3 vCPU, 512 MiB each, all at "
        "once; 4 vCPU, 8 GiB free on node-1; 2 vCPU, 8 GiB free on node-2."
    )


def test_all_nodes_are_of_one_environment() -> None:
    environments = (an_environment(1, nodes=(1,)), an_environment(2, nodes=(2,)))
    plan = plan_for(a_job(1, vcpus=3, nodes=2), nodes=TWO, environments=environments)
    assert codes(plan) == {1: WaitCode.JOB_REQUIREMENT}
    assert "no compute environment here could hold that" in reason(plan, 1)


def test_the_maximum_counts_all_nodes() -> None:
    environments = (an_environment(nodes=(1, 2), max_vcpus=5),)
    plan = plan_for(a_job(1, vcpus=3, nodes=2), nodes=TWO, environments=environments)
    assert codes(plan) == {1: WaitCode.MAX_RESOURCE}
    assert "6 vCPU together; the largest maximum here is 5" in reason(plan, 1)


def test_a_gang_that_waits_has_all_its_machines_kept() -> None:
    """Both are free in 630 seconds; what ends before may pass on either."""
    nodes = (a_node(1, used=Resources(2000, 512)), a_node(2))
    plan = plan_for(
        a_job(1, vcpus=4, nodes=2, limit=60),
        a_job(2, vcpus=1, limit=600),
        a_job(3, vcpus=1, limit=700),
        nodes=nodes,
        environments=BOTH,
        running=(a_run(vcpus=2, limit=600),),
    )
    assert placed(plan) == [2]
    assert codes(plan) == {1: WaitCode.CAPACITY, 3: WaitCode.TURN}


def test_gpus_are_room() -> None:
    nodes = (a_node(1, gpus=2, used=Resources(0, 0, 1)),)
    plan = plan_for(a_job(1, gpus=1), a_job(2, gpus=1), a_job(3), nodes=nodes)
    assert placed(plan) == [1]
    assert "Needs 1 vCPU, 512 MiB, 1 GPU; 3 vCPU, 7.5 GiB, 0 GPU free on node-1." in reason(plan, 2)


def test_a_job_without_gpus_leaves_the_machine_that_has_them() -> None:
    nodes = (a_node(1, gpus=1), a_node(2))
    plan = plan_for(a_job(1), nodes=nodes, environments=BOTH)
    assert plan.placements[0].node_id == 2


def test_more_gpus_than_any_machine_has_are_named() -> None:
    plan = plan_for(a_job(1, gpus=3), nodes=(a_node(gpus=2),))
    assert reason(plan, 1) == (
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement "
        "(vCPU/memory/GPU) is higher than that can be met by the CE(s) attached to the job queue. "
        "It needs 3 GPU; the most that one machine here can give is 2. Ask for fewer, or add a "
        "machine that has them."
    )


def test_gpus_on_one_machine_and_vcpus_on_another_do_not_add_up() -> None:
    nodes = (a_node(1, vcpus=2, gpus=4), a_node(2, vcpus=8))
    plan = plan_for(a_job(1, vcpus=4, gpus=1), nodes=nodes, environments=BOTH)
    assert "No single machine has all of 4 vCPU, 512 MiB, 1 GPU" in reason(plan, 1)


def test_nodes_that_are_not_alike_are_summed_up_by_the_largest() -> None:
    small, large = Resources(1000, 512), Resources(4000, 512)
    job = replace(a_job(1), needs=large, gang=(large, small, small))
    nodes = (a_node(1), a_node(2, used=Resources(3500, 0)))
    plan = plan_for(job, nodes=nodes, environments=BOTH)
    assert "Needs 3 nodes of up to 4 vCPU, 512 MiB each, all at once" in reason(plan, 1)
