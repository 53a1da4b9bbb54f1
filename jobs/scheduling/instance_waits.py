"""A job that waits for an instance: why, and what is kept for it meanwhile."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from jobs.domain.resources import Resources

from .capacity import Blocker, Capacity
from .capacity_reasons import instances_at_maximum, no_machine_for_instance, over_bid
from .choice import Offer
from .claims import Claims
from .market import bid
from .reasons import Reason
from .room import Room
from .snapshot import EnvironmentView, JobView


class _Blocked(Protocol):
    @property
    def environment(self) -> EnvironmentView: ...
    @property
    def blocker(self) -> Blocker: ...


@dataclass(frozen=True, slots=True)
class Machine:
    """Room for an instance: from `start` on (seconds from now)."""

    start: float
    environment_id: int
    node_id: int
    size: Resources


class InstanceWaits:
    """What stands against one more instance decides what is kept.

    At the environment's maximum: instances that cannot hold the job are left to run empty. Without room on
    the machines: the earliest that is known, or all of them. For a price nothing is kept.
    """

    def __init__(self, room: Room, capacity: Capacity, claims: Claims) -> None:
        self._room = room
        self._capacity = capacity
        self._claims = claims

    def blocker(self, job: JobView, environment: EnvironmentView) -> Blocker:
        """What stands against one more instance for the job."""
        found = self._capacity.offer(environment, _largest_part(job))
        # One more could be launched, but not for all nodes of the job at once.
        return Blocker.MACHINE if isinstance(found, Offer) else found

    def reason(self, job: JobView, environment: EnvironmentView, blocker: Blocker) -> Reason:
        """The same in words, with numbers."""
        types = self._capacity.choice.in_order(environment, _largest_part(job))
        if blocker is Blocker.PRICE:
            first = types[0]
            managed = environment.managed
            assert managed is not None
            price = self._capacity.choice.price(environment, first, and_spot=first.size)
            most = bid(first, managed.bid_percentage)
            return over_bid(job, environment, first, price=price, most=most)
        if blocker is Blocker.MAXIMUM:
            live = self._capacity.live_milli_vcpus[environment.id]
            return instances_at_maximum(job, environment, live_milli_vcpus=live)
        nodes = self._room.nodes
        free = {nodes[id_].name: self._room.free[id_] for id_ in environment.node_ids}
        return no_machine_for_instance(job, environment, types, free)

    def earliest_machine(self, job: JobView, blocked: Iterable[_Blocked]) -> Machine | None:
        """Where there is room for an instance first, as far as ends are known. For plain jobs only."""
        if job.gang:
            return None
        found: list[Machine] = []
        for each in blocked:
            if each.blocker is not Blocker.MACHINE:
                continue
            for type_ in self._capacity.choice.in_order(each.environment, job.needs):
                hosts = self._capacity.choice.hosts(each.environment, type_)
                known = self._room.when_free(hosts, type_.size)
                if known is not None:
                    found.append(Machine(known[0], each.environment.id, known[1], type_.size))
                    break
        return min(found, key=lambda machine: machine.start, default=None)

    def keep(self, job: JobView, environment: EnvironmentView, blocker: Blocker) -> None:
        """Nothing is known of when room comes."""
        if blocker is Blocker.MAXIMUM:
            self._keep_maximum(job, environment)
        elif blocker is Blocker.MACHINE:
            node_ids = self._claims.unclaimed(environment, job)
            self._room.keep(job, [], node_ids)
            self._claims.claim(job, node_ids=node_ids, environment_ids=())

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
        sizes = [each.size for each in self._capacity.choice.suitable(environment, job.needs)]
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


def _largest_part(job: JobView) -> Resources:
    return max(job.parts, key=lambda part: (part.gpus, part.milli_vcpus, part.memory_mib))
