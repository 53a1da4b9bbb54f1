"""One scheduling pass: `decide(snapshot, now) -> Plan`.

1. Jobs have their turns in the order of `order`: queue priority, then submission or fair share. What may use Spot
   capacity comes last there (`rounds`).
2. A job tries its queue's environments in their order, and in each the nodes on which it leaves the
   least free, so that large holes stay for large jobs. All nodes of a multi-node job start together.
3. A job that could run but finds no room has a place reserved for it: the earliest that the known ends
   of what runs allow. Whatever comes later may pass it only where that does not delay this start: it ends
   before (by its time limit, or by what earlier runs tell), or it takes room that is to spare then. Where
   no end is known, the machines that it waits for are kept for it alone. (EASY backfill: D. Lifka,
   "The ANL/IBM SP scheduling system", 1995; here with reservations for the first few of a queue.)
4. In a queue without backfill, the first job that cannot start blocks all behind it, as AWS Batch does.
5. A job that no environment could ever hold keeps nothing: the others pass it.
6. Managed environments have instances: one is launched where a job finds no room on those there are (`capacity`),
   idle ones and Spot work give way (`reclaim`), and what nobody needs is ended (`scaling`).
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from jobs.domain.resources import Resources

from .capacity import Capacity
from .judge import Judge
from .order import LAST_ID
from .plan import Plan, Wait, WaitCode
from .reasons import behind_the_front
from .rounds import Rounds
from .scaling import end_drained, scale
from .snapshot import JobView, Snapshot
from .timeline import Clock


def decide(snapshot: Snapshot, now: datetime) -> Plan:
    """Places what can start now and gives the reason for each job that cannot.

    Never places more on a node than it has, nor in an environment more than its maximum.
    """
    judge = Judge(snapshot, Clock(now, snapshot.grace_seconds))
    end_drained(snapshot, judge.capacity)
    rounds = Rounds(snapshot, judge, now)
    rounds.run()
    is_scarce = any(wait.code is WaitCode.CAPACITY for wait in rounds.waits)
    scale(snapshot, judge.capacity, is_scarce=is_scarce)
    capacity = judge.capacity
    return Plan(
        at=now,
        placements=tuple(rounds.placements),
        waits=tuple(rounds.waits),
        more=_is_more_to_do(snapshot, rounds),
        launches=tuple(capacity.launches),
        ends=tuple(capacity.ends.values()),
        drains=tuple(capacity.drains.values()),
        interruptions=tuple(capacity.interruptions),
        pressures=_pressures(snapshot, capacity),
    )


def explain(snapshot: Snapshot, *, queue_id: int, needs: Resources, now: datetime) -> Wait | None:
    """Why a plain job that asks for this would not start now if it came last to its queue; None if it would.

    The queue is one of the snapshot's.
    """
    return explain_job(snapshot, JobView(LAST_ID, queue_id, needs, attempts_made=0), now)


def explain_job(snapshot: Snapshot, job: JobView, now: datetime) -> Wait | None:
    """The same for any job, whatever its id."""
    job = replace(job, id=LAST_ID)
    queue = next(queue for queue in snapshot.queues if queue.id == job.queue_id)
    plan = decide(replace(snapshot, jobs=(*snapshot.jobs, job)), now)
    wait = next((wait for wait in plan.waits if wait.job_id == job.id), None)
    if wait is not None:
        return wait
    unheard = all(placement.job.id != job.id for placement in plan.placements)
    return Wait(job.id, queue.id, *behind_the_front(queue)) if unheard or queue.has_more else None


def _pressures(snapshot: Snapshot, capacity: Capacity) -> tuple[tuple[int, Decimal], ...]:
    """Of the engines that have Spot work, or may get some."""
    engine_ids = {
        capacity.market.engine_of(environment)
        for environment in snapshot.environments
        if environment.kind.is_spot
    }
    return tuple(
        (engine_id, capacity.market.pressure(engine_id))
        for engine_id in capacity.market.engine_ids
        if engine_id in engine_ids
    )


def _is_more_to_do(snapshot: Snapshot, rounds: Rounds) -> bool:
    """Whether another pass would place more at once: jobs start, and those behind were not looked at."""
    placed, lines = rounds.placed, rounds.lines
    loaded = dict.fromkeys(placed, 0)
    for job in snapshot.jobs:
        loaded[job.queue_id] += 1
    return any(
        placed[queue.id]
        # If most found no room, the next ones hardly will before something ends.
        and (lines[queue.id].broken_off or 2 * placed[queue.id] >= loaded[queue.id])
        for queue in snapshot.queues
        if queue.has_more or lines[queue.id].broken_off
    )
