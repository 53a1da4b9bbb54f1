"""Consumable resources: a job waits for all that it needs, and holds up nobody who needs none."""

from jobs.scheduling.plan import WaitCode
from jobs.scheduling.snapshot import ConsumableView
from tests.scheduling.views import a_job, a_node, a_queue, codes, placed, plan_for, reason

LICENCE = ConsumableView("licence", total=5, free=3)
TOKEN = ConsumableView("token", total=3, free=3, replenishable=False)


def test_jobs_start_as_long_as_the_resource_lasts() -> None:
    jobs = [a_job(n, consumables=(("licence", 2),)) for n in (1, 2)]
    plan = plan_for(*jobs, consumables=(LICENCE,))
    assert placed(plan) == [1]
    assert reason(plan, 2) == (
        "CAPACITY:INSUFFICIENT_CONSUMABLE_RESOURCE - Needs 2 of the consumable resource licence; "
        "1 of 5 are free."
    )


def test_who_waits_for_a_resource_holds_up_no_machine() -> None:
    plan = plan_for(
        a_job(1, vcpus=4, consumables=(("licence", 4),)), a_job(2, vcpus=4), consumables=(LICENCE,)
    )
    assert placed(plan) == [2]
    assert codes(plan) == {1: WaitCode.CONSUMABLE}


def test_what_an_earlier_job_waits_for_is_kept_for_it() -> None:
    jobs = (a_job(1, consumables=(("licence", 4),)), a_job(2, consumables=(("licence", 1),)))
    plan = plan_for(*jobs, consumables=(LICENCE,))
    assert placed(plan) == []
    assert "3 of 5 are free, and kept for jobs that come first" in reason(plan, 2)


def test_what_is_used_up_for_good_is_not_kept_for_one_that_wants_more_than_is_left() -> None:
    jobs = (
        a_job(1, consumables=(("licence", 1), ("token", 4))),
        a_job(2, consumables=(("token", 3),)),
        a_job(3, consumables=(("licence", 3),)),
    )
    plan = plan_for(*jobs, consumables=(LICENCE, TOKEN))
    assert placed(plan) == [2, 3]
    assert codes(plan) == {1: WaitCode.CONSUMABLE}


def test_a_job_that_waits_for_a_machine_keeps_its_resources() -> None:
    jobs = (
        a_job(1, vcpus=4, consumables=(("licence", 3),)),
        a_job(2, vcpus=8, consumables=(("licence", 1),)),
    )
    nodes = (a_node(1, vcpus=4), a_node(2, vcpus=8))
    plan = plan_for(a_job(0, vcpus=4, limit=60), *jobs, nodes=nodes[:1], consumables=(LICENCE,))
    assert placed(plan) == [0]
    assert codes(plan) == {1: WaitCode.CAPACITY, 2: WaitCode.MAX_RESOURCE}
    small = a_job(3, vcpus=1, limit=60, consumables=(("licence", 1),))
    running_small = plan_for(
        a_job(0, vcpus=3, limit=60), *jobs[:1], small, nodes=nodes[:1], consumables=(LICENCE,)
    )
    assert codes(running_small) == {1: WaitCode.CAPACITY, 3: WaitCode.CONSUMABLE}


def test_more_than_there_is_in_total_is_a_mistake_and_keeps_nothing() -> None:
    jobs = (a_job(1, consumables=(("licence", 6),)), a_job(2, consumables=(("licence", 3),)))
    plan = plan_for(*jobs, consumables=(LICENCE,))
    assert placed(plan) == [2]
    assert codes(plan) == {1: WaitCode.CONSUMABLE_REQUIREMENT}
    assert "which has 5 in total" in reason(plan, 1)


def test_a_resource_that_there_is_not_is_named() -> None:
    plan = plan_for(a_job(1, consumables=(("ghost", 1),)), consumables=(LICENCE,))
    assert codes(plan)[1].is_misconfiguration
    assert "There is no consumable resource ghost" in reason(plan, 1)


def test_a_total_that_was_lowered_below_what_is_in_use_leaves_nothing_free() -> None:
    plan = plan_for(
        a_job(1, consumables=(("licence", 1),)),
        consumables=(ConsumableView("licence", total=2, free=-3),),
    )
    assert "0 of 2 are free" in reason(plan, 1)


def test_without_backfill_a_job_without_its_resource_blocks_the_queue() -> None:
    plan = plan_for(
        a_job(1, consumables=(("licence", 4),)),
        a_job(2),
        consumables=(LICENCE,),
        queues=(a_queue(backfill=False),),
    )
    assert codes(plan) == {1: WaitCode.CONSUMABLE, 2: WaitCode.TURN}
