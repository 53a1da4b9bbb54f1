"""Who may pass a job that waits for room: nobody who would delay it."""

import pytest

from jobs.domain.ids import text_of
from jobs.domain.resources import Resources
from jobs.scheduling.judge import RESERVATIONS_PER_QUEUE
from jobs.scheduling.plan import WaitCode
from tests.scheduling.views import (
    a_job,
    a_node,
    a_queue,
    a_run,
    an_environment,
    codes,
    placed,
    plan_for,
    reason,
)

# The head needs all four vCPUs of the machine, of which two are in use for another 600 seconds.
HEAD = a_job(1, vcpus=4, limit=3600)
HALF_FULL = (a_node(used=Resources(2000, 512)),)
ENDS_IN_600 = (a_run(vcpus=2, seconds_ago=30, limit=600),)


@pytest.mark.parametrize(
    ("limit", "estimate", "passes"),
    [
        (570, None, True),
        # With the 30 seconds between SIGTERM and SIGKILL it would end after the head's start.
        (571, None, False),
        (None, 600.0, True),
        (None, 601.0, False),
        # Nobody knows when it ends.
        (None, None, False),
        # A time limit holds, whatever earlier runs were like.
        (3600, 10.0, False),
        (60, 9999.0, True),
    ],
)
def test_a_job_passes_if_it_ends_before_the_head_can_start(
    limit: int | None, estimate: float | None, passes: bool
) -> None:
    candidate = a_job(2, limit=limit, estimate=estimate)
    plan = plan_for(HEAD, candidate, nodes=HALF_FULL, running=ENDS_IN_600)
    assert placed(plan) == ([2] if passes else [])
    assert codes(plan)[1] is WaitCode.CAPACITY


def test_a_job_passes_if_the_head_leaves_room_beside_it() -> None:
    """On a machine of five vCPUs one is to spare, for as long as it takes."""
    nodes = (a_node(vcpus=5, used=Resources(2000, 512)),)
    plan = plan_for(HEAD, a_job(2), a_job(3), nodes=nodes, running=ENDS_IN_600)
    assert placed(plan) == [2]
    assert codes(plan) == {1: WaitCode.CAPACITY, 3: WaitCode.TURN}


def test_nothing_passes_where_no_end_is_known() -> None:
    plan = plan_for(HEAD, a_job(2, limit=60), nodes=HALF_FULL, running=(a_run(vcpus=2),))
    assert placed(plan) == []


def test_what_should_have_been_killed_long_ago_ends_nobody_knows_when() -> None:
    overdue = a_run(vcpus=2, seconds_ago=700, limit=600)
    plan = plan_for(HEAD, a_job(2, limit=60), nodes=HALF_FULL, running=(overdue,))
    assert placed(plan) == []


@pytest.mark.parametrize(
    ("seconds_ago", "passes"),
    [
        (700, True),  # as long again: 700 s
        (30, False),  # it may end in 30 s, before job 2 with its 60 s and the grace time would
    ],
)
def test_what_has_outlived_earlier_runs_is_taken_to_be_in_the_middle(
    seconds_ago: int, passes: bool
) -> None:
    overdue = a_run(vcpus=2, seconds_ago=seconds_ago, estimate=10.0)
    plan = plan_for(HEAD, a_job(2, limit=60), nodes=HALF_FULL, running=(overdue,))
    assert placed(plan) == ([2] if passes else [])


def test_jobs_that_start_in_this_pass_count_with_their_ends() -> None:
    """Job 1 takes half of the machine for 630 seconds; the head waits for it, and job 3 fits before."""
    plan = plan_for(
        a_job(1, vcpus=2, limit=600),
        a_job(2, vcpus=4, limit=60),
        a_job(3, vcpus=1, limit=600),
        a_job(4, vcpus=1, limit=601),
    )
    assert placed(plan) == [1, 3]
    assert codes(plan) == {2: WaitCode.CAPACITY, 4: WaitCode.TURN}


def test_only_the_machine_that_the_head_will_get_is_kept_for_it() -> None:
    nodes = (a_node(1, used=Resources(2000, 512)), a_node(2, used=Resources(3000, 512)))
    plan = plan_for(
        HEAD,
        a_job(2),
        nodes=nodes,
        environments=(an_environment(nodes=(1, 2)),),
        running=(*ENDS_IN_600, a_run(node=2, vcpus=3)),
    )
    assert [(p.job.id.int, p.node_id) for p in plan.placements] == [(2, 2)]


def test_the_maximum_of_an_environment_is_kept_for_the_head_as_well() -> None:
    environment = an_environment(max_vcpus=4, used_milli_vcpus=2000)
    nodes = (a_node(vcpus=32, memory_mib=65_536, used=Resources(2000, 512)),)
    plan = plan_for(
        HEAD,
        a_job(2, limit=570),
        a_job(3),
        nodes=nodes,
        environments=(environment,),
        running=ENDS_IN_600,
    )
    assert placed(plan) == [2]
    assert codes(plan) == {1: WaitCode.ENVIRONMENT_FULL, 3: WaitCode.TURN}


def test_a_lower_queue_fills_the_gap_before_a_higher_ones_head() -> None:
    queues = (a_queue(1, priority=9), a_queue(2, priority=1))
    candidates = (a_job(2, queue=2, limit=3600), a_job(3, queue=2, limit=60))
    plan = plan_for(HEAD, *candidates, nodes=HALF_FULL, running=ENDS_IN_600, queues=queues)
    assert placed(plan) == [3]
    assert "behind the job job-1" in reason(plan, 2)
    assert "of the queue queue-1" in reason(plan, 2)


def test_without_backfill_the_head_blocks_all_behind_it() -> None:
    plan = plan_for(
        HEAD,
        a_job(2, limit=60),
        nodes=HALF_FULL,
        running=ENDS_IN_600,
        queues=(a_queue(backfill=False),),
    )
    assert placed(plan) == []
    assert codes(plan) == {1: WaitCode.CAPACITY, 2: WaitCode.TURN}


def test_without_backfill_a_job_that_can_never_start_blocks_too() -> None:
    """As AWS Batch does: a time limit of the queue, or somebody, has to take it away."""
    plan = plan_for(a_job(1, vcpus=64), a_job(2), queues=(a_queue(backfill=False),))
    assert placed(plan) == []
    assert codes(plan) == {1: WaitCode.MAX_RESOURCE, 2: WaitCode.TURN}


def test_a_queue_without_backfill_blocks_no_other_queue() -> None:
    queues = (a_queue(1, backfill=False), a_queue(2))
    plan = plan_for(
        HEAD,
        a_job(2, limit=60),
        a_job(3, queue=2, limit=60),
        nodes=HALF_FULL,
        running=ENDS_IN_600,
        queues=queues,
    )
    assert placed(plan) == [3]


def test_who_waits_behind_is_told_whom_and_what_that_one_needs() -> None:
    plan = plan_for(HEAD, a_job(2), nodes=HALF_FULL, running=ENDS_IN_600)
    assert reason(plan, 2) == (
        "QUEUED:BEHIND_EARLIER_JOBS - Waits in the queue queue-1 behind the job job-1 "
        f"({text_of(HEAD.id)}), which comes first and needs 4 vCPU, 512 MiB."
    )


@pytest.mark.parametrize("backfill", [True, False])
def test_a_job_of_somebody_else_is_not_named_to_who_waits_behind_it(backfill: bool) -> None:
    queues = (a_queue(backfill=backfill),)
    waiting = [a_job(n, owner=owner) for n, owner in ((2, 7), (3, 0), (4, 7))]
    plan = plan_for(HEAD, *waiting, nodes=HALF_FULL, running=ENDS_IN_600, queues=queues)
    text = (
        "QUEUED:BEHIND_EARLIER_JOBS - Waits in the queue queue-1 behind another job, "
        "which comes first and needs 4 vCPU, 512 MiB."
    )
    assert [reason(plan, 2), reason(plan, 4)] == [text, text]
    assert f"behind the job job-1 ({text_of(HEAD.id)})," in reason(plan, 3)


def test_the_text_stays_while_nothing_changes_but_time() -> None:
    before = plan_for(HEAD, a_job(2), nodes=HALF_FULL, running=ENDS_IN_600)
    later = (a_run(vcpus=2, seconds_ago=90, limit=600),)
    after = plan_for(HEAD, a_job(2), nodes=HALF_FULL, running=later)
    assert before.waits == after.waits


def test_several_heads_have_places_reserved_one_after_the_other() -> None:
    """Job 2 follows the head on the machine; a third may fill in only before the head."""
    plan = plan_for(
        HEAD,
        a_job(2, vcpus=4, limit=60),
        a_job(3, vcpus=2, limit=60),
        nodes=HALF_FULL,
        running=ENDS_IN_600,
    )
    assert placed(plan) == [3]
    assert codes(plan) == {1: WaitCode.CAPACITY, 2: WaitCode.TURN}


@pytest.mark.parametrize(("blocked", "more"), [(0, True), (3, True), (4, False)])
def test_another_pass_is_due_if_most_were_placed_and_more_wait(blocked: int, more: bool) -> None:
    jobs = [a_job(n) for n in range(1, 4)] + [a_job(9 + n, vcpus=64) for n in range(blocked)]
    assert plan_for(*jobs, queues=(a_queue(has_more=True),)).more is more
    assert not plan_for(*jobs).more


def test_only_the_first_few_that_wait_have_places_reserved() -> None:
    """Enough that no head is delayed; more would only cost time."""
    jobs = [a_job(n, vcpus=4, limit=60) for n in range(1, RESERVATIONS_PER_QUEUE + 1)]
    # Machine 2 is full for ever, so that each of them has something to wait for that nobody claims.
    nodes = (*HALF_FULL, a_node(2, used=Resources(4000, 0)))
    plan = plan_for(
        *jobs,
        a_job(50, vcpus=4, limit=60),
        nodes=nodes,
        environments=(an_environment(nodes=(1, 2)),),
        running=ENDS_IN_600,
    )
    assert placed(plan) == []
    assert codes(plan)[50] is WaitCode.CAPACITY
    assert "0 vCPU, 8 GiB free on node-2" in reason(plan, 50)
