"""Fair share: whose turn it is, how use fades, and what is kept for those who are not there yet."""

import math
from datetime import timedelta

import pytest

from jobs.domain.resources import Resources
from jobs.scheduling.decide import decide, explain_job
from jobs.scheduling.plan import WaitCode
from jobs.scheduling.shares import (
    ADVANCE_SECONDS,
    active_shares,
    decayed,
    reserved_ratio,
    usage_by_share,
    used_by_run,
    weight_of,
)
from jobs.scheduling.snapshot import FairShareView, QueueView, ShareUsageView
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
    plan_for,
    reason,
)


def used(share: str, milli_vcpu_seconds: float) -> ShareUsageView:
    return ShareUsageView(share, milli_vcpu_seconds, as_of=NOW)


def fair(*usage: ShareUsageView, **fields: object) -> tuple[QueueView]:
    return (a_queue(fair_share=FairShareView(usage=usage, **fields)),)  # type: ignore[arg-type]


def test_the_share_that_used_least_goes_first() -> None:
    plan = plan_for(
        a_job(1, vcpus=4, share="busy"),
        a_job(2, vcpus=4, share="idle"),
        queues=fair(used("busy", 1000.0), used("idle", 10.0)),
    )
    assert placed(plan) == [2]


def test_of_shares_that_used_nothing_the_older_job_goes_first() -> None:
    plan = plan_for(a_job(1, vcpus=4, share="z"), a_job(2, vcpus=4, share="a"), queues=fair())
    assert placed(plan) == [1]


def test_shares_take_turns_within_one_pass() -> None:
    jobs = [a_job(n, share="one") for n in (1, 2, 3)] + [a_job(n, share="two") for n in (4, 5, 6)]
    assert placed(plan_for(*jobs, queues=fair())) == [1, 4, 2, 5]


def test_a_quarter_of_the_weight_gives_four_times_the_turns() -> None:
    jobs = [a_job(n, share="heavy") for n in range(1, 20)]
    jobs += [a_job(n, share="light") for n in range(20, 40)]
    queues = fair(weights=(("light", 0.25),))
    plan = plan_for(*jobs, queues=queues, nodes=(a_node(vcpus=10, memory_mib=10**6),))
    assert sum(1 for job in placed(plan) if job >= 20) == 8


def test_within_a_share_the_higher_priority_goes_first_and_then_the_older_job() -> None:
    jobs = (
        a_job(1, share="a", priority=1),
        a_job(2, share="a", priority=9),
        a_job(3, share="a", priority=9),
        # A priority counts for nothing between shares.
        a_job(4, share="b", priority=0),
    )
    assert placed(plan_for(*jobs, queues=fair(used("a", 1.0)))) == [4, 2, 3, 1]


def test_what_runs_counts_as_use() -> None:
    plan = plan_for(
        a_job(1, vcpus=3, share="running"),
        a_job(2, vcpus=3, share="waiting"),
        queues=fair(),
        running=(a_run(share="running", seconds_ago=5),),
    )
    assert placed(plan) == [2]


@pytest.mark.parametrize(
    ("share", "weight"),
    [
        ("UserA", 2.0),
        ("UserA1", 3.0),
        ("UserB", 4.0),
        # The longest prefix counts, whatever the order in the policy.
        ("UserBaker", 5.0),
        ("Other", 1.0),
    ],
)
def test_the_weight_of_a_share(share: str, weight: float) -> None:
    weights = (("User*", 4.0), ("UserB?*", 9.0), ("UserBa*", 5.0), ("UserA*", 3.0), ("UserA", 2.0))
    assert weight_of(share, weights) == weight


def test_use_fades_with_the_decay() -> None:
    later = NOW + timedelta(seconds=1200)
    assert decayed(100.0, as_of=NOW, now=later, decay_seconds=1200) == pytest.approx(100 / math.e)
    # Zero stands for AWS's least, 600 seconds.
    assert decayed(100.0, as_of=NOW, now=later, decay_seconds=0) == pytest.approx(100 / math.e**2)
    # A clock that went back takes nothing away.
    assert decayed(100.0, as_of=later, now=NOW, decay_seconds=0) == 100.0


def test_a_long_run_at_one_rate_holds_what_it_uses_in_one_window() -> None:
    assert used_by_run(milli_vcpus=2000, seconds=10**6, decay_seconds=900) == pytest.approx(
        2000 * 900
    )
    assert used_by_run(milli_vcpus=2000, seconds=1, decay_seconds=10**5) == pytest.approx(
        2000, rel=1e-4
    )
    assert used_by_run(milli_vcpus=2000, seconds=-5, decay_seconds=900) == 0


def test_a_run_is_charged_in_advance_and_not_twice() -> None:
    policy = FairShareView(usage=(used("a", 5.0),))
    young, old = (a_run(share="a", seconds_ago=seconds) for seconds in (1, 300))
    advance = used_by_run(milli_vcpus=1000, seconds=ADVANCE_SECONDS, decay_seconds=0)
    assert usage_by_share(policy, [young], NOW)["a"] == pytest.approx(5.0 + advance)
    really = used_by_run(milli_vcpus=1000, seconds=300, decay_seconds=0)
    assert usage_by_share(policy, [old], NOW)["a"] == pytest.approx(5.0 + really)


@pytest.mark.parametrize(
    ("percent", "shares", "ratio"),
    # The examples of AWS's documentation.
    [
        (50, 1, 0.5),
        (50, 2, 0.25),
        (50, 3, 0.125),
        (25, 1, 0.25),
        (25, 2, 0.0625),
        (0, 0, 0.0),
        (0, 3, 0.0),
    ],
)
def test_the_reserve_for_shares_that_are_not_active(
    percent: int, shares: int, ratio: float
) -> None:
    assert reserved_ratio(percent, shares) == pytest.approx(ratio)


def test_a_share_alone_leaves_the_reserve_free() -> None:
    jobs = [a_job(n, share="a") for n in (1, 2, 3)]
    plan = plan_for(*jobs, queues=fair(compute_reservation=50))
    assert placed(plan) == [1, 2]
    assert codes(plan) == {3: WaitCode.SHARE_RESERVE}
    assert "active shares may use 2 of env-1, of which 2 are in use" in reason(plan, 3)


def test_a_second_share_gets_a_part_of_the_reserve() -> None:
    jobs = [a_job(n, share="a") for n in (1, 2, 3)]
    plan = plan_for(*jobs, a_job(4, share="b"), queues=fair(compute_reservation=50))
    assert placed(plan) == [1, 4, 2]


def test_a_share_that_only_waits_behind_the_front_is_active() -> None:
    policy = FairShareView(waiting=frozenset({"a", "b"}))
    running = [a_run(share="c")]
    assert active_shares(policy, [a_job(1, share="a")], running) == {"a", "b", "c"}


def test_the_reserve_is_of_the_environments_maximum() -> None:
    jobs = [a_job(n, share="a") for n in range(1, 9)]
    plan = plan_for(
        *jobs,
        nodes=(a_node(vcpus=64, memory_mib=10**6),),
        environments=(an_environment(max_vcpus=5),),
        queues=fair(compute_reservation=40),
    )
    assert placed(plan) == [1, 2, 3]


def test_a_job_larger_than_the_reserve_leaves_lets_others_pass_it() -> None:
    plan = plan_for(
        a_job(1, vcpus=3, share="a"), a_job(2, share="a"), queues=fair(compute_reservation=50)
    )
    assert placed(plan) == [2]
    assert codes(plan) == {1: WaitCode.SHARE_RESERVE}


def test_one_that_waits_for_room_below_the_reserve_is_not_passed_by_smaller_ones() -> None:
    plan = plan_for(
        a_job(1, share="a"),
        a_job(2, vcpus=2, share="a"),
        a_job(3, share="a"),
        queues=fair(compute_reservation=50),
    )
    assert placed(plan) == [1]
    assert codes(plan) == {2: WaitCode.SHARE_RESERVE, 3: WaitCode.SHARE_RESERVE}


def test_the_pass_ends_where_the_next_job_of_the_next_share_is_not_known() -> None:
    """Share a has more jobs than the snapshot, and the next turn: nobody else may take it."""
    jobs = (a_job(1, share="a"), a_job(2, share="b"), a_job(3, share="b"))
    queues = fair(used("b", 10.0**9), partial=frozenset({"a"}))
    plan = plan_for(*jobs, queues=queues)
    assert placed(plan) == [1]
    assert plan.more
    assert plan.waits == ()
    unheard = explain_job(a_snapshot(*jobs, queues=queues), a_job(9, share="b"), NOW).wait
    assert unheard is not None
    assert unheard.code is WaitCode.TURN


def test_a_share_without_any_known_job_breaks_off_only_at_its_turn() -> None:
    jobs = (a_job(1, share="a"), a_job(2, share="b"))
    queues = fair(used("a", 1.0), used("b", 2.0), used("c", 10.0**9), partial=frozenset({"c"}))
    plan = plan_for(*jobs, queues=queues)
    assert placed(plan) == [1, 2]
    assert plan.more


def test_where_nobody_found_room_another_pass_would_not_help() -> None:
    jobs = [a_job(n, vcpus=3, share=f"s{n}") for n in (1, 2)]
    queues = fair(used("c", 10.0**9), partial=frozenset({"c"}))
    plan = plan_for(*jobs, queues=queues, nodes=(a_node(used=Resources(2000, 0)),))
    assert codes(plan) == {1: WaitCode.CAPACITY, 2: WaitCode.TURN}
    assert not plan.more


def test_a_partial_share_whose_jobs_find_no_room_does_not_end_the_pass() -> None:
    jobs = (a_job(1, vcpus=64, share="a"), a_job(2, share="b"))
    queues = fair(used("b", 10.0**9), partial=frozenset({"a"}))
    plan = decide(a_snapshot(*jobs, queues=queues), NOW)
    assert placed(plan) == [2]
    assert not plan.more
