"""Looking further behind where a queue's front is full of jobs that cannot start.

A pass takes the front of each queue only. If the front is an array of thousands that no machine could
ever hold, or all of it waits for room on one machine, those behind would wait with it, though nothing stands in their
way. So every now and then a pass takes a window of jobs from behind the front as well, further behind each
time, and from the front again when the end is reached. They start where the rules of backfill let them, and only if
jobs of the front wait; they are told nothing if not.
"""

from collections import defaultdict
from uuid import UUID

from .plan import Plan
from .snapshot import Snapshot


class Scouts:
    """How far behind its front each queue was looked at. Kept by whoever makes the passes."""

    def __init__(self) -> None:
        self.behind: dict[int, UUID] = {}

    def learn(self, snapshot: Snapshot, plan: Plan) -> None:
        """After a pass with scouted jobs: where the next one looks."""
        windows: dict[int, list[UUID]] = defaultdict(list)
        fronts: dict[int, int] = defaultdict(int)
        for job in snapshot.jobs:
            if job.scouted:
                windows[job.queue_id].append(job.id)
            else:
                fronts[job.queue_id] += 1
        placed: dict[int, int] = defaultdict(int)
        for placement in plan.placements:
            placed[placement.job.queue_id] += placement.job.scouted
        self.behind = {
            queue_id: max(ids, key=lambda id_: id_.int)
            if 2 * placed[queue_id] < len(ids)
            # Here many find room: the next ones surely do, too.
            else self.behind.get(queue_id, UUID(int=0))
            for queue_id, ids in windows.items()
            # A window that is not full ends with the queue: from the front again.
            if len(ids) >= fronts[queue_id]
        }
