"""How busy machines really are: what their containers used when they were last looked at."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery

from jobs.models import Attempt, Node, UsageSample

# Of more containers than this the load of the newest is told.
MOST = 500
# What was measured before that says nothing of now.
FRESH = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Load:
    """What so many containers used together, each by its newest sample."""

    milli_vcpus: int = 0
    memory_mib: int = 0
    containers: int = 0


def loads_of(nodes: Sequence[Node], *, now: datetime) -> dict[int, Load]:
    """The load of each machine, by its id, of all environments together; none where nothing was measured.

    One query.
    """
    newest = UsageSample.objects.filter(attempt=OuterRef("pk"), at__gt=now - FRESH).order_by("-at")
    live = Attempt.objects.filter(node__in=nodes, ended_at__isnull=True).order_by("-id")
    rows = live.values_list(
        "node_id",
        Subquery(newest.values("milli_vcpus")[:1]),
        Subquery(newest.values("memory_mib")[:1]),
    )
    found: dict[int, Load] = defaultdict(Load)
    for node_id, milli_vcpus, memory_mib in rows[:MOST]:
        if milli_vcpus is not None:
            load = found[node_id]
            found[node_id] = Load(
                load.milli_vcpus + milli_vcpus, load.memory_mib + memory_mib, load.containers + 1
            )
    return dict(found)
