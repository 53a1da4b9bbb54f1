"""What is kept for a job that finds no room, and what it is told.

Each environment that the job could use has something that stands against it (`Blocker`). Room on a machine or an
instance comes by itself, or Spot work is interrupted for it; below a maximum it comes when something ends; for a
price nothing is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .capacity import Blocker, Capacity
from .capacity_reasons import interrupting
from .claims import Claims
from .instance_waits import InstanceWaits
from .reasons import Reason, environment_full, no_room
from .reclaim import Reclaim
from .room import Room, Slot
from .snapshot import EnvironmentView, JobView

# What lets the job start soonest comes first.
NEAREST = (Blocker.MACHINE, Blocker.MAXIMUM, Blocker.PRICE)


@dataclass(frozen=True, slots=True)
class Blocked:
    """What stands against a job in one environment."""

    environment: EnvironmentView
    blocker: Blocker


class Keeping:
    """Keeps room for jobs that wait, in all environments that they may use."""

    def __init__(self, room: Room, capacity: Capacity, reclaim: Reclaim, claims: Claims) -> None:
        self._room = room
        self._capacity = capacity
        self._reclaim = reclaim
        self._claims = claims
        self._instances = InstanceWaits(room, capacity, claims)

    def look(self, job: JobView, environments: Sequence[EnvironmentView]) -> list[Blocked]:
        """What stands against the job in each, the nearest to be overcome first."""
        found = [Blocked(env, self._blocker(job, env)) for env in environments]
        return sorted(found, key=lambda each: NEAREST.index(each.blocker))

    def reason(self, job: JobView, blocked: Sequence[Blocked]) -> Reason:
        """What the job is told: of what is nearest to be overcome."""
        first = blocked[0]
        if first.environment.kind.has_instances:
            return self._instances.reason(job, first.environment, first.blocker)
        if first.blocker is Blocker.MAXIMUM:
            return environment_full(job, first.environment, self._room.used_milli_vcpus)
        roomy = [
            each.environment
            for each in blocked
            if each.blocker is Blocker.MACHINE and not each.environment.kind.has_instances
        ]
        return no_room(job, self._claims.free(roomy, job))

    def keep(
        self,
        job: JobView,
        blocked: Sequence[Blocked],
        allowed: Sequence[EnvironmentView],
        *,
        may_interrupt: bool,
    ) -> Reason | None:
        """Keeps room for the job; its reason, if that is another now.

        `allowed` are all that it may use, also those in which others are waited for.
        """
        coming = may_interrupt and self._interrupt(job, blocked)
        if coming and (job.gang or blocked[0].environment.kind.has_instances):
            # Room on the machines is reserved already.
            self._claims.claim(job, node_ids=self._reclaim.coming, environment_ids=())
            return self._told_of_interruption(job, blocked, self._reclaim.coming)
        plain = [env for env in allowed if not env.kind.has_instances]
        with_instances = [each for each in blocked if each.environment.kind.has_instances]
        environments = [*plain, *(each.environment for each in with_instances)]
        slot = self._room.find_later(environments, job)
        machine = self._instances.earliest_machine(job, with_instances)
        if machine is not None and (slot is None or machine.start < slot.start):
            self._room.reserve_machine(
                job,
                machine.environment_id,
                start=machine.start,
                node_id=machine.node_id,
                size=machine.size,
            )
            self._claims.claim(job, node_ids=[machine.node_id], environment_ids=())
            return self._told_of_interruption(job, blocked, [machine.node_id])
        if slot is not None:
            self._reserve(job, slot, blocked)
            return self._told_of_interruption(job, blocked, slot.node_ids)
        self._keep_everywhere(job, blocked, plain)
        return None

    def _blocker(self, job: JobView, environment: EnvironmentView) -> Blocker:
        if environment.kind.has_instances:
            return self._instances.blocker(job, environment)
        if self._room.below_maximum(environment, job):
            return Blocker.MACHINE
        return Blocker.MAXIMUM

    def _interrupt(self, job: JobView, blocked: Sequence[Blocked]) -> bool:
        """Whether room is coming in one of the environments: then no other is looked at."""
        self._reclaim.coming.clear()
        return any(
            self._reclaim.interrupt_for(each.environment, job)
            for each in blocked
            if each.blocker is Blocker.MACHINE
        )

    def _reserve(self, job: JobView, slot: Slot, blocked: Sequence[Blocked]) -> None:
        self._room.reserve(job, slot)
        waits_for_nodes = blocked[0].blocker is Blocker.MACHINE or (
            self._room.environments[slot.environment_id].kind.has_instances
        )
        self._claims.claim(
            job,
            node_ids=set(slot.node_ids) if waits_for_nodes else (),
            environment_ids=() if waits_for_nodes else [slot.environment_id],
        )

    def _keep_everywhere(
        self, job: JobView, blocked: Sequence[Blocked], plain: Sequence[EnvironmentView]
    ) -> None:
        """No end is known that helps: whatever the job could use is kept, for as long as it takes."""
        waits_for_nodes = any(
            each.blocker is Blocker.MACHINE
            for each in blocked
            if not each.environment.kind.has_instances
        )
        node_ids: set[int] = set()
        if waits_for_nodes:
            node_ids = {id_ for env in plain for id_ in self._claims.unclaimed(env, job)}
        if plain:
            self._room.keep(job, plain, node_ids)
            self._claims.claim(
                job,
                node_ids=node_ids,
                environment_ids=() if waits_for_nodes else [env.id for env in plain],
            )
        for each in blocked:
            if each.environment.kind.has_instances:
                self._instances.keep(job, each.environment, each.blocker)

    def _told_of_interruption(
        self, job: JobView, blocked: Sequence[Blocked], node_ids: Sequence[int]
    ) -> Reason | None:
        if any(self._capacity.is_making_room(id_) for id_ in node_ids):
            return interrupting(job, blocked[0].environment)
        return None
