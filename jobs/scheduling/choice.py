"""Which instance types an environment may launch, where, and in which order they are tried."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from jobs.domain.resources import Resources

from .market import Market, bid
from .packing import pack
from .room import Room
from .snapshot import EnvironmentView, JobView, TypeView
from .strategies import depends_on_capacity, in_order

NOTHING = Resources(0, 0)


@dataclass(frozen=True, slots=True)
class Offer:
    """An instance that could be launched now: of a type, on a machine."""

    type: TypeView
    node_id: int


@dataclass(slots=True)
class Tentative:
    """What the parts of a job take before it is clear that all of them find a place."""

    milli_vcpus: int = 0
    offers: list[Offer] = field(default_factory=list)
    on_node: dict[int, Resources] = field(default_factory=lambda: defaultdict(lambda: NOTHING))

    def add(self, offer: Offer) -> None:
        self.offers.append(offer)
        self.milli_vcpus += offer.type.size.milli_vcpus
        self.on_node[offer.node_id] = self.on_node[offer.node_id] + offer.type.size


class Choice:
    """Answers the same questions many times in a pass, so it remembers what it found."""

    def __init__(self, room: Room, market: Market) -> None:
        self._room = room
        self._market = market
        # Launches and ends so far: orders that depend on capacity are made anew after each.
        self._changes = 0
        self._orders: dict[object, list[TypeView]] = {}
        self._hosts: dict[tuple[int, str], list[int]] = {}
        self._types: dict[int, list[TypeView]] = {}
        self._suitable: dict[tuple[int, Resources], list[TypeView]] = {}
        self._machines: dict[tuple[int, Resources], dict[int, None]] = {}
        self._depths: dict[tuple[int, str, int], int] = {}
        self._within_bid: dict[tuple[int, str, int], bool] = {}

    def note_change(self) -> None:
        """An instance was launched or ended."""
        self._changes += 1

    def could_hold(self, environment: EnvironmentView, job: JobView) -> bool:
        """Whether instances could hold the job if nothing else ran."""
        if not job.gang:
            return bool(self.suitable(environment, job.needs))
        most = environment.max_milli_vcpus or 0
        tentative = Tentative()
        empty = {id_: self._room.nodes[id_].capacity for id_ in environment.node_ids}
        free: dict[int, Resources] = {}
        for part in job.parts:
            there = pack([part], free)
            if there is not None:
                free[there[0]] = free[there[0]] - part
                continue
            offer = next(
                (
                    Offer(type_, node_id)
                    for type_ in sorted(self.suitable(environment, part), key=_smallest)
                    if tentative.milli_vcpus + type_.size.milli_vcpus <= most
                    for node_id in self.hosts(environment, type_)
                    if (type_.size + tentative.on_node[node_id]).fits_in(empty[node_id])
                ),
                None,
            )
            if offer is None:
                return False
            free[len(free)] = offer.type.size - part
            tentative.add(offer)
        return True

    def suitable(self, environment: EnvironmentView, needs: Resources) -> list[TypeView]:
        """The types that hold so much and that some machine could hold, as the environment names them."""
        key = (environment.id, needs)
        if key not in self._suitable:
            self._suitable[key] = [
                each for each in self._launchable(environment) if needs.fits_in(each.size)
            ]
        return self._suitable[key]

    def hosts(self, environment: EnvironmentView, type_: TypeView) -> list[int]:
        """The machines that would hold an instance of the type if nothing else ran on them."""
        key = (environment.id, type_.name)
        if key not in self._hosts:
            nodes = [self._room.nodes[id_] for id_ in environment.node_ids]
            self._hosts[key] = [
                node.id
                for node in nodes
                # An engine that does not tell is trusted.
                if node.architecture in ("", type_.architecture)
                and type_.size.fits_in(node.capacity)
            ]
        return self._hosts[key]

    def could_use(self, environment: EnvironmentView, needs: Resources) -> list[int]:
        """Where one could wait for room: instances, and machines for new ones."""
        key = (environment.id, needs)
        if key not in self._machines:
            self._machines[key] = dict.fromkeys(
                id_
                for type_ in self.suitable(environment, needs)
                for id_ in self.hosts(environment, type_)
            )
        return [*self._room.large_enough(environment, needs), *self._machines[key]]

    def in_order(self, environment: EnvironmentView, needs: Resources) -> list[TypeView]:
        """The types that hold so much, the one first that the environment's strategy prefers."""
        managed = environment.managed
        assert managed is not None
        changing = depends_on_capacity(managed.strategy)
        key = (environment.id, needs, self._changes if changing else 0)
        if key not in self._orders:
            pressure = self._pressure(environment)
            self._orders[key] = in_order(
                self.suitable(environment, needs),
                needs=needs,
                strategy=managed.strategy,
                price=lambda type_: self._price_at(type_, pressure),
                depth=lambda type_: self._depth(environment, type_),
            )
        return self._orders[key]

    def price(
        self, environment: EnvironmentView, type_: TypeView, *, and_spot: Resources = NOTHING
    ) -> Decimal:
        """What an instance of the environment costs now, US dollars per hour; with so much more Spot work."""
        return self._price_at(type_, self._pressure(environment, and_spot=and_spot))

    def is_within_bid(self, environment: EnvironmentView, type_: TypeView) -> bool:
        """Whether a new Spot instance would cost no more than is bid, its own weight on the price counted."""
        managed = environment.managed
        assert managed is not None
        key = (environment.id, type_.name, self._market.changes)
        found = self._within_bid.get(key)
        if found is None:
            price = self.price(environment, type_, and_spot=type_.size)
            found = self._within_bid[key] = price <= bid(type_, managed.bid_percentage)
        return found

    # Inside

    def _launchable(self, environment: EnvironmentView) -> list[TypeView]:
        """The types that some machine could hold within the maximum, as the environment names them."""
        if environment.id not in self._types:
            most = environment.max_milli_vcpus or 0
            self._types[environment.id] = [
                each
                for each in (environment.managed.types if environment.managed else ())
                if each.size.milli_vcpus <= most and self.hosts(environment, each)
            ]
        return self._types[environment.id]

    def _pressure(
        self, environment: EnvironmentView, *, and_spot: Resources = NOTHING
    ) -> Decimal | None:
        """What the price follows; None where it does not change."""
        engine = self._market.engine_of(environment)
        if not environment.kind.is_spot or engine is None:
            return None
        return self._market.pressure(engine, and_spot=and_spot)

    def _price_at(self, type_: TypeView, pressure: Decimal | None) -> Decimal:
        going = None if pressure is None else self._market.price(type_, pressure)
        return type_.usd_per_hour if going is None else going

    def _depth(self, environment: EnvironmentView, type_: TypeView) -> int:
        """How many more of the type the machines hold now."""
        key = (environment.id, type_.name, self._room.machine_changes)
        found = self._depths.get(key)
        if found is None:
            free = (self._room.free[id_] for id_ in self.hosts(environment, type_))
            found = self._depths[key] = sum(_times(type_.size, each) for each in free)
        return found


def _times(size: Resources, free: Resources) -> int:
    """How often `size` is there in `free`."""
    # Most machines are full, most of the time.
    if not size.fits_in(free):
        return 0
    times = min(free.milli_vcpus // size.milli_vcpus, free.memory_mib // size.memory_mib)
    return min(times, free.gpus // size.gpus) if size.gpus else times


def _smallest(type_: TypeView) -> tuple[int, int]:
    return type_.size.milli_vcpus, type_.size.memory_mib
