"""A month of history for the pictures of the pages: what charts, costs and lists would show after some use.

Runs inside an installation, by `manage.py shell`, beside its real processes.
"""

import math
import random
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.utils import timezone

from jobs.domain import histograms
from jobs.domain.ids import first_id_of, new_job_id
from jobs.models import (
    Attempt,
    AuditDoor,
    AuditEntry,
    Capacity,
    ComputeEnvironment,
    CostHour,
    EnvironmentMetric,
    JobDefinition,
    JobQueue,
    MetricSpan,
    Node,
    QueueMetric,
)
from jobs.services.access.access_keys import create_access_key
from jobs.services.access.tokens import create_token

from .installation import PASSWORD
from .right_sizing.runs import a_run, looked_at

# Of each span, how many rows back from now.
ROWS = {MetricSpan.MINUTE: 6 * 60, MetricSpan.HOUR: 3 * 24, MetricSpan.DAY: 30}
MINUTES_AHEAD = 8
# Of an id, all but its time.
RANDOM_BITS = 80
HOURS_OF_COSTS = 14 * 24
# Ten minutes of two vCPUs and two GiB.
COST_OF_RUN = Decimal("0.014975")
FAILURES = ("exit:1", "out_of_memory", "time_limit", "exit:137")
TRAIL = (
    ("grace", AuditDoor.PAGE, "queue_edit", "nightly", 302),
    ("grace", AuditDoor.API, "UpdateComputeEnvironment", "local", 200),
    ("ada", AuditDoor.PAGE, "job_terminate", "simulate", 302),
    ("linus", AuditDoor.PAGE, "queue_disable", "nightly", 403),
    ("grace", AuditDoor.ADMIN, "admin:auth_user_change", "4", 302),
)


def write() -> None:
    """Writes it all, alike at each run but for the time."""
    now = timezone.now()
    chance = random.Random(7)
    owners = [User.objects.get_or_create(username=name)[0] for name in ("ada", "grace", "linus")]
    for owner in owners:
        create_token(user=owner, name="nightly script", now=now)
        create_access_key(user=owner, name="laptop", now=now)
    User.objects.filter(username="grace").update(is_staff=True, last_login=now)
    owners[1].groups.add(Group.objects.get_or_create(name="operators")[0])
    students = Group.objects.get_or_create(name="students")[0]
    students.user_set.add(owners[0], owners[2])
    owners[2].set_password(PASSWORD)
    owners[2].save()
    for span, count in ROWS.items():
        _metrics(span, count, now, chance)
    _costs(owners, now, chance)
    _runs(owners[0], now)
    for name, door, action, target, status in TRAIL:
        AuditEntry.objects.create(
            at=now,
            user=next(each for each in owners if each.username == name),
            username=name,
            door=door,
            address="192.0.2.7",
            action=action,
            target=target,
            status=status,
        )


def _start(moment: datetime, span: MetricSpan) -> datetime:
    seconds = int(moment.timestamp()) // span * span
    return datetime.fromtimestamp(seconds, moment.tzinfo)


def _metrics(span: MetricSpan, count: int, now: datetime, chance: random.Random) -> None:
    queues, environment = list(JobQueue.objects.all()), ComputeEnvironment.objects.get(name="local")
    node = Node.objects.get()
    cores, memory = node.milli_vcpus, node.memory_mib
    samples = span // 60
    rows, uses = [], []
    # What is measured while pictures are taken is added to minutes that are still to come: no curve breaks off.
    ahead = MINUTES_AHEAD if span == MetricSpan.MINUTE else 0
    for back in range(1 - ahead, count + 1):
        start = _start(now, span) - timedelta(seconds=span * back)
        # Busy by day, calm by night.
        busy = 0.5 + 0.45 * math.sin(
            start.timestamp() / 86400 * 2 * math.pi * (6 if samples == 1 else 1)
        )
        for place, queue in enumerate(queues):
            rows.append(_of_queue(queue, span, start, busy / (place + 1), chance))
        used = int(cores * busy) + chance.randrange(200)
        uses.append(
            EnvironmentMetric(
                seconds=span,
                start=start,
                environment=environment,
                samples=samples,
                used_milli_vcpus_sum=used * samples,
                used_milli_vcpus_max=used,
                total_milli_vcpus_sum=cores * samples,
                used_memory_mib_sum=int(0.7 * memory * busy) * samples,
                used_memory_mib_max=int(0.7 * memory * busy),
                total_memory_mib_sum=memory * samples,
                engine_milli_vcpus_sum=cores * samples,
                engine_memory_mib_sum=memory * samples,
            )
        )
    # What was measured until now is so little that curves would break off there.
    QueueMetric.objects.filter(seconds=span).delete()
    EnvironmentMetric.objects.filter(seconds=span).delete()
    QueueMetric.objects.bulk_create(rows)
    EnvironmentMetric.objects.bulk_create(uses)


def _of_queue(
    queue: JobQueue, span: MetricSpan, start: datetime, busy: float, chance: random.Random
) -> QueueMetric:
    samples = span // 60
    ended = max(1, int(40 * busy * samples) + chance.randrange(3))
    failed = sum(chance.random() < 0.03 for _ in range(min(ended, 400)))
    waits: dict[str, int] = {}
    runs: dict[str, int] = {}
    for _ in range(min(ended, 60)):
        histograms.add(waits, chance.lognormvariate(1.5 + 2 * busy, 0.8))
        histograms.add(runs, chance.lognormvariate(4.5, 0.6))
    failures: dict[str, int] = {}
    for _ in range(failed):
        kind = chance.choices(FAILURES, weights=(6, 3, 2, 1))[0]
        failures[kind] = failures.get(kind, 0) + 1
    waiting = int(260 * busy**2)
    return QueueMetric(
        seconds=span,
        start=start,
        queue=queue,
        submitted=ended,
        started=ended,
        succeeded=ended - failed,
        failed=failed,
        failures=failures,
        waits=waits,
        runs=runs,
        samples=samples,
        waiting_sum=waiting * samples,
        waiting_max=waiting + 3,
        running_sum=int(8 * busy) * samples,
        running_max=int(8 * busy) + 1,
    )


def _costs(owners: list[User], now: datetime, chance: random.Random) -> None:
    environment = ComputeEnvironment.objects.get(name="local")
    queues, definitions = list(JobQueue.objects.all()), list(JobDefinition.objects.all())
    hour = now.replace(minute=0, second=0, microsecond=0)
    CostHour.objects.bulk_create(
        CostHour(
            hour=hour - timedelta(hours=back),
            environment=environment,
            capacity=Capacity.UNMANAGED,
            queue=queue,
            definition=chance.choice(definitions),
            owner=chance.choice(owners),
            attempts=chance.randrange(4, 30),
            seconds=chance.randrange(600, 20_000),
            vcpu_seconds=chance.randrange(600, 40_000),
            gib_seconds=chance.randrange(600, 40_000),
            usd=(usd := Decimal(chance.randrange(20, 160)) / 100),
            on_demand_usd=usd,
        )
        for back in range(1, HOURS_OF_COSTS)
        for queue in queues
    )


def _id_at(moment: datetime) -> UUID:
    """An id as it was made then, for lists are by ids."""
    return UUID(int=first_id_of(moment).int | new_job_id().int % 2**RANDOM_BITS)


def _runs(owner: User, now: datetime) -> Attempt:
    """Runs of a definition that asks for more than it uses."""
    definition = JobDefinition.objects.filter(name="align").latest("revision")
    queue = JobQueue.objects.get(name="default")
    for number in range(12):
        ended_at = now - timedelta(hours=number + 1)
        last = a_run(
            definition,
            [(620 + 90 * at % 210, 300 + 9 * at) for at in range(40)],
            ended_at=ended_at,
            job={
                "id": _id_at(ended_at - timedelta(minutes=11)),
                "owner": owner,
                "queue": queue,
                "name": f"align-{number}",
                "created_at": ended_at - timedelta(minutes=11),
                "started_at": ended_at - timedelta(minutes=10),
                "exit_code": 0,
                "cost_usd": COST_OF_RUN,
            },
            cost_usd=COST_OF_RUN,
        )
    looked_at(definition, now=now)
    return last
