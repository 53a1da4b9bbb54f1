"""After all jobs had their turns: idle instances end, minima are filled, and Spot work gives way to its price."""

from collections.abc import Iterator

from jobs.domain.resources import Resources

from .capacity import Capacity, Offer
from .plan import EndCause
from .snapshot import EnvironmentView, InstanceView, Snapshot

# The least that an instance is launched for where it is not for a job.
ANYTHING = Resources(1, 1)


def scale(snapshot: Snapshot, capacity: Capacity) -> None:
    """Ends, drains, interrupts and launches what no job asked for."""
    environments = {env.id: env for env in snapshot.environments}
    for instance in snapshot.instances:
        if not capacity.is_leaving(instance):
            _look_at(instance, environments.get(instance.environment_id), capacity)
    for engine_id in capacity.market.engine_ids:
        _interrupt_by_price(engine_id, snapshot, capacity)
    for environment in snapshot.environments:
        if environment.kind.has_instances and environment.enabled:
            _fill(environment, capacity)


def _look_at(
    instance: InstanceView, environment: EnvironmentView | None, capacity: Capacity
) -> None:
    idle = capacity.idle(instance)
    if not instance.is_open:
        # It was drained; with the last on it gone, so is it.
        if idle:
            capacity.end(instance, EndCause.REPLACED, "Nothing runs on it any more.")
    elif environment is None or environment.is_ending:
        _leave(instance, EndCause.ENVIRONMENT_OFF, "Its environment is being deleted.", capacity)
    elif instance.outdated:
        why = "Its environment was changed and would not launch it today."
        _leave(instance, EndCause.REPLACED, why, capacity)
    elif idle and capacity.may_end(instance):
        _end_if_due(instance, environment, capacity)


def _leave(instance: InstanceView, cause: EndCause, reason: str, capacity: Capacity) -> None:
    if capacity.idle(instance):
        capacity.end(instance, cause, reason)
    else:
        capacity.drain(instance, cause, reason)


def _end_if_due(instance: InstanceView, environment: EnvironmentView, capacity: Capacity) -> None:
    if not environment.enabled:
        capacity.end(instance, EndCause.ENVIRONMENT_OFF, "Its environment is disabled.")
        return
    managed = environment.managed
    since = instance.idle_since
    if managed is None or since is None or capacity.room.is_reserved(instance.place_id):
        return
    idle_seconds = (capacity.now - since).total_seconds()
    if idle_seconds >= managed.idle_seconds:
        reason = f"Nothing ran on it for {managed.idle_seconds} seconds."
        capacity.end(instance, EndCause.IDLE, reason)


def _interrupt_by_price(engine_id: int, snapshot: Snapshot, capacity: Capacity) -> None:
    """The newest whose bid is passed, one after the other, until the price is no more than what is bid."""
    while True:
        over = [
            each
            for each in _spot_on(engine_id, snapshot, capacity)
            if capacity.market.is_over_bid(each)
        ]
        if not over:
            return
        newest = max(over, key=lambda each: (each.launched_at, each.id))
        reason = (
            f"The going Spot price of {newest.type.name} passed its bid of "
            f"{newest.bid_percentage} % of the On-Demand price."
        )
        if capacity.idle(newest):
            capacity.end(newest, EndCause.INTERRUPTED_BY_PRICE, reason)
        else:
            capacity.interrupt(newest, EndCause.INTERRUPTED_BY_PRICE, reason)


def _spot_on(engine_id: int, snapshot: Snapshot, capacity: Capacity) -> Iterator[InstanceView]:
    nodes = {node.id for node in snapshot.nodes if node.engine_id == engine_id}
    for each in snapshot.instances:
        is_its_turn = each.is_spot and each.kill_at is None and not capacity.is_leaving(each)
        if is_its_turn and each.node_id in nodes and each.place_id not in capacity.touched:
            yield each


def _fill(environment: EnvironmentView, capacity: Capacity) -> None:
    """Launches up to what the environment is to have at least, whatever waits."""
    managed = environment.managed
    if managed is None or environment.invalid_reason or environment.is_ending:
        return
    # What this plan ends is not wanted any more.
    ended = sum(
        capacity.instances[id_].type.size.milli_vcpus
        for id_ in capacity.ends
        if capacity.instances[id_].environment_id == environment.id
    )
    target = max(managed.min_milli_vcpus, managed.desired_milli_vcpus - ended)
    what = "minvCpus" if target == managed.min_milli_vcpus else "desiredvCpus"
    while capacity.live_milli_vcpus[environment.id] < target:
        offer = capacity.offer(environment, ANYTHING)
        if not isinstance(offer, Offer):
            return
        capacity.launch(environment, offer, f"The environment's {what} asks for it.")
