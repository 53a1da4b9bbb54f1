"""One scheduling pass: `decide(snapshot, now) -> Plan`.

1. Jobs are taken by queue priority, higher first, then in submission order (ids grow with time, so the
   order is total and the same on every run).
2. A job tries its queue's environments in their order, and in each the node on which it leaves the
   least vCPUs free, so that large holes stay for large jobs.
3. The first job of a queue that could run but finds no room closes what it waits for: whatever comes
   later may not take that room away, or a large job would wait for ever behind small ones. Where only
   its environments' maximum stands in its way, their machines stay open to other environments.
4. A job that no environment could ever hold closes nothing: the others pass it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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


class _Room:
    """What is still free while a plan is made; the only thing in a pass that changes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.nodes = {node.id: node for node in snapshot.nodes}
        self.free = {node.id: node.capacity - node.used for node in snapshot.nodes}
        self.environments = {env.id: env for env in snapshot.environments}
        self.used_milli_vcpus = {env.id: env.used_milli_vcpus for env in snapshot.environments}
        # Environments in which an earlier job waits for room, and the nodes that are kept for it.
        self.closed: set[int] = set()
        self.closed_nodes: set[int] = set()

    def take(self, environment_id: int, node_id: int, needs: Resources) -> None:
        self.free[node_id] = self.free[node_id] - needs
        self.used_milli_vcpus[environment_id] += needs.milli_vcpus

    def close(self, environments: Sequence[EnvironmentView], *, with_nodes: bool) -> None:
        for environment in environments:
            self.closed.add(environment.id)
            if with_nodes:
                self.closed_nodes.update(environment.node_ids)

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
        room.close(verdict.waits_for, with_nodes=verdict.waits_for_nodes)
    return Plan(at=now, placements=tuple(placements), waits=tuple(waits))


def _judge(job: JobView, queue: QueueView, room: _Room) -> _Verdict:
    """Where the job goes, or the one thing that would let it start."""
    all_environments = [room.environments[id_] for id_ in queue.environment_ids]
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
    open_environments = [env for env in possible if not _is_closed(env, room)]
    if not open_environments:
        return _waiting(job, *behind_earlier_jobs(queue))
    code, text = _why_no_room(job, open_environments, room)
    return _Verdict(
        wait=Wait(job.id, code, text),
        waits_for=tuple(possible),
        waits_for_nodes=code is not WaitCode.ENVIRONMENT_FULL,
    )


def _is_closed(environment: EnvironmentView, room: _Room) -> bool:
    return environment.id in room.closed or room.closed_nodes.issuperset(environment.node_ids)


def _why_no_room(
    job: JobView, environments: list[EnvironmentView], room: _Room
) -> tuple[WaitCode, str]:
    below_maximum = [env for env in environments if room.below_maximum(env, job.needs)]
    if not below_maximum:
        return environment_full(job.needs, environments[0], room.used_milli_vcpus)
    node_ids = {node_id for env in below_maximum for node_id in env.node_ids}
    free = {room.nodes[node_id].name: room.free[node_id] for node_id in sorted(node_ids)}
    return no_room(job.needs, free)


def _could_hold(environment: EnvironmentView, needs: Resources, room: _Room) -> bool:
    """Whether the job would fit if nothing else ran."""
    maximum = environment.max_milli_vcpus
    if maximum is not None and needs.milli_vcpus > maximum:
        return False
    return any(needs.fits_in(room.nodes[node_id].capacity) for node_id in environment.node_ids)


def _waiting(job: JobView, code: WaitCode, text: str) -> _Verdict:
    return _Verdict(wait=Wait(job.id, code, text))
