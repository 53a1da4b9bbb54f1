"""The rules of one pass, each with a small snapshot; and what must hold for every snapshot."""

from jobs.domain.resources import Resources
from jobs.scheduling.decide import explain
from jobs.scheduling.plan import WaitCode
from jobs.scheduling.reasons import split_reason
from jobs.scheduling.snapshot import JobView, Snapshot
from tests.scheduling.views import (
    NOW,
    a_job,
    a_node,
    a_queue,
    an_environment,
    codes,
    placed,
    plan_for,
    reason,
)


def test_jobs_start_in_order_of_submission_until_the_node_is_full() -> None:
    plan = plan_for(*(a_job(n) for n in (3, 1, 5, 2, 4)))
    assert placed(plan) == [1, 2, 3, 4]
    assert codes(plan) == {5: WaitCode.CAPACITY}


def test_what_runs_already_takes_room() -> None:
    plan = plan_for(a_job(1), a_job(2), nodes=(a_node(used=Resources(3000, 100)),))
    assert placed(plan) == [1]


def test_memory_is_room_too() -> None:
    plan = plan_for(a_job(1, memory_mib=6000), a_job(2, memory_mib=6000))
    assert placed(plan) == [1]
    assert "Needs 1 vCPU, 5.9 GiB; 3 vCPU, 2.1 GiB free on node-1." in reason(plan, 2)


def test_a_higher_priority_goes_first_whatever_was_submitted_earlier() -> None:
    queues = (a_queue(1, priority=1), a_queue(2, priority=10))
    plan = plan_for(a_job(1, vcpus=4), a_job(2, queue=2, vcpus=4), queues=queues)
    assert placed(plan) == [2]


def test_small_jobs_do_not_take_the_room_that_an_earlier_large_one_waits_for() -> None:
    plan = plan_for(a_job(1, vcpus=4), a_job(2, vcpus=1), nodes=(a_node(used=Resources(1000, 0)),))
    assert placed(plan) == []
    assert codes(plan) == {1: WaitCode.CAPACITY, 2: WaitCode.TURN}


def test_a_lower_queue_does_not_take_it_either() -> None:
    queues = (a_queue(1, priority=5), a_queue(2, priority=1))
    plan = plan_for(
        a_job(1, vcpus=4),
        a_job(2, queue=2),
        nodes=(a_node(used=Resources(1000, 0)),),
        queues=queues,
    )
    assert codes(plan) == {1: WaitCode.CAPACITY, 2: WaitCode.TURN}


def test_machines_that_are_too_small_for_the_waiting_job_stay_open() -> None:
    plan = plan_for(
        a_job(1, vcpus=4),
        a_job(2, vcpus=1),
        a_job(3, vcpus=1),
        nodes=(a_node(1, used=Resources(1000, 0)), a_node(2, vcpus=1)),
        environments=(an_environment(nodes=(1, 2)),),
    )
    assert placed(plan) == [2]
    assert codes(plan) == {1: WaitCode.CAPACITY, 3: WaitCode.CAPACITY}
    assert "node-1" not in reason(plan, 3)


def test_a_blocked_job_holds_up_nothing_on_other_machines() -> None:
    plan = plan_for(
        a_job(1, vcpus=4),
        a_job(2, queue=2),
        nodes=(a_node(1, used=Resources(1000, 0)), a_node(2)),
        environments=(an_environment(1, nodes=(1,)), an_environment(2, nodes=(2,))),
        queues=(a_queue(1), a_queue(2, environments=(2,))),
    )
    assert placed(plan) == [2]


def test_a_job_that_waits_for_its_environments_maximum_holds_up_no_other_environment() -> None:
    plan = plan_for(
        a_job(1),
        a_job(2),
        a_job(3, queue=2),
        environments=(an_environment(1, max_vcpus=1, used_milli_vcpus=1000), an_environment(2)),
        queues=(a_queue(1), a_queue(2, environments=(2,))),
    )
    assert placed(plan) == [3]
    assert codes(plan) == {1: WaitCode.ENVIRONMENT_FULL, 2: WaitCode.TURN}


def test_a_job_that_no_machine_could_ever_hold_is_passed() -> None:
    plan = plan_for(a_job(1, memory_mib=99_999), a_job(2))
    assert placed(plan) == [2]
    assert codes(plan) == {1: WaitCode.JOB_REQUIREMENT}
    assert "needs 97.7 GiB (99999 MiB)" in reason(plan, 1)
    assert "8 GiB (8192 MiB)" in reason(plan, 1)


def test_too_many_vcpus_are_named_in_the_words_of_aws() -> None:
    plan = plan_for(a_job(1, vcpus=64))
    assert reason(plan, 1).startswith(
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) associated with the job queue "
        "cannot meet the CPU requirement of the job."
    )


def test_a_job_that_fits_no_single_machine_in_both_dimensions_is_told_so() -> None:
    nodes = (a_node(1, vcpus=8, memory_mib=1024), a_node(2, vcpus=1, memory_mib=65_536))
    plan = plan_for(
        a_job(1, vcpus=4, memory_mib=4096),
        nodes=nodes,
        environments=(an_environment(nodes=(1, 2)),),
    )
    assert "No single machine has both" in reason(plan, 1)


def test_environments_are_tried_in_the_order_of_the_queue() -> None:
    plan = plan_for(
        a_job(1),
        nodes=(a_node(1), a_node(2)),
        environments=(an_environment(1, nodes=(1,)), an_environment(2, nodes=(2,))),
        queues=(a_queue(environments=(2, 1)),),
    )
    assert plan.placements[0].environment_id == 2


def test_the_next_environment_is_used_when_the_first_is_full() -> None:
    plan = plan_for(
        a_job(1),
        nodes=(a_node(1, used=Resources(4000, 0)), a_node(2)),
        environments=(an_environment(1, nodes=(1,)), an_environment(2, nodes=(2,))),
        queues=(a_queue(environments=(1, 2)),),
    )
    assert plan.placements[0].environment_id == 2


def test_an_environment_never_exceeds_its_maximum() -> None:
    environment = an_environment(max_vcpus=3, used_milli_vcpus=2000)
    plan = plan_for(a_job(1), a_job(2), environments=(environment,))
    assert placed(plan) == [1]
    assert codes(plan) == {2: WaitCode.ENVIRONMENT_FULL}
    assert "env-1 uses 3 of its maximum of 3" in reason(plan, 2)


def test_two_environments_share_a_machine_without_overbooking_it() -> None:
    plan = plan_for(
        a_job(1, vcpus=3),
        a_job(2, queue=2, vcpus=3),
        environments=(an_environment(1), an_environment(2)),
        queues=(a_queue(1), a_queue(2, environments=(2,))),
    )
    assert placed(plan) == [1]


def test_the_fullest_node_that_fits_is_taken() -> None:
    nodes = (a_node(1), a_node(2, used=Resources(2000, 0)), a_node(3, used=Resources(3500, 0)))
    plan = plan_for(a_job(1), nodes=nodes, environments=(an_environment(nodes=(1, 2, 3)),))
    assert plan.placements[0].node_id == 2


def test_disabled_environments_are_named() -> None:
    plan = plan_for(a_job(1), environments=(an_environment(enabled=False),))
    assert codes(plan) == {1: WaitCode.NO_ENVIRONMENT}
    assert "disabled (env-1). Enable one." in reason(plan, 1)


def test_a_queue_without_environments_says_so() -> None:
    plan = plan_for(a_job(1), queues=(a_queue(environments=()),))
    assert "has no compute environment" in reason(plan, 1)


def test_an_invalid_environment_passes_its_reason_on() -> None:
    plan = plan_for(a_job(1), environments=(an_environment(invalid="Docker does not answer"),))
    assert codes(plan) == {1: WaitCode.ENVIRONMENT_INVALID}
    assert "Docker does not answer" in reason(plan, 1)


def test_an_environment_without_a_ready_machine_says_so() -> None:
    plan = plan_for(a_job(1), nodes=(), environments=(an_environment(nodes=()),))
    assert "No machine is ready in env-1" in reason(plan, 1)


def test_a_job_that_is_only_thought_of_is_told_what_it_would_be_told_in_the_queue() -> None:
    """It comes last: whatever waits already goes first."""
    full = Snapshot((a_node(used=Resources(3000, 0)),), (an_environment(),), (a_queue(),), ())
    small, large, never = (Resources(vcpus * 1000, 512) for vcpus in (1, 2, 9))
    assert explain(full, queue_id=1, needs=small, now=NOW) is None
    for needs, code in ((large, WaitCode.CAPACITY), (never, WaitCode.MAX_RESOURCE)):
        wait = explain(full, queue_id=1, needs=needs, now=NOW)
        assert wait is not None
        assert wait.code is code
        queued = plan_for(
            JobView(wait.job_id, 1, needs, 0), nodes=full.nodes, environments=full.environments
        )
        assert queued.waits == (wait,)
    waiting = Snapshot(full.nodes, full.environments, full.queues, (a_job(1, vcpus=2),))
    behind = explain(waiting, queue_id=1, needs=small, now=NOW)
    assert behind is not None
    assert behind.code is WaitCode.TURN
    assert not behind.code.is_misconfiguration


def test_a_reason_is_split_into_its_code_and_its_words() -> None:
    wait = plan_for(a_job(1, vcpus=9)).waits[0]
    code, words = split_reason(wait.reason)
    assert code is WaitCode.MAX_RESOURCE
    assert code.is_misconfiguration
    assert f"{code} - {words}" == wait.reason
    assert split_reason("Host EC2 - gone") == (None, "Host EC2 - gone")
