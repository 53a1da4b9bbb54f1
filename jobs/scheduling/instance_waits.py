"""A job that waits for an instance: why, and what is kept for it meanwhile."""

from jobs.domain.resources import Resources

from .capacity import Blocker, Capacity, Offer
from .capacity_reasons import (
    instances_at_maximum,
    interrupting,
    no_machine_for_instance,
    over_bid,
)
from .claims import Claims
from .market import bid
from .reasons import Reason
from .reclaim import Reclaim
from .room import Room
from .snapshot import EnvironmentView, JobView


class InstanceWaits:
    """What stands against one more instance decides what is kept.

    At the environment's maximum: instances that cannot hold the job are left to run empty. Without room on
    the machines: the earliest known room on one, or Spot work is interrupted. For a price nothing is kept.
    """

    def __init__(self, room: Room, capacity: Capacity, reclaim: Reclaim, claims: Claims) -> None:
        self._room = room
        self._capacity = capacity
        self._reclaim = reclaim
        self._claims = claims

    def why(self, job: JobView, environment: EnvironmentView) -> tuple[Reason, bool]:
        """The reason, and whether something is to be kept for the job."""
        blocker = self._blocker(job, environment)
        return self._reason(job, environment, blocker), blocker is not Blocker.PRICE

    def keep(self, job: JobView, environment: EnvironmentView, *, may_interrupt: bool) -> Reason:
        """Keeps room for the job; the reason as it is then."""
        blocker = self._blocker(job, environment)
        reason = self._reason(job, environment, blocker)
        slot = self._room.find_later([environment], job)
        if slot is not None:
            self._room.reserve(job, slot)
            self._claims.claim(job, node_ids=slot.node_ids, environment_ids=())
        elif blocker is Blocker.MAXIMUM:
            self._keep_maximum(job, environment)
        elif self._keep_machine(job, environment, may_interrupt=may_interrupt):
            return interrupting(job, environment)
        return reason

    def _blocker(self, job: JobView, environment: EnvironmentView) -> Blocker:
        found = self._capacity.offer(environment, _largest_part(job))
        # One more could be launched, but not for all nodes of the job at once.
        return Blocker.MACHINE if isinstance(found, Offer) else found

    def _reason(self, job: JobView, environment: EnvironmentView, blocker: Blocker) -> Reason:
        types = self._capacity.in_order(environment, _largest_part(job))
        if blocker is Blocker.PRICE:
            first = types[0]
            managed = environment.managed
            assert managed is not None
            price = self._capacity.price(environment, first, and_spot=first.size)
            most = bid(first, managed.bid_percentage)
            return over_bid(job, environment, first, price=price, most=most)
        if blocker is Blocker.MAXIMUM:
            live = self._capacity.live_milli_vcpus[environment.id]
            return instances_at_maximum(job, environment, live_milli_vcpus=live)
        nodes = self._room.nodes
        free = {nodes[id_].name: self._room.free[id_] for id_ in environment.node_ids}
        return no_machine_for_instance(job, environment, types, free)

    def _keep_maximum(self, job: JobView, environment: EnvironmentView) -> None:
        """Those that could hold the job are kept for it; where none could, others take no more jobs, until
        their vCPUs suffice for one that can."""
        there = self._room.places[environment.id]
        places = [id_ for id_ in self._claims.unclaimed(environment, job) if id_ in there]
        self._capacity.keep_maximum(environment)
        places = places or self._to_run_empty(job, environment)
        self._room.keep(job, [], places)
        self._claims.claim(job, node_ids=places, environment_ids=())

    def _to_run_empty(self, job: JobView, environment: EnvironmentView) -> list[int]:
        """The emptiest instances whose vCPUs together make place for one that holds the job."""
        sizes = [each.size for each in self._capacity.suitable(environment, job.needs)]
        smallest = min((size.milli_vcpus for size in sizes), default=0)
        live = self._capacity.live_milli_vcpus[environment.id]
        excess = live + smallest - (environment.max_milli_vcpus or 0)
        places: list[int] = []
        by_room = sorted(
            self._room.places[environment.id],
            key=lambda id_: (-self._room.free[id_].milli_vcpus, id_),
        )
        for id_ in by_room:
            if excess <= 0:
                break
            places.append(id_)
            excess -= self._room.nodes[id_].capacity.milli_vcpus
        return places

    def _keep_machine(
        self, job: JobView, environment: EnvironmentView, *, may_interrupt: bool
    ) -> bool:
        """Keeps room for an instance on a machine; whether Spot work makes it."""
        if may_interrupt:
            self._reclaim.interrupt_for(environment, job)
        for type_ in self._capacity.in_order(environment, _largest_part(job)):
            hosts = self._capacity.hosts(environment, type_)
            found = None if job.gang else self._room.when_free(hosts, type_.size)
            if found is not None:
                start, node_id = found
                self._room.reserve_machine(
                    job, environment.id, start=start, node_id=node_id, size=type_.size
                )
                self._claims.claim(job, node_ids=[node_id], environment_ids=())
                return self._capacity.is_making_room(node_id)
        node_ids = self._claims.unclaimed(environment, job)
        self._room.keep(job, [], node_ids)
        self._claims.claim(job, node_ids=node_ids, environment_ids=())
        return False


def _largest_part(job: JobView) -> Resources:
    return max(job.parts, key=lambda part: (part.gpus, part.milli_vcpus, part.memory_mib))
