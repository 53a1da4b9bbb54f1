"""How often and how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds."""

    # A container that ends sooner has its log read in one go at its end.
    follow_after: float = 1.0
    # Lines are written at most this often per stream, so that they are shown within two seconds.
    flush_every: float = 0.4
    # On a busy machine less often, but never less than this.
    flush_at_least_every: float = 1.2
    heartbeat_every: float = 5.0
    reconcile_every: float = 10.0
    # Machines rarely change.
    nodes_every: float = 60.0
    usage_every: float = 5.0
    # The longest pause between two tries to reach an engine that is away.
    reconnect_within: float = 1.0
    # A hand-over of an exit that had no effect by then is repeated.
    reap_again_after: float = 30.0
    # A container of ours that belongs to no attempt is removed when it is found for so long.
    remove_strangers_after: float = 180.0
    # The followed log of a container that ended ends with it. Longer, and it is read anew instead.
    follower_ends_within: float = 5.0
    # Pods, volumes and networks that nobody lived to remove are looked for this often.
    left_overs_every: float = 60.0
    # How long jobs with a role can be without the address that somebody removed.
    service_address_every: float = 10.0
    # New engines are found this often.
    engines_every: float = 5.0
    # How long a clean stop waits for threads.
    stop_within: float = 5.0


DEFAULT = Timing()
