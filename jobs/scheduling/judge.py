"""One job after the other: a place for it, or the one thing that would let it start."""

from collections.abc import Sequence

from .capacity import Capacity
from .capacity_reasons import no_type_holds
from .claims import Claims
from .consumables import Shelf
from .instance_waits import InstanceWaits
from .plan import Placement, Wait
from .reasons import (
    Reason,
    behind,
    environment_full,
    environment_invalid,
    never_fits,
    no_enabled_environment,
    no_room,
    share_reserve,
)
from .reclaim import Reclaim
from .room import Room, Slot
from .shares import active_shares, ceiling_milli_vcpus, reserved_ratio
from .snapshot import EnvironmentView, JobView, QueueView, Snapshot
from .timeline import Clock

# Of each queue so many jobs that wait have room kept for them. One is enough that none starves.
RESERVATIONS_PER_QUEUE = 8


class Judge:
    """Judges jobs in their order, and remembers what earlier ones took or wait for."""

    def __init__(self, snapshot: Snapshot, clock: Clock) -> None:
        self.room = Room(snapshot, clock)
        self._shelf = Shelf(snapshot.consumables)
        self.capacity = Capacity(snapshot, self.room)
        self._reclaim = Reclaim(self.capacity, snapshot.running)
        self._claims = Claims(self.room, self.capacity)
        self._instance_waits = InstanceWaits(self.room, self.capacity, self._reclaim, self._claims)
        self._queues = {queue.id: queue for queue in snapshot.queues}
        # Who may use Spot capacity himself takes it from nobody: see `order`.
        self._interrupting = {
            queue.id for queue in snapshot.queues if not snapshot.uses_spot(queue)
        }
        self._ceilings = _ceilings(snapshot, self.room)
        # The first job of each queue that waits.
        self._heads: dict[int, JobView] = {}
        self._reservations: dict[int, int] = {}
        # (queue, environment) as full as the policy lets this queue make it.
        self._at_ceiling: set[tuple[int, int]] = set()
        self._possible: dict[object, list[EnvironmentView] | Reason] = {}
        # Room only shrinks: what one job was told, the next that asks for the same is told, too.
        self._told: dict[object, Reason] = {}

    def judge(self, job: JobView) -> Placement | Wait:
        """Where the job goes, or why not."""
        queue = self._queues[job.queue_id]
        found = self._find(job, queue)
        if isinstance(found, Slot):
            self.room.take(job, found)
            self.capacity.take(job, found, self.room.environments[found.environment_id])
            self._shelf.take(job)
            return Placement(job, found.environment_id, found.node_ids)
        self._heads.setdefault(queue.id, job)
        return Wait(job.id, queue.id, *found)

    def has_waiting(self, queue_id: int) -> bool:
        """Whether a job of the queue waits already."""
        return queue_id in self._heads

    def possible(self, job: JobView) -> list[EnvironmentView] | Reason:
        """The environments that could hold the job at some time, or why none could."""
        queue = self._queues[job.queue_id]
        key = (queue.id, job.parts)
        if key not in self._possible:
            self._possible[key] = self._find_possible(job, queue)
        return self._possible[key]

    def _find_possible(self, job: JobView, queue: QueueView) -> list[EnvironmentView] | Reason:
        # One that was deleted while the snapshot was read is no longer there.
        environments = self.room.environments
        known = [environments[id_] for id_ in queue.environment_ids if id_ in environments]
        enabled = [environment for environment in known if environment.enabled]
        if not enabled:
            return no_enabled_environment(queue, known)
        valid = [environment for environment in enabled if not environment.invalid_reason]
        if not valid:
            return environment_invalid(enabled)
        possible = [environment for environment in valid if self._could_hold(environment, job)]
        return possible or self._never_fits(job, valid)

    def _could_hold(self, environment: EnvironmentView, job: JobView) -> bool:
        if environment.kind.has_instances:
            return self.capacity.could_hold(environment, job)
        return self.room.could_hold(environment, job)

    def _never_fits(self, job: JobView, environments: list[EnvironmentView]) -> Reason:
        plain = [env for env in environments if not env.kind.has_instances]
        machines = {
            self.room.nodes[id_].name: self.room.nodes[id_].capacity
            for env in environments
            for id_ in env.node_ids
        }
        if plain or not machines:
            return never_fits(job, plain or environments, self.room.nodes)
        return no_type_holds(job, environments, machines)

    def _find(self, job: JobView, queue: QueueView) -> Slot | Reason:
        possible = self.possible(job)
        if isinstance(possible, tuple):
            return possible
        key = (
            *(queue.id, job.parts, job.limit_seconds, job.estimate_seconds, job.consumables),
            # A text names another job of the same owner.
            job.owner_id,
        )
        refused = self._refuse(job, queue) or self._told.get(key)
        if refused is not None:
            return refused
        open_to_it = [env for env in possible if not self._is_at_ceiling(job, queue, env)]
        slot = self._find_now(open_to_it, job)
        if slot is not None:
            return slot
        reason, keeps_room = self._why_blocked(job, queue, possible)
        if not keeps_room:
            self._told[key] = reason
        return reason

    def _find_now(self, environments: Sequence[EnvironmentView], job: JobView) -> Slot | None:
        """A place that is free, else a new instance, else where an idle instance makes room."""
        for environment in environments:
            slot = self._find_in(environment, job)
            if slot is not None:
                return slot
        for environment in environments:
            if self._reclaim.end_idle_for(environment, job):
                # Room grew: others may be told something else now.
                self._told.clear()
                return self._find_in(environment, job)
        return None

    def _find_in(self, environment: EnvironmentView, job: JobView) -> Slot | None:
        slot = self.room.find_now(environment, job)
        if slot is None and environment.kind.has_instances:
            slot = self.capacity.launch_for(environment, job)
            if slot is not None:
                self._told.clear()
        return slot

    def _refuse(self, job: JobView, queue: QueueView) -> Reason | None:
        """Why the job cannot start, whatever room there is."""
        head = self._heads.get(queue.id)
        if head is not None and not queue.backfill:
            return behind(queue, job, head, queue)
        return self._shelf.refuse(job)

    def _why_blocked(
        self, job: JobView, queue: QueueView, possible: Sequence[EnvironmentView]
    ) -> tuple[Reason, bool]:
        """Why there is no room, and whether room is now kept for the job."""
        allowed = [env for env in possible if not self._is_at_ceiling(job, queue, env)]
        if not allowed:
            return self._reach_ceiling(job, queue, possible), False
        free_to_wait_for = [env for env in allowed if self._claims.is_open(env, job)]
        if not free_to_wait_for:
            ahead = self._claims.ahead_of(allowed, job)
            return behind(queue, job, ahead, self._queues[ahead.queue_id]), False
        if free_to_wait_for[0].kind.has_instances:
            return self._wait_for_instances(job, queue, free_to_wait_for[0])
        roomy = [env for env in free_to_wait_for if self.room.below_maximum(env, job)]
        if roomy:
            reason = no_room(job, self._claims.free(roomy, job))
        else:
            full = free_to_wait_for[0]
            reason = environment_full(job, full, self.room.used_milli_vcpus)
        return reason, self._keep_room(job, queue, allowed, waits_for_nodes=bool(roomy))

    def _keep_room(
        self,
        job: JobView,
        queue: QueueView,
        environments: Sequence[EnvironmentView],
        *,
        waits_for_nodes: bool,
    ) -> bool:
        kept = self._reservations.get(queue.id, 0)
        if kept == RESERVATIONS_PER_QUEUE:
            return False
        self._reservations[queue.id] = kept + 1
        self._shelf.keep(job)
        if queue.id in self._interrupting:
            for environment in environments:
                self._reclaim.interrupt_for(environment, job)
        slot = self.room.find_later(environments, job)
        if slot is not None:
            self.room.reserve(job, slot)
            environments = [env for env in environments if env.id == slot.environment_id]
            node_ids = set(slot.node_ids)
        else:
            node_ids = (
                {id_ for env in environments for id_ in self._claims.unclaimed(env, job)}
                if waits_for_nodes
                else set()
            )
            self.room.keep(job, environments, node_ids)
        self._claims.claim(
            job,
            node_ids=node_ids if waits_for_nodes else (),
            environment_ids=() if waits_for_nodes else [env.id for env in environments],
        )
        return True

    def _wait_for_instances(
        self, job: JobView, queue: QueueView, environment: EnvironmentView
    ) -> tuple[Reason, bool]:
        """Why there is no instance for the job, and whether room is now kept for it."""
        reason, may_wait = self._instance_waits.why(job, environment)
        kept = self._reservations.get(queue.id, 0)
        if not may_wait or kept == RESERVATIONS_PER_QUEUE:
            return reason, False
        self._reservations[queue.id] = kept + 1
        self._shelf.keep(job)
        may_interrupt = queue.id in self._interrupting
        return self._instance_waits.keep(job, environment, may_interrupt=may_interrupt), True

    def _is_at_ceiling(self, job: JobView, queue: QueueView, environment: EnvironmentView) -> bool:
        key = (queue.id, environment.id)
        ceiling = self._ceilings.get(key)
        if ceiling is None:
            return False
        used = self.room.used_milli_vcpus[environment.id]
        return key in self._at_ceiling or used + job.milli_vcpus > ceiling

    def _reach_ceiling(
        self, job: JobView, queue: QueueView, possible: Sequence[EnvironmentView]
    ) -> Reason:
        """What is left below the ceiling is kept for this job, if it could ever suffice."""
        for environment in possible:
            key = (queue.id, environment.id)
            if job.milli_vcpus <= self._ceilings[key]:
                self._at_ceiling.add(key)
        first = possible[0]
        return share_reserve(
            job,
            first,
            ceiling=self._ceilings[queue.id, first.id],
            used_milli_vcpus=self.room.used_milli_vcpus,
        )


def _ceilings(snapshot: Snapshot, room: Room) -> dict[tuple[int, int], int]:
    """By queue and environment, how many vCPUs a fair-share queue lets be in use; none without a reserve."""
    ceilings: dict[tuple[int, int], int] = {}
    for queue in snapshot.queues:
        policy = queue.fair_share
        if policy is None or not policy.compute_reservation:
            continue
        active = active_shares(
            policy,
            (job for job in snapshot.jobs if job.queue_id == queue.id),
            (run for run in snapshot.running if run.queue_id == queue.id),
        )
        ratio = reserved_ratio(policy.compute_reservation, len(active))
        for id_ in queue.environment_ids:
            if id_ in room.environments:
                ceilings[queue.id, id_] = ceiling_milli_vcpus(
                    room.environments[id_], room.nodes, ratio=ratio
                )
    return ceilings
