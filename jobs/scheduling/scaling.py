"""After all jobs had their turns: idle instances end, minima are filled, and Spot work gives way to its price."""

from jobs.domain.resources import Resources, whole_vcpus

from .capacity import Capacity
from .choice import Offer
from .plan import EndCause
from .snapshot import EnvironmentView, InstanceView, Snapshot

# The least that an instance is launched for where it is not for a job.
ANYTHING = Resources(1, 1)
OUTDATED = "Its environment was changed and would not launch it today."


def end_drained(snapshot: Snapshot, capacity: Capacity) -> None:
    """Before the turns: what was drained ends with the last on it, and its room is there for who waits for it."""
    for instance in snapshot.instances:
        if not instance.is_open and capacity.idle(instance):
            capacity.end(instance, EndCause.REPLACED, "Nothing runs on it any more.")


def scale(snapshot: Snapshot, capacity: Capacity, *, is_scarce: bool) -> None:
    """After the turns: ends, drains, interrupts and launches what no job asked for.

    `is_scarce`: a job waits for room on machines; then none is taken for the minima of Spot environments.
    """
    environments = {env.id: env for env in snapshot.environments}
    for instance in snapshot.instances:
        if not capacity.is_leaving(instance):
            _look_at(instance, environments.get(instance.environment_id), capacity)
    for engine_id in capacity.market.engine_ids:
        _interrupt_by_price(engine_id, snapshot, capacity)
    for environment in snapshot.environments:
        gives_way = environment.kind.is_spot and is_scarce
        if environment.kind.has_instances and environment.enabled and not gives_way:
            _fill(environment, capacity)


def _look_at(
    instance: InstanceView, environment: EnvironmentView | None, capacity: Capacity
) -> None:
    idle = capacity.idle(instance)
    if not instance.is_open:
        if instance.outdated and instance.kill_at is None:
            _replace_if_due(instance, environment, capacity)
    elif environment is None or environment.is_ending:
        _leave(instance, EndCause.ENVIRONMENT_OFF, "Its environment is being deleted.", capacity)
    elif instance.outdated:
        _leave(instance, EndCause.REPLACED, OUTDATED, capacity)
    elif idle and capacity.may_end(instance):
        _end_if_due(instance, environment, capacity)


def _replace_if_due(
    instance: InstanceView, environment: EnvironmentView | None, capacity: Capacity
) -> None:
    """Interrupts what still runs on an outdated instance when its environment's update policy says so."""
    since = instance.draining_since
    if environment is None or environment.managed is None or since is None:
        return
    seconds = environment.managed.update_seconds
    if instance.node_id in capacity.room.nodes and (
        (capacity.now - since).total_seconds() >= seconds
    ):
        capacity.interrupt(instance, EndCause.REPLACED, OUTDATED)


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
    # The price only falls meanwhile, so who is within his bid once stays so.
    for each in _newest_spot_on(engine_id, snapshot, capacity):
        if not capacity.market.is_over_bid(each):
            continue
        reason = (
            f"The going Spot price of {each.type.name} passed its bid of "
            f"{each.bid_percentage} % of the On-Demand price."
        )
        if capacity.idle(each):
            capacity.end(each, EndCause.INTERRUPTED_BY_PRICE, reason)
        else:
            capacity.interrupt(each, EndCause.INTERRUPTED_BY_PRICE, reason)


def _newest_spot_on(engine_id: int, snapshot: Snapshot, capacity: Capacity) -> list[InstanceView]:
    nodes = {node.id for node in snapshot.nodes if node.engine_id == engine_id}
    found = [
        each
        for each in snapshot.instances
        if each.is_spot
        and each.node_id in nodes
        and each.kill_at is None
        and not capacity.is_leaving(each)
        and each.place_id not in capacity.touched
    ]
    return sorted(found, key=lambda each: (each.launched_at, each.id), reverse=True)


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
    desired = whole_vcpus(managed.desired_milli_vcpus) - whole_vcpus(ended)
    least = whole_vcpus(managed.min_milli_vcpus)
    what = "minvCpus" if desired <= least else "desiredvCpus"
    while whole_vcpus(capacity.live_milli_vcpus[environment.id]) < max(least, desired):
        offer = capacity.offer(environment, ANYTHING)
        if not isinstance(offer, Offer):
            return
        capacity.launch(environment, offer, f"The environment's {what} asks for it.")
