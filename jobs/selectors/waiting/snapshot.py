"""What waits and runs, for telling how a job would fare: kept for some seconds, as a form asks with each change."""

from jobs.scheduling.snapshot import Snapshot

from ..kept import Kept
from ..passes.snapshot import load_snapshot

# So many waiting jobs of each queue tell whether there is room for one more.
OUTLOOK_FRONT = 20
# Shared by all who ask within these seconds.
KEPT_SECONDS = 3.0
kept_snapshot: Kept[int, Snapshot] = Kept(seconds=KEPT_SECONDS, most=1)


def forecast_snapshot(queue_id: int) -> Snapshot | None:
    """The snapshot, for a job of this queue; None if there is no such queue. A handful of queries, or none."""
    found = kept_snapshot.get(OUTLOOK_FRONT, _read)
    if not _has(found, queue_id):
        # It may be younger than what is kept.
        kept_snapshot.forget()
        found = kept_snapshot.get(OUTLOOK_FRONT, _read)
    return found if _has(found, queue_id) else None


def _read() -> Snapshot:
    return load_snapshot(front=OUTLOOK_FRONT, even_if_idle=True)


def _has(snapshot: Snapshot, queue_id: int) -> bool:
    return any(queue.id == queue_id for queue in snapshot.queues)
