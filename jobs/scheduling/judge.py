"""One job after the other: a place for it, or the one thing that would let it start."""

from collections.abc import Sequence

from .capacity import Blocker, Capacity
from .capacity_reasons import no_type_holds
from .claims import Claims
from .consumables import Shelf
from .keeping import Keeping
from .plan import Placement, Wait
from .reasons import (
    Reason,
    behind,
    environment_invalid,
    never_fits,
    no_enabled_environment,
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
        self._keeping = Keeping(self.room, self.capacity, self._reclaim, self._claims)
        self._queues = {queue.id: queue for queue in snapshot.queues}
        # Who tries Spot capacity first takes it from nobody, and who may use it besides does so last: see `turns`.
        self._preferring_spot = {
            queue.id for queue in snapshot.queues if snapshot.prefers_spot(queue)
        }
        self._with_spot = {queue.id for queue in snapshot.queues if snapshot.uses_spot(queue)}
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
            return self._place(job, found)
        self._heads.setdefault(queue.line_id, job)
        return Wait(job.id, queue.id, *found)

    def judge_on_spot(self, job: JobView) -> Placement | None:
        """A place on Spot capacity for a job that waits for other, if its queue has some besides."""
        queue = self._queues[job.queue_id]
        possible = self.possible(job)
        is_head = self._heads.get(queue.line_id) is job
        if isinstance(possible, tuple) or not (queue.backfill or is_head):
            return None
        if self._shelf.refuse(job) is not None:
            return None
        slot = self._find_now([env for env in possible if env.kind.is_spot], job)
        return None if slot is None else self._place(job, slot)

    def leave_for_spot(self, job: JobView) -> bool:
        """Whether Spot capacity alone could hold the job: then its turn comes with those who prefer that."""
        possible = self.possible(job)
        if isinstance(possible, tuple) or not all(env.kind.is_spot for env in possible):
            return False
        self._heads.setdefault(self._queues[job.queue_id].line_id, job)
        return True

    def _place(self, job: JobView, slot: Slot) -> Placement:
        self.room.take(job, slot)
        self.capacity.take(job, slot, self.room.environments[slot.environment_id])
        self._shelf.take(job)
        return Placement(job, slot.environment_id, slot.node_ids)

    def has_waiting(self, queue_id: int) -> bool:
        """Whether a job of the queue waits already."""
        return queue_id in self._heads

    def possible(self, job: JobView) -> list[EnvironmentView] | Reason:
        """The environments that could hold the job at some time, or why none could."""
        queue = self._queues[job.queue_id]
        key = (queue.id, job.gang or job.needs)
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
            return self.capacity.choice.could_hold(environment, job)
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
            *(
                queue.id,
                job.gang or job.needs,
                job.limit_seconds,
                job.estimate_seconds,
                job.consumables,
            ),
            # A text names another job of the same owner.
            job.owner_id,
        )
        if queue.id in self._with_spot and queue.id not in self._preferring_spot:
            possible = [env for env in possible if not env.kind.is_spot] or possible
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
        head = self._heads.get(queue.line_id)
        if head is not None and head is not job and not queue.backfill:
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
        blocked = self._keeping.look(job, free_to_wait_for)
        reason = self._keeping.reason(job, blocked)
        kept = self._reservations.get(queue.id, 0)
        if blocked[0].blocker is Blocker.PRICE or kept == RESERVATIONS_PER_QUEUE:
            return reason, False
        self._reservations[queue.id] = kept + 1
        self._shelf.keep(job)
        may_interrupt = queue.id not in self._preferring_spot
        told = self._keeping.keep(job, blocked, allowed, may_interrupt=may_interrupt)
        return told or reason, True

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
