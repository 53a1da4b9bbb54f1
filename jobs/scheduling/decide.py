"""One scheduling pass: `decide(snapshot, now) -> Plan`.

1. Jobs are taken by queue priority, higher first, then in submission order (ids grow with time, so the
   order is total and the same on every run).
2. A job tries its queue's environments in their order, and in each the node on which it leaves the
   least vCPUs free, so that large holes stay for large jobs.
3. The first job of a queue that could run but finds no room closes what it waits for: whatever comes
   later may not take that room away, or a large job would wait for ever behind small ones. Machines
   that are too small for it stay open, and where only its environments' maximum stands in its way, so
   do all machines for other environments.
4. A job that no environment could ever hold closes nothing: the others pass it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from jobs.domain.resources import Resources

from .plan import Placement, Plan, Wait, WaitCode
from .reasons import (
    behind_earlier_jobs,
    environment_full,
    environment_invalid,
    never_fits,
    no_enabled_environment,
    no_room,
)
from .snapshot import EnvironmentView, JobView, NodeView, QueueView, Snapshot

# Behind all that there can be: ids grow with time.
LAST_JOB_ID = UUID(int=2**128 - 1)


class _Room:
    """What is still free while a plan is made; the only thing in a pass that changes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.nodes = {node.id: node for node in snapshot.nodes}
        self.free = {node.id: node.capacity - node.used for node in snapshot.nodes}
        self.environments = {env.id: env for env in snapshot.environments}
        self.used_milli_vcpus = {env.id: env.used_milli_vcpus for env in snapshot.environments}
        # What is kept for earlier jobs that wait: the rest of an environment's maximum, and nodes.
        self.closed: set[int] = set()
        self.closed_nodes: set[int] = set()

    def take(self, environment_id: int, node_id: int, needs: Resources) -> None:
        self.free[node_id] = self.free[node_id] - needs
        self.used_milli_vcpus[environment_id] += needs.milli_vcpus

    def close(
        self, environments: Sequence[EnvironmentView], needs: Resources, *, with_nodes: bool
    ) -> None:
        for environment in environments:
            if environment.max_milli_vcpus is not None:
                self.closed.add(environment.id)
            if with_nodes:
                self.closed_nodes.update(self.large_enough(environment, needs))

    def large_enough(self, environment: EnvironmentView, needs: Resources) -> list[int]:
        """The nodes that would hold the job if nothing else ran on them."""
        return [id_ for id_ in environment.node_ids if needs.fits_in(self.nodes[id_].capacity)]

    def is_closed(self, environment: EnvironmentView, needs: Resources) -> bool:
        """Whether an earlier job waits for all the room that this one could use."""
        if environment.id in self.closed:
            return True
        return self.closed_nodes.issuperset(self.large_enough(environment, needs))

    def below_maximum(self, environment: EnvironmentView, needs: Resources) -> bool:
        if environment.max_milli_vcpus is None:
            return True
        used = self.used_milli_vcpus[environment.id]
        return used + needs.milli_vcpus <= environment.max_milli_vcpus

    def best_node(self, environment: EnvironmentView, needs: Resources) -> NodeView | None:
        """The fullest node that still holds the job; the smaller id where two are alike."""
        fitting = [
            node_id
            for node_id in environment.node_ids
            if node_id not in self.closed_nodes and needs.fits_in(self.free[node_id])
        ]
        if not fitting:
            return None
        return self.nodes[min(fitting, key=lambda id_: (self.free[id_].milli_vcpus, id_))]


@dataclass(frozen=True, slots=True)
class _Verdict:
    placement: Placement | None = None
    wait: Wait | None = None
    # The environments whose room the job waits for.
    waits_for: tuple[EnvironmentView, ...] = ()
    # Whether it waits for room on their nodes, too, and not for their maximum alone.
    waits_for_nodes: bool = True


def decide(snapshot: Snapshot, now: datetime) -> Plan:
    """Places what can start now and gives the reason for each job that cannot.

    Never places more on a node than it has, nor in an environment more than its maximum.
    """
    room = _Room(snapshot)
    queues = {queue.id: queue for queue in snapshot.queues}
    placements: list[Placement] = []
    waits: list[Wait] = []
    for job in sorted(snapshot.jobs, key=lambda job: (-queues[job.queue_id].priority, job.id)):
        verdict = _judge(job, queues[job.queue_id], room)
        if verdict.placement:
            placement = verdict.placement
            room.take(placement.environment_id, placement.node_id, job.needs)
            placements.append(placement)
        if verdict.wait:
            waits.append(verdict.wait)
        room.close(verdict.waits_for, job.needs, with_nodes=verdict.waits_for_nodes)
    return Plan(at=now, placements=tuple(placements), waits=tuple(waits))


def explain(snapshot: Snapshot, *, queue_id: int, needs: Resources, now: datetime) -> Wait | None:
    """Why a job that asks for this would not start now if it came last to its queue; None if it would.

    The queue is one of the snapshot's.
    """
    job = JobView(id=LAST_JOB_ID, queue_id=queue_id, needs=needs, attempts_made=0)
    plan = decide(replace(snapshot, jobs=(*snapshot.jobs, job)), now)
    return next((wait for wait in plan.waits if wait.job_id == job.id), None)


def _judge(job: JobView, queue: QueueView, room: _Room) -> _Verdict:
    """Where the job goes, or the one thing that would let it start."""
    # One that was deleted while the snapshot was read is no longer there.
    all_environments = [
        room.environments[id_] for id_ in queue.environment_ids if id_ in room.environments
    ]
    enabled = [environment for environment in all_environments if environment.enabled]
    if not enabled:
        return _waiting(job, *no_enabled_environment(queue, all_environments))
    valid = [environment for environment in enabled if not environment.invalid_reason]
    if not valid:
        return _waiting(job, *environment_invalid(enabled))
    possible = [environment for environment in valid if _could_hold(environment, job.needs, room)]
    if not possible:
        return _waiting(job, *never_fits(job.needs, valid, room.nodes))
    for environment in possible:
        if environment.id in room.closed or not room.below_maximum(environment, job.needs):
            continue
        node = room.best_node(environment, job.needs)
        if node:
            return _Verdict(placement=Placement(job, environment.id, node.id))
    return _blocked(job, queue, possible, room)


def _blocked(
    job: JobView, queue: QueueView, possible: list[EnvironmentView], room: _Room
) -> _Verdict:
    open_environments = [env for env in possible if not room.is_closed(env, job.needs)]
    if not open_environments:
        return _waiting(job, *behind_earlier_jobs(queue))
    code, text = _why_no_room(job, open_environments, room)
    return _Verdict(
        wait=Wait(job.id, code, text),
        waits_for=tuple(possible),
        waits_for_nodes=code is not WaitCode.ENVIRONMENT_FULL,
    )


def _why_no_room(
    job: JobView, environments: list[EnvironmentView], room: _Room
) -> tuple[WaitCode, str]:
    below_maximum = [env for env in environments if room.below_maximum(env, job.needs)]
    if not below_maximum:
        return environment_full(job.needs, environments[0], room.used_milli_vcpus)
    node_ids = {
        id_ for env in below_maximum for id_ in room.large_enough(env, job.needs)
    } - room.closed_nodes
    free = {room.nodes[node_id].name: room.free[node_id] for node_id in sorted(node_ids)}
    return no_room(job.needs, free)


def _could_hold(environment: EnvironmentView, needs: Resources, room: _Room) -> bool:
    """Whether the job would fit if nothing else ran."""
    maximum = environment.max_milli_vcpus
    if maximum is not None and needs.milli_vcpus > maximum:
        return False
    return bool(room.large_enough(environment, needs))


def _waiting(job: JobView, code: WaitCode, text: str) -> _Verdict:
    return _Verdict(wait=Wait(job.id, code, text))
