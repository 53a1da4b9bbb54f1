"""The simulation: time jumps from event to event, and passes are the real `decide` on an imagined snapshot.

What happens: jobs come, runs end, interrupted ones are killed, idle instances' clocks run out. A pass follows at once
if none was made lately, else when `pass_seconds` are over, as real passes wait for a burst of news.
A pass that could change nothing is left out: where no job waits, or a new one is far behind a full front.
"""

import heapq
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import IntEnum

from ..decide import decide
from ..plan import Drain, Interruption, Placement, Plan, Wait
from ..snapshot import Snapshot, place_of_instance
from .beside import QUEUE, work_beside
from .fleet import BESIDE, MEASURED, Fleet, Instance, Run
from .imagined import ImaginedJob
from .ledger import Ledger
from .outcome import Outcome
from .run_times import RunTimes
from .scenario import Scenario
from .waiting import Waiting
from .workload import QueueModel, Workload

# While jobs wait, a pass at least this often: what is known of ends changes with time alone.
TICK_SECONDS = 60.0
# Looks at those far behind a front that cannot start, at most this often.
SCOUT_SECONDS = 30.0
# What is not over so long after the last submission (and so many times the span of the workload) never will be.
PATIENCE_SECONDS = 30 * 86_400.0
PATIENCE_SPANS = 3


class What(IntEnum):
    """Events at the same moment happen in this order: who ends in the very moment of his kill has ended."""

    END = 1
    KILL = 2
    IDLE = 3


def simulate(workload: Workload, scenario: Scenario) -> Outcome:
    """Replays the workload. The same arguments give the same outcome."""
    return Replay(workload, scenario).run()


class Replay:
    """One workload on one scenario. `watch` is called after each pass, with the snapshot and the plan."""

    def __init__(
        self,
        workload: Workload,
        scenario: Scenario,
        watch: Callable[[Snapshot, Plan], None] | None = None,
    ) -> None:
        self._jobs = len(workload.tasks)
        self._scenario = scenario
        self._watch = watch
        self._fleet = Fleet(scenario, workload.starts_at)
        self._ledger = Ledger(scenario, self._fleet)
        self._waiting = Waiting(_queues(workload))
        self._run_times = RunTimes()
        self._events: list[tuple[float, What, int, Run | Instance]] = []
        self._order = itertools.count()
        self._arrivals = self._all_arrivals(workload)
        self._next = next(self._arrivals, None)
        self._patience = workload.span_seconds * PATIENCE_SPANS + PATIENCE_SECONDS
        self._last_pass = self._last_scouting = -max(scenario.pass_seconds, TICK_SECONDS)
        self._is_news = True
        self._last_waits: Sequence[Wait] = ()
        self._now = 0.0

    def run(self) -> Outcome:
        """From the first submission until all is over, or nothing more happens."""
        while self._go_on():
            self._now = self._next_moment()
            self._take_in()
            if self._now >= self._pass_at():
                self._pass()
        for instance in list(self._fleet.instances.values()):
            self._ledger.ended(instance, self._now)
        return self._ledger.outcome(
            jobs=self._jobs, now=self._now, why_unfinished=self._why_unfinished()
        )

    # Time

    def _is_over(self) -> bool:
        return self._ledger.over == self._jobs

    def _go_on(self) -> bool:
        if self._now > self._patience:
            return False
        if self._is_over():
            # Only until idle instances were ended, as they would be.
            return bool(self._fleet.instances) and bool(self._events or self._is_news)
        return self._next is not None or bool(self._events) or self._is_news

    def _next_moment(self) -> float:
        moments = [self._patience + 1, self._pass_at()]
        if self._next is not None and not self._is_over():
            moments.append(self._next.task.submitted)
        if self._events:
            moments.append(self._events[0][0])
        return max(self._now, min(moments))

    def _pass_at(self) -> float:
        """When the next pass is due if nothing more happens."""
        if self._is_news:
            return round(self._last_pass + self._scenario.pass_seconds, 3)
        ticks = len(self._waiting) > 0 or (self._scenario.kind.is_spot and bool(self._fleet.runs))
        return round(self._last_pass + TICK_SECONDS, 3) if ticks else math.inf

    def _later(self, seconds: float, what: What, whom: Run | Instance) -> None:
        # To a thousandth of a second, so that moments can be compared and subtracted.
        moment = round(self._now + max(seconds, 0.0), 3)
        heapq.heappush(self._events, (moment, what, next(self._order), whom))

    # What happens

    def _take_in(self) -> None:
        while self._next is not None and self._next.task.submitted <= self._now:
            self._is_news |= self._waiting.add(self._next)
            self._next = None if self._is_over() else next(self._arrivals, None)
        while self._events and self._events[0][0] <= self._now:
            _, what, _, whom = heapq.heappop(self._events)
            if isinstance(whom, Run):
                self._happen_to_run(what, whom)
            elif what is What.KILL:
                for run in list(dict.fromkeys(whom.runs.values())):
                    self._cut_off(run)
                self._is_news = True
            else:
                self._is_news |= whom.idle_since is not None

    def _happen_to_run(self, what: What, run: Run) -> None:
        if run.is_over:
            return
        if what is What.END:
            self._end(run)
        else:
            self._cut_off(run)

    def _end(self, run: Run) -> None:
        job = run.job
        self._stop(run)
        seconds = self._now - run.started
        limit = job.task.limit_seconds
        succeeded = limit is None or job.left_seconds <= limit
        if succeeded:
            self._run_times.add(job.task.definition, seconds)
        self._ledger.stopped(run, self._now)
        self._ledger.finished(run, self._now, succeeded=succeeded)

    def _cut_off(self, run: Run) -> None:
        """What was not saved is lost; the job is tried again while it has attempts."""
        job = run.job
        self._stop(run)
        lost = job.lose(self._now - run.started, self._scenario.checkpoint_seconds)
        self._ledger.stopped(run, self._now, lost_seconds=lost)
        self._ledger.interruptions += job.is_counted
        self._is_news = True
        if job.attempts_made < job.task.attempts or not job.is_counted:
            self._waiting.add(job)
        else:
            self._ledger.finished(run, self._now, succeeded=False)

    def _stop(self, run: Run) -> None:
        self._fleet.stop(run, self._now)
        self._waiting.charge(
            run.job, seconds=self._now - run.started, now=self._fleet.moment(self._now)
        )
        # Where nobody waits, room matters to the going price alone: a tick is soon enough for that.
        self._is_news |= len(self._waiting) > 0
        for instance in self._fleet.instances_of(run):
            self._is_news |= not instance.is_open
            self._wake_when_idle(instance)

    def _wake_when_idle(self, instance: Instance) -> None:
        if instance.idle_since is not None:
            seconds = instance.idle_since + self._scenario.idle_seconds - self._now
            self._later(seconds, What.IDLE, instance)

    # Passes

    def _pass(self) -> None:
        self._last_pass = self._now
        self._is_news = False
        for definition in self._run_times.refresh(self._now):
            self._fleet.expect(definition, self._run_times.expected(definition))
        further_behind = self._now >= self._last_scouting + SCOUT_SECONDS
        if further_behind:
            self._last_scouting = self._now
        more = True
        while more:
            snapshot = self._snapshot(further_behind=further_behind)
            plan = decide(snapshot, self._fleet.moment(self._now))
            self._apply(plan)
            if further_behind:
                self._waiting.learn(snapshot, plan)
            self._last_waits = plan.waits
            self._ledger.passed()
            if self._watch is not None:
                self._watch(snapshot, plan)
            more = plan.more

    def _snapshot(self, *, further_behind: bool) -> Snapshot:
        running = self._fleet.running_views()
        jobs, queues = self._waiting.look(
            running,
            self._fleet.moment(self._now),
            self._run_times.expected,
            further_behind=further_behind,
        )
        return Snapshot(
            nodes=self._fleet.node_views(),
            environments=self._fleet.environment_views(),
            queues=queues,
            jobs=jobs,
            running=running,
            grace_seconds=self._scenario.grace_seconds,
            instances=self._fleet.instance_views(),
        )

    def _apply(self, plan: Plan) -> None:
        for end in plan.ends:
            instance = self._fleet.instances[end.instance_id]
            self._fleet.end(instance)
            self._ledger.ended(instance, self._now)
        for drain in plan.drains:
            self._drain(drain)
        for interruption in plan.interruptions:
            self._interrupt(interruption)
        new: dict[int, int] = {}
        launched = []
        for launch in plan.launches:
            instance = self._fleet.launch(launch, self._now)
            new[launch.place_id] = place_of_instance(instance.id)
            launched.append(instance)
        for placement in plan.placements:
            places = tuple(new.get(id_, id_) for id_ in placement.node_ids)
            self._start(replace(placement, node_ids=places))
        for instance in launched:
            self._wake_when_idle(instance)
        for _, pressure in plan.pressures:
            self._ledger.pressure(pressure, self._now)

    def _start(self, placement: Placement) -> None:
        job = self._waiting.take(placement.job)
        job.attempts_made += 1
        run = self._fleet.start(placement, job, self._now)
        self._ledger.started(run)
        limit = job.task.limit_seconds
        seconds = job.left_seconds if limit is None else min(job.left_seconds, limit)
        self._later(seconds, What.END, run)

    def _drain(self, drain: Drain) -> None:
        instance = self._fleet.instances[drain.instance_id]
        kill_at = None if drain.kill_at is None else self._fleet.seconds_to(drain.kill_at)
        self._fleet.drain(instance, kill_at)
        if kill_at is not None:
            self._later(kill_at - self._now, What.KILL, instance)
        self._is_news |= not instance.runs

    def _interrupt(self, interruption: Interruption) -> None:
        run = self._fleet.runs[interruption.attempt_id]
        kill_at = self._fleet.seconds_to(interruption.kill_at)
        self._fleet.interrupt(run, kill_at)
        self._later(kill_at - self._now, What.KILL, run)

    # Around

    def _all_arrivals(self, workload: Workload) -> Iterator[ImaginedJob]:
        numbers = itertools.count()
        for task in heapq.merge(
            workload.tasks, work_beside(self._scenario), key=lambda task: task.submitted
        ):
            queue_id = self._waiting.ids[task.queue]
            yield ImaginedJob(
                next(numbers), task, queue_id, task.run_seconds, is_counted=task.queue != QUEUE
            )

    def _why_unfinished(self) -> str:
        beside = self._waiting.ids[QUEUE]
        return next((wait.reason for wait in self._last_waits if wait.queue_id != beside), "")


def _queues(workload: Workload) -> list[tuple[QueueModel, tuple[int, ...]]]:
    """The work beside comes first: it is On-Demand, and what is simulated has to do with what it leaves."""
    highest = max((queue.priority for queue in workload.queues), default=0)
    beside = QueueModel(QUEUE, priority=highest + 1)
    return [*((queue, (MEASURED,)) for queue in workload.queues), (beside, (BESIDE,))]
