"""How much of each engine is asked for while a plan is made, and what Spot capacity costs by that."""

from collections import defaultdict
from decimal import Decimal

from jobs.domain.resources import Resources
from jobs.pricing.spot import bid_usd_per_hour, going_price, pressure_of

from .snapshot import EnvironmentView, InstanceView, Kind, RunningView, Snapshot, TypeView

NOTHING = Resources(0, 0)


class Market:
    """Keeps count of On-Demand and Spot work by engine. What is interrupted counts no more."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._engines = {node.id: node.engine_id for node in snapshot.nodes}
        self._capacity: dict[int, Resources] = defaultdict(lambda: NOTHING)
        self._asked: dict[tuple[int, bool], Resources] = defaultdict(lambda: NOTHING)
        self.changes = 0
        # Asked for far more often than it changes.
        self._pressures: dict[tuple[int, Resources], Decimal] = {}
        for node in snapshot.nodes:
            self._capacity[node.engine_id] += node.capacity
        for instance in snapshot.instances:
            if instance.kill_at is None:
                self.add(instance.node_id, instance.type.size, is_spot=instance.is_spot)
        kinds = {env.id: env.kind for env in snapshot.environments}
        for run in snapshot.running:
            # Those on instances have places of their own, which are no machines.
            if run.kill_at is None and run.node_id in self._engines:
                self.add(run.node_id, run.holds, is_spot=_is_spot(kinds, run))

    def add(self, node_id: int, amount: Resources, *, is_spot: bool) -> None:
        """So much more of a machine is asked for; nothing for what is no machine."""
        if node_id in self._engines:
            key = (self._engines[node_id], is_spot)
            self._asked[key] = self._asked[key] + amount
            self._pressures.clear()
            self.changes += 1

    @property
    def engine_ids(self) -> list[int]:
        return sorted(self._capacity)

    def remove(self, node_id: int, amount: Resources, *, is_spot: bool) -> None:
        """So much less."""
        self.add(node_id, NOTHING - amount, is_spot=is_spot)

    def pressure(self, engine_id: int, *, and_spot: Resources = NOTHING) -> Decimal:
        """Of an engine, 0 to 1; with `and_spot` more Spot work."""
        found = self._pressures.get((engine_id, and_spot))
        if found is None:
            there = self._capacity[engine_id]
            found = self._pressures[engine_id, and_spot] = pressure_of(
                on_demand=_share(self._asked[engine_id, False], there),
                spot=_share(self._asked[engine_id, True] + and_spot, there),
            )
        return found

    def price(self, type_: TypeView, pressure: Decimal) -> Decimal | None:
        """The going Spot price of a type, US dollars per hour; None if it cannot be had as Spot."""
        if type_.spot_usd_per_hour is None:
            return None
        return going_price(
            on_demand_usd_per_hour=type_.usd_per_hour,
            spot_usd_per_hour=type_.spot_usd_per_hour,
            pressure=pressure,
        )

    def engine_of(self, environment: EnvironmentView) -> int | None:
        """Where an environment lies; None while no machine of it is ready."""
        return next(
            (self._engines[id_] for id_ in environment.node_ids if id_ in self._engines), None
        )

    def is_over_bid(self, instance: InstanceView) -> bool:
        """Whether the going price has passed what a Spot instance may cost."""
        if instance.node_id not in self._engines:
            return False
        price = self.price(instance.type, self.pressure(self._engines[instance.node_id]))
        return price is not None and price > bid(instance.type, instance.bid_percentage)


def bid(type_: TypeView, percentage: int) -> Decimal:
    """The most that is paid for a type, US dollars per hour."""
    return bid_usd_per_hour(on_demand_usd_per_hour=type_.usd_per_hour, bid_percentage=percentage)


def _is_spot(kinds: dict[int, Kind], run: RunningView) -> bool:
    return kinds.get(run.environment_id, Kind.UNMANAGED).is_spot


def _share(amount: Resources, of: Resources) -> Decimal:
    shares = [
        Decimal(part) / whole
        for part, whole in (
            (amount.milli_vcpus, of.milli_vcpus),
            (amount.memory_mib, of.memory_mib),
        )
        if whole
    ]
    return max(shares, default=Decimal(0))
