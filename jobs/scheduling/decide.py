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

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from jobs.domain.resources import Resources

from .capacity import Capacity
from .judge import Judge
from .order import LAST_ID
from .plan import EndCause, Plan, Wait, WaitCode
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
        more=_is_more_to_do(snapshot, rounds) or _has_made_room(judge.capacity),
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
    return explain_job(snapshot, JobView(LAST_ID, queue_id, needs, attempts_made=0), now).wait


@dataclass(frozen=True, slots=True)
class Answer:
    """What a job would be told: why it would not start now (`wait`; None if it would).

    `notice_seconds`: Spot work would be interrupted for it, and has so long to make room; None if none would.
    """

    wait: Wait | None
    notice_seconds: float | None = None


def explain_job(snapshot: Snapshot, job: JobView, now: datetime) -> Answer:
    """The same for any job, whatever its id, and whether it would interrupt Spot work."""
    job = replace(job, id=LAST_ID)
    queue = next(queue for queue in snapshot.queues if queue.id == job.queue_id)
    plan = decide(replace(snapshot, jobs=(*snapshot.jobs, job)), now)
    wait = next((wait for wait in plan.waits if wait.job_id == job.id), None)
    if wait is not None:
        return Answer(wait, _notice_seconds(plan, snapshot))
    unheard = all(placement.job.id != job.id for placement in plan.placements)
    if unheard or queue.has_more:
        return Answer(Wait(job.id, queue.id, *behind_the_front(queue)))
    return Answer(None)


def _notice_seconds(plan: Plan, without_it: Snapshot) -> float | None:
    """The longest that is left to the Spot work that the plan interrupts and one without the job would not."""
    if not _notices(plan):
        return None
    anyway = _notices(decide(without_it, plan.at))
    own = [kill_at for victim, kill_at in _notices(plan).items() if victim not in anyway]
    return (max(own) - plan.at).total_seconds() if own else None


def _notices(plan: Plan) -> dict[tuple[str, int], datetime]:
    """When what the plan interrupts to make room must be gone, by what that is."""
    cause = EndCause.INTERRUPTED_FOR_ROOM
    drains = {
        ("instance", each.instance_id): each.kill_at
        for each in plan.drains
        if each.cause is cause and each.kill_at is not None
    }
    attempts = {
        ("attempt", each.attempt_id): each.kill_at
        for each in plan.interruptions
        if each.cause is cause
    }
    return {**drains, **attempts}


def _has_made_room(capacity: Capacity) -> bool:
    """Whether a job that waits has room now that it had not at its turn."""
    return any(end.cause is EndCause.INTERRUPTED_FOR_ROOM for end in capacity.ends.values())


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
