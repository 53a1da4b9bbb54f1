"""What waits and runs on the machines that a queue shares with others: read once in some seconds for all who look.

A waiting job's page and its queue's ask what is free there and when jobs will likely start. Both are told from one
reading, whichever of the queues somebody looks at.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from uuid import UUID

from jobs.models import JobQueueEnvironment
from jobs.scheduling.estimate import estimate
from jobs.scheduling.snapshot import Snapshot

from ..kept import Kept
from ..passes.snapshot import load_snapshot

# Shared by all who look within these seconds.
KEPT_SECONDS = 3.0
KEPT_QUEUES = 1_000
KEPT_GROUPS = 20
# A start is estimated for so many jobs of all queues that share machines; of each for no fewer, and no more.
ESTIMATED = 400
ESTIMATED_PER_QUEUE = 25
ESTIMATED_AT_MOST = 100


class QueueGroup:
    """A queue and all that share an environment with it, at a moment."""

    def __init__(self, queue_ids: frozenset[int], now: datetime) -> None:
        front = min(max(ESTIMATED // len(queue_ids), ESTIMATED_PER_QUEUE), ESTIMATED_AT_MOST)
        self._now = now
        self.snapshot: Snapshot = load_snapshot(
            front=front, only=queue_ids, even_if_idle=True, now=now
        )

    @cached_property
    def starts(self) -> Mapping[UUID, datetime]:
        """The likely starts of the jobs at the fronts of these queues; worked out when somebody asks."""
        return estimate(self.snapshot, self._now)


# Of a queue, which share machines with it; and the group that those are.
kept_sharing: Kept[int, frozenset[int]] = Kept(seconds=KEPT_SECONDS, most=KEPT_QUEUES)
kept_groups: Kept[frozenset[int], QueueGroup] = Kept(seconds=KEPT_SECONDS, most=KEPT_GROUPS)


def group_of(queue_id: int, now: datetime) -> QueueGroup:
    """The group of a queue. A handful of queries over live rows where nobody has just asked, else none."""
    queue_ids = kept_sharing.get(queue_id, lambda: _sharing(queue_id))
    return kept_groups.get(queue_ids, lambda: QueueGroup(queue_ids, now))


def _sharing(queue_id: int) -> frozenset[int]:
    places = JobQueueEnvironment.objects
    environments = places.filter(queue_id=queue_id).values("environment_id")
    sharing = places.filter(environment_id__in=environments).values_list("queue_id", flat=True)
    return frozenset({queue_id, *sharing})
