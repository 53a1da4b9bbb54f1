"""Jobs, their specs, attempts and transitions, written as the campaigns went."""

import heapq
import json
import random
from collections.abc import Iterator
from uuid import UUID

from jobs.domain.ids import child_id
from jobs.models import (
    ArraySummary,
    Attempt,
    ComputeEnvironment,
    Job,
    JobDependency,
    JobSpec,
    Transition,
    UsageSample,
    WaitReason,
)
from jobs.scheduling.plan import WaitCode

from .added_up import AddedUp
from .campaigns import Campaign, Course, course_of
from .loading import Table, Value, moment
from .setting import Setting

USD_PER_VCPU_HOUR, USD_PER_GIB_HOUR = 0.04048, 0.004445
WAITS = (
    (WaitCode.CAPACITY, "It needs 2 vCPU, 4 GiB: 1.5 vCPU are free in environment-0."),
    (WaitCode.TURN, "Jobs that were submitted earlier go first."),
)
# The newest attempts have samples of what they used: a year of them is removed by then.
SAMPLED_SECONDS = 3 * 86_400.0
Step = tuple[str, str, float, int, str]


class History:
    """Writes campaigns, oldest first; transitions of all jobs in the order of their times."""

    def __init__(self, setting: Setting, added_up: AddedUp, now: float) -> None:
        self._setting, self._added_up, self._now = setting, added_up, now
        self._rng = random.Random(60)
        self.jobs, self.specs = Table(Job), Table(JobSpec)
        self.attempts, self.transitions = Table(Attempt, with_id=True), Table(Transition)
        self.reasons, self.samples = Table(WaitReason), Table(UsageSample)
        self.dependencies, self.summaries = Table(JobDependency), Table(ArraySummary)
        self._steps: list[tuple[float, int, dict[str, str | int]]] = []
        self._step = self._attempt = 0

    def write(self, campaign: Campaign) -> None:
        """All jobs of a campaign."""
        parent = self._spec(campaign, campaign.at) if campaign.is_array else None
        counts = dict.fromkeys(
            ("pending", "runnable", "starting", "running", "succeeded", "failed"), 0
        )
        last, ended = campaign.at, campaign.at
        before: UUID | None = None
        for index in range(campaign.size):
            created = campaign.at if parent else campaign.at + index * 0.05
            job = child_id(parent, index) if parent else self._spec(campaign, created)
            course = course_of(self._rng, campaign, index, created, self._now)
            status = self._job(campaign, job, parent, index, course)
            counts[status.lower()] += 1
            if status == "PENDING" and before and not parent:
                self.dependencies.add({"job_id": job.hex, "on_id": before.hex})
            last, before, ended = created, job, max(ended, course.stopped or 0)
        if parent:
            self._parent(campaign, parent, counts, ended)
        self._write_steps(until=last)

    def finish(self) -> None:
        """Writes all that is left."""
        self._write_steps(until=float("inf"))
        for table in self.tables():
            table.flush()

    def tables(self) -> list[Table]:
        """All that this writes, by their foreign keys."""
        return [
            self.specs, self.jobs, self.summaries, self.attempts, self.transitions,
            self.reasons, self.samples, self.dependencies,
        ]  # fmt: skip

    def _spec(self, campaign: Campaign, created: float) -> UUID:
        """A new job's id, under which its spec is written: one for all children of an array."""
        job = UUID(
            int=int(created * 1000) << 80
            | 7 << 76
            | self._rng.getrandbits(12) << 64
            | 2 << 62
            | self._rng.getrandbits(48) << 14
        )
        definition = self._setting.definitions[campaign.definition]
        self.specs.add(
            {
                "id": job.hex,
                "image": definition.image,
                "command": json.dumps([*definition.command, campaign.name]),
                "environment": '[{"name": "RUN", "value": "7"}]',
                "tags": json.dumps(_tags(campaign)),
            }
        )
        return job

    def _job(
        self, campaign: Campaign, job: UUID, parent: UUID | None, index: int, course: Course
    ) -> str:
        status = _status(course)
        definition = self._setting.definitions[campaign.definition]
        wait = self._rng.choice(WAITS) if status == "RUNNABLE" else None
        run = (course.stopped or 0) - (course.running or 0)
        usd = _usd(definition.milli_vcpus, definition.memory_mib, run) if course.stopped else 0.0
        tries = 0 if course.starting is None else 1 + course.retried
        values = self._of_all(campaign, course.created, course.stopped) | {
            "id": job.hex,
            "spec_id": (parent or job).hex,
            "parent_id": parent.hex if parent else None,
            "array_index": index if parent else None,
            "status": status,
            "status_reason": " - ".join(wait) if wait else course.reason,
            "status_changed_at": moment(_last_of(course)),
            "started_at": course.running and moment(course.running),
            "exit_code": course.exit_code if course.stopped else None,
            "attempts_allowed": max(tries, 1) + 1,
            "attempts_made": tries,
            "cost_usd": f"{usd:.9f}",
            "has_dependents": int(campaign.is_live and not parent and index % 10 == 8),
        }
        self.jobs.add(values)
        if wait or (course.stopped and self._rng.random() < 0.3):
            code, text = wait or WAITS[0]
            since = moment(course.runnable or course.created)
            self.reasons.add({"job_id": job.hex, "code": code, "reason": text, "since": since})
        self._tries(campaign, job, course, tries, usd)
        self._steps_of(job, course, is_child=parent is not None)
        self._added_up.add_job(campaign, job=job, course=course, is_child=parent is not None)
        return status

    def _of_all(
        self, campaign: Campaign, created: float, stopped: float | None
    ) -> dict[str, Value]:
        """Columns that an array's parent has as its children have them."""
        setting = self._setting
        definition, queue = setting.definitions[campaign.definition], setting.queues[campaign.queue]
        shared = queue.scheduling_policy_id is not None
        return {
            "name": campaign.name,
            "queue_id": queue.pk,
            "definition_id": definition.pk,
            "owner_id": setting.owners[campaign.owner].pk,
            "milli_vcpus": definition.milli_vcpus,
            "memory_mib": definition.memory_mib,
            "share_identifier": f"team{campaign.owner % 8}" if shared else "",
            "array_size": campaign.size if campaign.is_array else None,
            "created_at": moment(created),
            "stopped_at": stopped and moment(stopped),
        }

    def _parent(
        self, campaign: Campaign, parent: UUID, counts: dict[str, int], ended: float
    ) -> None:
        status = "PENDING" if campaign.is_live else "FAILED" if counts["failed"] else "SUCCEEDED"
        stopped = None if campaign.is_live else ended
        values = self._of_all(campaign, campaign.at, stopped) | {
            "id": parent.hex,
            "spec_id": parent.hex,
            "status": status,
            "status_reason": "Array Child Job failed" if status == "FAILED" else "",
            "status_changed_at": moment(stopped or campaign.at),
        }
        self.jobs.add(values)
        self.summaries.add({"job_id": parent.hex, **counts})
        steps = [("", "SUBMITTED", campaign.at), ("SUBMITTED", "PENDING", campaign.at + 1)]
        if stopped:
            steps.append(("PENDING", status, stopped))
        for old, new, at in steps:
            self._add_step((old, new, at, 0, ""), parent)

    def _tries(self, campaign: Campaign, job: UUID, course: Course, tries: int, usd: float) -> None:
        if course.starting is None:
            return
        environment = self._rng.choice(self._setting.environments_of(campaign.queue))
        machines = self._setting.nodes[environment.pk]
        for number in range(1, tries + 1):
            node = machines[self._attempt % len(machines)]
            self._attempt += 1
            self.attempts.add(
                self._attempt_values(campaign, environment, course, usd / tries)
                | {"id": self._attempt, "job_id": job.hex, "number": number, "node_id": node.pk}
            )
        if course.running and (course.stopped or self._now) > self._now - SAMPLED_SECONDS:
            self._sample(campaign, course.running, course.stopped or self._now)
        if course.stopped:
            self._added_up.add_cost(
                campaign, environment=environment, at=course.stopped, tries=tries, usd=usd,
                seconds=course.stopped - (course.running or 0),
            )  # fmt: skip

    def _attempt_values(
        self, campaign: Campaign, environment: ComputeEnvironment, course: Course, usd: float
    ) -> dict[str, Value]:
        definition = self._setting.definitions[campaign.definition]
        stopped = course.stopped and moment(course.stopped)
        return {
            "environment_id": environment.pk,
            "capacity": _capacity(environment),
            "image": definition.image,
            "milli_vcpus": definition.milli_vcpus,
            "memory_mib": definition.memory_mib,
            "usd_per_vcpu_hour": USD_PER_VCPU_HOUR,
            "usd_per_gib_hour": USD_PER_GIB_HOUR,
            "placed_at": moment(course.starting or 0),
            "container_id": f"{self._attempt:064x}",
            "started_at": course.running and moment(course.running),
            "stopped_at": stopped,
            "ended_at": stopped,
            "removed_at": stopped,
            "exit_code": course.exit_code if course.stopped else None,
            "reason": course.reason,
            "status_reason": course.reason,
            "cost_usd": f"{usd:.9f}",
            "on_demand_usd": f"{usd:.9f}",
        }

    def _sample(self, campaign: Campaign, begin: float, end: float) -> None:
        definition = self._setting.definitions[campaign.definition]
        # One in fifteen seconds, or a hundred of a longer run.
        step = max(15.0, (end - begin) / 100)
        for number in range(int((end - begin) / step)):
            part = 0.3 + 0.6 * self._rng.random()
            self.samples.add(
                {
                    "attempt_id": self._attempt,
                    "at": moment(begin + number * step),
                    "milli_vcpus": int(definition.milli_vcpus * part),
                    "memory_mib": int(definition.memory_mib * part),
                }
            )

    def _steps_of(self, job: UUID, course: Course, *, is_child: bool) -> None:
        for step in _steps(course, is_child=is_child):
            self._add_step(step, job)

    def _add_step(self, step: Step, job: UUID) -> None:
        old, new, at, attempt, reason = step
        self._step += 1
        row: dict[str, str | int] = {
            "job_id": job.hex, "attempt_number": attempt, "from_status": old, "to_status": new,
            "reason": reason, "at": moment(at),
        }  # fmt: skip
        heapq.heappush(self._steps, (at, self._step, row))

    def _write_steps(self, *, until: float) -> None:
        while self._steps and self._steps[0][0] <= until:
            self.transitions.add(heapq.heappop(self._steps)[2])


def _steps(course: Course, *, is_child: bool) -> Iterator[Step]:
    """Its transitions: from, to, when, of which attempt, why."""
    yield "", "SUBMITTED", course.created, 0, ""
    if course.runnable is None or is_child:
        yield "SUBMITTED", "PENDING", course.created, 0, ""
    if course.runnable is not None:
        yield "PENDING" if is_child else "SUBMITTED", "RUNNABLE", course.runnable, 0, ""
    if course.starting is None:
        return
    yield "RUNNABLE", "STARTING", course.starting, 1, ""
    if course.running is None:
        return
    yield "STARTING", "RUNNING", course.running, 1, ""
    if course.stopped is None:
        return
    if course.retried:
        again = (course.running + course.stopped) / 2
        yield "RUNNING", "RUNNABLE", again, 1, course.reason
        yield "RUNNABLE", "STARTING", again, 2, ""
        yield "STARTING", "RUNNING", again, 2, ""
    end = "SUCCEEDED" if course.succeeded else "FAILED"
    yield "RUNNING", end, course.stopped, 1 + course.retried, course.reason


def _status(course: Course) -> str:
    if course.stopped is not None:
        return "SUCCEEDED" if course.succeeded else "FAILED"
    if course.starting is not None:
        return "RUNNING"
    return "PENDING" if course.runnable is None else "RUNNABLE"


def _last_of(course: Course) -> float:
    moments = (course.stopped, course.running, course.runnable, course.created)
    return next(at for at in moments if at is not None)


def _tags(campaign: Campaign) -> dict[str, str]:
    return {"project": f"project-{campaign.project:02}", "stage": "night"}


def _capacity(environment: ComputeEnvironment) -> str:
    return str(environment.compute_resources.get("type", "UNMANAGED"))


def _usd(milli_vcpus: int, memory_mib: int, seconds: float) -> float:
    rate = milli_vcpus / 1000 * USD_PER_VCPU_HOUR + memory_mib / 1024 * USD_PER_GIB_HOUR
    return rate * seconds / 3600
