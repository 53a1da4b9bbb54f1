"""The instances of managed environments while a plan is made: launched, ended and interrupted for jobs.

An instance is a reservation on a machine, so launching one takes no time: a job is placed on it in the same pass.
`reclaim` has what happens where there is no room for one more.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum

from jobs.domain.resources import Resources

from .choice import Choice, Offer, Tentative
from .market import Market
from .packing import pack
from .plan import Drain, End, EndCause, Interruption, Launch
from .room import Room, Slot
from .snapshot import (
    EnvironmentView,
    InstanceView,
    JobView,
    ManagedView,
    NodeView,
    Snapshot,
    TypeView,
)
from .strategies import tries_others

NOTHING = Resources(0, 0)
# New instances have no rows yet; their places have ids that no row's can be.
FIRST_NEW_PLACE = -(2**60)


class Blocker(Enum):
    """What stands against one more instance."""

    MAXIMUM = "maximum"
    MACHINE = "machine"
    PRICE = "price"


class Capacity:
    """What a plan does with instances. `launches`, `ends`, `drains` and `interruptions` are its result.

    Shared by what is decided for jobs (`judge`, `reclaim`) and what is decided after them (`scaling`).
    """

    def __init__(self, snapshot: Snapshot, room: Room) -> None:
        self.market = Market(snapshot)
        self.launches: list[Launch] = []
        self.ends: dict[int, End] = {}
        self.drains: dict[int, Drain] = {}
        self.interruptions: list[Interruption] = []
        # Of each environment: the vCPUs of its instances, until they have ended.
        self.live_milli_vcpus: dict[int, int] = defaultdict(int)
        self.room = room
        self.now = room.clock.now
        self.environments = room.environments
        self._queues = {queue.id: queue.name for queue in snapshot.queues}
        self.instances = {each.id: each for each in snapshot.instances}
        self.touched: set[int] = set()
        # Environments whose maximum is kept for a job that waits.
        self.kept: set[int] = set()
        self.choice = Choice(room, self.market)
        # Room only shrinks, but for what was ended or interrupted: what was not to be had before is not now.
        self.times_grown = 0
        self._blocked: dict[tuple[int, Resources, int], Blocker] = {}
        self._without_host: set[tuple[int, str, int]] = set()
        # Machines on which Spot work was given notice.
        self._leaving_on = {
            *(each.node_id for each in snapshot.instances if each.kill_at is not None),
            *(each.node_id for each in snapshot.running if each.kill_at is not None),
        }
        for instance in snapshot.instances:
            self.live_milli_vcpus[instance.environment_id] += instance.type.size.milli_vcpus

    # Launching

    def launch_for(self, environment: EnvironmentView, job: JobView) -> Slot | None:
        """A place for the job on new instances, and on others beside them if it has several nodes."""
        found = self._places_for(environment, job)
        if found is None:
            return None
        reason = f"{self.asked_by(job)} had no room on the instances there were."
        places = [
            self.launch(environment, each, reason) if isinstance(each, Offer) else each
            for each in found
        ]
        return Slot(0.0, environment.id, tuple(places))

    def could_place(self, environment: EnvironmentView, job: JobView) -> bool:
        """Whether the job has room now, on new instances if need be."""
        if self.room.find_now(environment, job) is not None:
            return True
        return environment.kind.has_instances and self._places_for(environment, job) is not None

    def launch(self, environment: EnvironmentView, offer: Offer, reason: str) -> int:
        """A new instance; the id of its place."""
        place_id = FIRST_NEW_PLACE - len(self.launches)
        managed = environment.managed
        assert managed is not None
        self.launches.append(
            Launch(
                place_id=place_id,
                environment_id=environment.id,
                node_id=offer.node_id,
                type=offer.type,
                is_spot=environment.kind.is_spot,
                bid_percentage=managed.bid_percentage,
                reason=reason,
            )
        )
        size = offer.type.size
        self.room.hold(offer.node_id, size)
        self.room.add_place(environment.id, NodeView(place_id, offer.type.name, size, NOTHING))
        self.market.add(offer.node_id, size, is_spot=environment.kind.is_spot)
        self.live_milli_vcpus[environment.id] += size.milli_vcpus
        self.choice.note_change()
        return place_id

    def offer(
        self,
        environment: EnvironmentView,
        needs: Resources,
        tentative: Tentative | None = None,
    ) -> Offer | Blocker:
        """The instance to launch for so much, by the environment's strategy; or what stands against it."""
        managed = environment.managed
        assert managed is not None
        if environment.id in self.kept:
            return Blocker.MAXIMUM
        key = (environment.id, needs, self.times_grown)
        if tentative is None and key in self._blocked:
            return self._blocked[key]
        found = self._find_offer(environment, managed, needs, tentative or Tentative())
        if tentative is None and isinstance(found, Blocker):
            self._blocked[key] = found
        return found

    def _find_offer(
        self,
        environment: EnvironmentView,
        managed: ManagedView,
        needs: Resources,
        taken: Tentative,
    ) -> Offer | Blocker:
        blockers: set[Blocker] = set()
        for type_ in self.choice.in_order(environment, needs):
            live = self.live_milli_vcpus[environment.id] + taken.milli_vcpus
            if live + type_.size.milli_vcpus > (environment.max_milli_vcpus or 0):
                blockers.add(Blocker.MAXIMUM)
            elif environment.kind.is_spot and not self.choice.is_within_bid(environment, type_):
                blockers.add(Blocker.PRICE)
            else:
                node_id = self._host_for(environment, type_, taken)
                if node_id is not None:
                    return Offer(type_, node_id)
                blockers.add(Blocker.MACHINE)
            if not tries_others(managed.strategy):
                break
        # Of several types, what the nearest one lacks: room comes by itself, or can be made.
        order = (Blocker.MACHINE, Blocker.PRICE, Blocker.MAXIMUM)
        return next((each for each in order if each in blockers), Blocker.MACHINE)

    def take(self, job: JobView, slot: Slot, environment: EnvironmentView) -> None:
        """The job was placed there."""
        for node_id, part in zip(slot.node_ids, job.parts, strict=True):
            self.touched.add(node_id)
            self.market.add(node_id, part, is_spot=environment.kind.is_spot)

    def asked_by(self, job: JobView) -> str:
        """Who wanted capacity, for people: not by the job's name, which is its owner's alone to read."""
        queue = self._queues.get(job.queue_id)
        return f"A job of the queue {queue}" if queue else "A job"

    def keep_maximum(self, environment: EnvironmentView) -> None:
        """What is left of the maximum is for a job that waits: nothing is launched for later ones."""
        self.kept.add(environment.id)

    # Ending

    def end(self, instance: InstanceView, cause: EndCause, reason: str) -> None:
        """An idle instance gives its room back now."""
        self.ends[instance.id] = End(instance.id, cause, reason)
        self.times_grown += 1
        self.choice.note_change()
        size = instance.type.size
        self._close(instance)
        self.live_milli_vcpus[instance.environment_id] -= size.milli_vcpus
        if instance.node_id in self.room.nodes:
            self.room.give_back(instance.node_id, size)
        if instance.kill_at is None:
            self.market.remove(instance.node_id, size, is_spot=instance.is_spot)

    def lend(self, instance: InstanceView) -> None:
        """As if an idle instance had ended, to see what that would help; `take_back` undoes it."""
        self.times_grown += 1
        self._close(instance)
        self.live_milli_vcpus[instance.environment_id] -= instance.type.size.milli_vcpus
        self.room.give_back(instance.node_id, instance.type.size)

    def take_back(self, instance: InstanceView) -> None:
        """It has not ended after all."""
        self.times_grown += 1
        size = instance.type.size
        self.room.hold(instance.node_id, size)
        self.live_milli_vcpus[instance.environment_id] += size.milli_vcpus
        place = NodeView(instance.place_id, instance.name, size, NOTHING)
        self.room.add_place(instance.environment_id, place)

    def interrupt(self, instance: InstanceView, cause: EndCause, reason: str) -> None:
        """An instance on a machine of the snapshot is given notice."""
        seconds = self.notice_seconds(instance.environment_id)
        kill_at = self.now + timedelta(seconds=seconds)
        self.drains[instance.id] = Drain(instance.id, cause, reason, kill_at)
        self.times_grown += 1
        self._close(instance)
        self.note_leaving(instance.node_id)
        self.market.remove(instance.node_id, instance.type.size, is_spot=instance.is_spot)
        self.room.give_back(instance.node_id, instance.type.size, after=max(0.001, seconds))

    def notice_seconds(self, environment_id: int) -> int:
        """What interrupted work of an environment still has."""
        environment = self.environments.get(environment_id)
        return environment.notice_seconds if environment else 0

    def drain(self, instance: InstanceView, cause: EndCause, reason: str) -> None:
        """An instance takes no more jobs; what runs on it goes on."""
        self.drains[instance.id] = Drain(instance.id, cause, reason)
        self._close(instance)

    def idle(self, instance: InstanceView) -> bool:
        """Whether nothing runs on it, nothing was just placed there, and it has not been ended."""
        return (
            instance.is_idle
            and instance.place_id not in self.touched
            and not self.is_leaving(instance)
        )

    def is_making_room(self, node_id: int) -> bool:
        """Whether Spot work on a machine is on its way out."""
        return node_id in self._leaving_on

    def note_leaving(self, node_id: int) -> None:
        """Spot work on that machine is given notice."""
        self._leaving_on.add(node_id)

    def is_leaving(self, instance: InstanceView) -> bool:
        """Whether this plan ends or drains it."""
        return instance.id in self.ends or instance.id in self.drains

    def may_end(self, instance: InstanceView) -> bool:
        """Whether its environment has its minimum without it."""
        environment = self.environments.get(instance.environment_id)
        if environment is None or environment.managed is None or environment.is_ending:
            return True
        left = self.live_milli_vcpus[environment.id] - instance.type.size.milli_vcpus
        return left >= environment.managed.min_milli_vcpus

    # Inside

    def _places_for(
        self, environment: EnvironmentView, job: JobView
    ) -> Sequence[int | Offer] | None:
        if not job.gang:
            offer = self.offer(environment, job.needs)
            return [offer] if isinstance(offer, Offer) else None
        tentative = Tentative()
        free = {
            id_: self.room.free[id_]
            for id_ in self.room.places[environment.id]
            if not self.room.is_reserved(id_)
        }
        found: list[int | Offer] = []
        for part in job.parts:
            there = pack([part], free)
            if there is not None:
                free[there[0]] = free[there[0]] - part
                found.append(there[0])
                continue
            offer = self.offer(environment, part, tentative)
            if not isinstance(offer, Offer):
                return None
            # Further nodes may go to the same one; it has the id that its launch will give it.
            new = FIRST_NEW_PLACE - len(self.launches) - len(tentative.offers)
            free[new] = offer.type.size - part
            tentative.add(offer)
            found.append(offer)
        return found

    def _host_for(
        self, environment: EnvironmentView, type_: TypeView, taken: Tentative
    ) -> int | None:
        hosts = self.choice.hosts(environment, type_)
        if taken.on_node:
            sizes = ((id_, type_.size + taken.on_node[id_]) for id_ in hosts)
            fitting = (id_ for id_, size in sizes if self.room.best_of([id_], size) is not None)
            return next(fitting, None)
        key = (environment.id, type_.name, self.times_grown)
        if key in self._without_host:
            return None
        node_id = self.room.best_of(hosts, type_.size)
        if node_id is None:
            self._without_host.add(key)
        return node_id

    def _close(self, instance: InstanceView) -> None:
        if instance.place_id in self.room.places.get(instance.environment_id, ()):
            self.room.close_place(instance.environment_id, instance.place_id)
