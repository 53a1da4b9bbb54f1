"""What is kept besides the history: costs and metrics by time, and the words that jobs are found by."""

import json
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from jobs.domain import search
from jobs.models import (
    ComputeEnvironment,
    CostHour,
    CostMark,
    CostTagHour,
    EnvironmentMetric,
    JobDocument,
    QueueMetric,
    RightSizing,
)
from jobs.selectors.costs.sums import HOURS

from .campaigns import YEAR_SECONDS, Campaign, Course
from .loading import Table, moment
from .setting import Setting

MINUTE, HOUR, DAY = 60, 3600, 86_400
# So long minutes are kept.
MINUTES_SECONDS = 3 * DAY


@dataclass(slots=True)
class Busy:
    """What happened in a queue in a time."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)
    runs: Counter[int] = field(default_factory=Counter)


class AddedUp:
    """Adds up while the history is written; `finish` writes it."""

    def __init__(self, setting: Setting, now: float) -> None:
        self._setting, self._now = setting, now
        self._costs: dict[tuple[int, int, str, int, int, int], list[float]] = {}
        self._tags: dict[tuple[int, int, str, str], list[float]] = {}
        self._busy: dict[tuple[int, int, int], Busy] = defaultdict(Busy)
        self.documents = Table(JobDocument)
        self.metrics, self.environment_metrics = Table(QueueMetric), Table(EnvironmentMetric)
        self.cost_hours, self.tag_hours = Table(CostHour), Table(CostTagHour)
        self.right_sizing = Table(RightSizing)

    def tables(self) -> list[Table]:
        """All that this writes."""
        return [
            self.documents, self.metrics, self.environment_metrics, self.cost_hours,
            self.tag_hours, self.right_sizing,
        ]  # fmt: skip

    def add_job(self, campaign: Campaign, *, job: UUID, course: Course, is_child: bool) -> None:
        """What a job is found by, and what it adds to the counts of its queue."""
        if not is_child or course.reason:
            self._document(campaign, job, course)
        for name, at in (
            ("submitted", course.created),
            ("started", course.running),
            ("succeeded" if course.succeeded else "failed", course.stopped),
        ):
            if at is None:
                continue
            for busy in self._at(campaign.queue, at):
                busy.counts[name] += 1
                if name == "started":
                    busy.waits[_bucket(at - (course.runnable or at))] += 1
                elif name != "submitted":
                    busy.runs[_bucket(at - (course.running or at))] += 1
                    busy.failures.update([_kind(course)] if course.reason else [])

    def _document(self, campaign: Campaign, job: UUID, course: Course) -> None:
        definition = self._setting.definitions[campaign.definition]
        owner, queue = self._setting.owners[campaign.owner], self._setting.queues[campaign.queue]
        tags = {"project": f"project-{campaign.project:02}", "stage": "night"}
        texts = [
            str(job)[-12:], campaign.name, str(definition), queue.name, owner.username,
            definition.image, *(text for pair in tags.items() for text in pair), course.reason,
        ]  # fmt: skip
        marks = [search.owner_mark(owner.pk), search.queue_mark(queue.pk)]
        text = search.document(texts=texts, marks=[*marks, *search.tag_marks(tags.items())])
        self.documents.add({"job_id": job.hex, "text": text})

    def _at(self, queue: int, at: float) -> list[Busy]:
        spans = (MINUTE, HOUR, DAY) if at > self._now - MINUTES_SECONDS else (HOUR, DAY)
        return [self._busy[span, int(at) // span, queue] for span in spans]

    def add_cost(
        self,
        campaign: Campaign,
        *,
        environment: ComputeEnvironment,
        at: float,
        tries: int,
        seconds: float,
        usd: float,
    ) -> None:
        """What a job that ended at `at` cost."""
        setting = self._setting
        definition, owner = setting.definitions[campaign.definition], setting.owners[campaign.owner]
        hour, capacity = int(at) // HOUR, environment.compute_resources.get("type", "UNMANAGED")
        queue = setting.queues[campaign.queue]
        key = (hour, environment.pk, capacity, queue.pk, definition.pk, owner.pk)
        amounts = (
            tries, seconds, seconds * definition.milli_vcpus / 1000,
            seconds * definition.memory_mib / 1024, usd,
        )  # fmt: skip
        row = self._costs.setdefault(key, [0.0] * 5)
        for place, amount in enumerate(amounts):
            row[place] += amount
        for tag, value in (("project", f"project-{campaign.project:02}"), ("stage", "night")):
            sums = self._tags.setdefault((hour, owner.pk, tag, value), [0.0, 0.0])
            sums[0] += tries
            sums[1] += usd

    def finish(self) -> None:
        """Writes all sums. Hours that are over are added up; the last ones are left to `services.costs`."""
        this_hour = int(self._now) // HOUR
        for (hour, environment, capacity, queue, definition, owner), sums in self._costs.items():
            if hour < this_hour - 1:
                self.cost_hours.add(
                    {
                        "hour": moment(hour * HOUR), "environment_id": environment,
                        "capacity": capacity, "queue_id": queue, "definition_id": definition,
                        "owner_id": owner, **_cost_columns(sums),
                    }
                )  # fmt: skip
        for (hour, owner, key, value), (tries, usd) in self._tags.items():
            if hour < this_hour - 1:
                self.tag_hours.add(
                    {
                        "hour": moment(hour * HOUR), "owner_id": owner, "key": key, "value": value,
                        "attempts": int(tries), "usd": f"{usd:.9f}", "on_demand_usd": f"{usd:.9f}",
                    }
                )  # fmt: skip
        until = datetime.fromtimestamp((this_hour - 1) * HOUR, UTC)
        CostMark.objects.update_or_create(name=HOURS.mark, defaults={"until": until})
        self._metrics()
        self._right_sizing()
        for table in self.tables():
            table.flush()

    def _metrics(self) -> None:
        for span, seconds in ((MINUTE, MINUTES_SECONDS), (HOUR, YEAR_SECONDS), (DAY, YEAR_SECONDS)):
            for start in range(int(self._now - seconds) // span, int(self._now) // span + 1):
                for queue, row in enumerate(self._setting.queues):
                    self._queue_metric(span, start, queue, row.pk)
                for number, environment in enumerate(self._setting.environments):
                    self._environment_metric(span, start, number, environment.pk)

    def _queue_metric(self, span: int, start: int, queue: int, queue_id: int) -> None:
        busy = self._busy.get((span, start, queue)) or Busy()
        samples, level = span // MINUTE, (start * 7 + queue * 13) % 60
        self.metrics.add(
            {
                "seconds": span, "start": moment(start * span), "queue_id": queue_id,
                **busy.counts, "failures": json.dumps(busy.failures),
                "waits": json.dumps(busy.waits), "runs": json.dumps(busy.runs),
                "samples": samples, "waiting_sum": level * samples, "waiting_max": level + 5,
                "running_sum": level // 3 * samples, "running_max": level,
            }
        )  # fmt: skip

    def _environment_metric(self, span: int, start: int, number: int, environment: int) -> None:
        samples, used = span // MINUTE, (start * 31 + number * 17) % 1000 * 1000
        self.environment_metrics.add(
            {
                "seconds": span, "start": moment(start * span), "environment_id": environment,
                "samples": samples, "used_milli_vcpus_sum": used * samples,
                "used_milli_vcpus_max": used, "total_milli_vcpus_sum": 1_280_000 * samples,
                "used_memory_mib_sum": used * 4 * samples, "used_memory_mib_max": used * 4,
                "total_memory_mib_sum": 5_242_880 * samples, "instances_sum": 20 * samples,
            }
        )  # fmt: skip

    def _right_sizing(self) -> None:
        for name in sorted({definition.name for definition in self._setting.definitions}):
            self.right_sizing.add(
                {
                    "definition_name": name, "computed_at": moment(self._now), "measured_runs": 100,
                    "samples": 5000, "asked_milli_vcpus": 2000, "asked_memory_mib": 4096,
                    "p50_milli_vcpus": 700, "p95_milli_vcpus": 1100, "peak_milli_vcpus": 1400,
                    "p50_memory_mib": 1500, "p95_memory_mib": 1900, "peak_memory_mib": 2100,
                    "fitting_milli_vcpus": 1500, "fitting_memory_mib": 2560, "usd": "120.5",
                    "saving_usd": "31.25",
                }
            )  # fmt: skip


def _cost_columns(sums: list[float]) -> dict[str, str | int]:
    tries, seconds, vcpu_seconds, gib_seconds, usd = sums
    return {
        "attempts": int(tries),
        "seconds": f"{seconds:.6f}",
        "vcpu_seconds": f"{vcpu_seconds:.6f}",
        "gib_seconds": f"{gib_seconds:.6f}",
        "usd": f"{usd:.9f}",
        "on_demand_usd": f"{usd:.9f}",
    }


def _bucket(seconds: float) -> int:
    """The place of a time among the logarithmic buckets of the metrics."""
    return max(0, math.ceil(4 * math.log2(max(seconds, 1 / 16) * 16)))


def _kind(course: Course) -> str:
    return f"exit:{course.exit_code}" if course.exit_code == 1 else "other"
