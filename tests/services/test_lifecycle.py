"""Random submits, cancels, interruptions, exits, losses and deaths, in any order: nothing stuck, nothing twice.

Workers are played one task at a time; any of them can die at any call to the engine, before or after it
took effect. Tasks can be lost and doubled, as when Redis is emptied or a hand-over repeated. At the end
everything that was left undone must come to its end by the sweep and the supervisor's look alone.
"""

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobs import queueing, tasks
from jobs.domain.exit_rules import as_rules
from jobs.domain.names import LABEL_ATTEMPT
from jobs.domain.reasons import TIMED_OUT
from jobs.domain.retry import AttemptEnd, should_retry
from jobs.domain.states import CANCELLABLE, PLACED, TERMINAL, JobStatus, is_allowed
from jobs.engines.base import ContainerPhase
from jobs.engines.fake import FakeEngine
from jobs.engines.fake.world import SHELL_IMAGE, forget_world
from jobs.models import Attempt, Checkpoint, Engine, Job, Node, Transition
from jobs.processes.scheduler import schedule_once
from jobs.selectors.queues import kept_counts
from jobs.selectors.waiting.groups import kept_groups, kept_sharing
from jobs.selectors.waiting.run_times import run_times
from jobs.services import checkpoints
from jobs.services.attempts import connections, launch, reap, stopping
from jobs.services.attempts.interruptions import interrupt_attempts
from jobs.services.passes.lease import Lease, Standby
from jobs.services.passes.sweep import sweep
from jobs.services.requests.stop import cancel_job, terminate_job
from jobs.services.requests.submit import submit_job
from tests.builders import a_definition, a_node, a_queue, a_user, an_engine, an_environment
from tests.services.playing import EPOCH

pytestmark = pytest.mark.django_db

COMMANDS = ["exit", "exit 3", "sleep 5", "sleep 100", "sleep", "oom", "nosuch"]
LIMIT_SECONDS = 60
RULES: list[list[dict[str, str]]] = [
    [],
    [{"onExitCode": "3", "action": "EXIT"}],
    [{"onStatusReason": "Host EC2*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}],
]
_worlds = itertools.count()


class Killed(BaseException):
    """The process dies here: nothing may catch it."""


class MortalEngine(FakeEngine):
    """Dies with its process at the call that was chosen, before or after the call took effect."""

    def __init__(self, url: str) -> None:
        super().__init__(url, installation="test")
        self.calls_left: int | None = None
        self.dies_after_effect = False
        self.starts: Counter[str] = Counter()

    def _mortal(self, call: Callable[[], Any]) -> Any:
        if self.calls_left is None:
            return call()
        self.calls_left -= 1
        if self.calls_left < 0 and not self.dies_after_effect:
            raise Killed
        result = call()
        if self.calls_left < 0:
            raise Killed
        return result

    def create(self, spec: Any) -> str:
        return str(self._mortal(lambda: FakeEngine.create(self, spec)))

    def start(self, container_id: str) -> None:
        def begin() -> None:
            name = self.world.get(container_id).spec.name
            FakeEngine.start(self, container_id)
            self.starts[name] += 1

        self._mortal(begin)

    def inspect(self, name_or_id: str) -> Any:
        return self._mortal(lambda: FakeEngine.inspect(self, name_or_id))

    def discard(self, container_id: str) -> None:
        self._mortal(lambda: FakeEngine.discard(self, container_id))

    def signal(self, container_id: str, name: str) -> bool:
        return bool(self._mortal(lambda: FakeEngine.signal(self, container_id, name)))

    def put_file(self, container_id: str, path: str, data: bytes) -> None:
        self._mortal(lambda: FakeEngine.put_file(self, container_id, path, data))

    def remove(self, container_id: str) -> None:
        self._mortal(lambda: FakeEngine.remove(self, container_id))


class Lifecycle(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        # Nothing of a run is left for the next one: the sweep would find that, and do other things than
        # when the same choices were made before.
        self.rows = transaction.atomic()
        self.rows.__enter__()
        for remembered in (run_times, kept_groups, kept_sharing, kept_counts):
            remembered.forget()
        self.patch = pytest.MonkeyPatch()
        self.queue: list[tuple[str, int]] = []
        self.patch.setattr(queueing, "_enqueue", self._enqueue)
        self.patch.setattr(transaction, "on_commit", lambda call, robust=False: call())
        self.patch.setattr(queueing, "is_idle", self._is_idle)
        url = f"fake://lifecycle-{next(_worlds)}"
        self.mortal = MortalEngine(url)
        self.world = self.mortal.world
        self.world.stop_clock()
        for module in (connections, launch, reap, stopping, checkpoints):
            self.patch.setattr(module, "connection_to", lambda engine: self.mortal)
        self._slices_last(1000)
        for module in (launch, reap):
            self.patch.setattr(module, "SECONDS", 1000)
        for module in (launch, tasks):
            self.patch.setattr(module.timezone, "now", self.now)
        self.patch.setattr(tasks, "close_old_connections", lambda: None)
        self.engine = an_engine(url=url)
        self.node = a_node(engine=self.engine, milli_vcpus=3000, memory_mib=2048)
        self.jobs_queue = a_queue(an_environment(engine=self.engine))
        self.definition = a_definition(image=SHELL_IMAGE)
        self.owner = a_user()
        self.jobs: list[Job] = []
        self.lease = self._lease()

    def teardown(self) -> None:
        try:
            self._everything_comes_to_its_end()
        finally:
            transaction.set_rollback(True)
            self.rows.__exit__(None, None, None)
            self.patch.undo()
            forget_world(self.engine.url.removeprefix("fake://"))

    def now(self) -> datetime:
        # Exactly as the engine's own times are read.
        return EPOCH + timedelta(microseconds=self.world.now_ns() // 1000)

    def _lease(self) -> Lease:
        standby = Standby(holder=f"test-{id(self)}")
        for monotonic in itertools.count(step=1000):
            lease = standby.try_acquire(monotonic=monotonic)
            if lease:
                return lease
        raise AssertionError

    def _enqueue(self, task: str, ids: list[int]) -> None:
        self.queue.extend((task, id_) for id_ in ids)

    def _is_idle(self, task: str) -> bool:
        return all(name != task for name, _ in self.queue)

    def _slices_last(self, seconds: float) -> None:
        """How long workers do one kind of step before they do the next for what they took along."""
        for module in (launch, reap):
            self.patch.setattr(module, "SLICE_SECONDS", seconds)

    def _run(self, task: str, *row_ids: int) -> None:
        getattr(tasks, task.rpartition(".")[2])(*row_ids)

    # --- What happens ---------------------------------------------------------------------

    @rule(
        command=st.sampled_from(COMMANDS),
        attempts=st.integers(1, 3),
        rules=st.sampled_from(RULES),
        limited=st.booleans(),
    )
    def submit(
        self, command: str, attempts: int, rules: list[dict[str, str]], limited: bool
    ) -> None:
        fields = {
            "name": "work",
            "queue": self.jobs_queue.name,
            "definition": self.definition.name,
            "command": command,
            "attempts": attempts,
            "evaluate_on_exit": rules,
            "timeout_seconds": LIMIT_SECONDS if limited else None,
        }
        self.jobs.append(submit_job(owner=self.owner, fields=fields, now=self.now()))

    @rule()
    def schedule(self) -> None:
        schedule_once(lease=self.lease, now=self.now())

    @precondition(lambda self: self.queue)
    @rule(
        data=st.data(),
        takes_along=st.integers(0, 3),
        calls_left=st.none() | st.integers(0, 6),
        dies_after_effect=st.booleans(),
        one_by_one=st.booleans(),
    )
    def work(
        self,
        data: st.DataObject,
        takes_along: int,
        calls_left: int | None,
        dies_after_effect: bool,
        one_by_one: bool,
    ) -> None:
        # Not by the machine's clock: the same choices must have the same consequences.
        self._slices_last(0 if one_by_one else 1000)
        task, row_id = self.queue.pop(data.draw(st.integers(0, len(self.queue) - 1)))
        along = [each for each in self.queue if each[0] == task][:takes_along]
        for each in along:
            self.queue.remove(each)
        self.mortal.calls_left = calls_left
        self.mortal.dies_after_effect = dies_after_effect
        try:
            self._run(task, row_id, *(id_ for _, id_ in along))
        except Killed:
            pass
        finally:
            self.mortal.calls_left = None

    @precondition(lambda self: self.queue)
    @rule(data=st.data(), doubled=st.booleans())
    def lose_or_double_a_task(self, data: st.DataObject, doubled: bool) -> None:
        at = data.draw(st.integers(0, len(self.queue) - 1))
        if doubled:
            self.queue.append(self.queue[at])
        else:
            self.queue.pop(at)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), terminate=st.booleans())
    def stop(self, data: st.DataObject, terminate: bool) -> None:
        job = Job.objects.get(id=data.draw(st.sampled_from(self.jobs)).id)
        (terminate_job if terminate else cancel_job)(job=job, reason="enough", now=self.now())

    @precondition(lambda self: Attempt.objects.filter(node=self.node, ended_at=None).exists())
    @rule(data=st.data(), seconds=st.sampled_from([0, 5, 120]))
    def an_interruption(self, data: st.DataObject, seconds: int) -> None:
        live = list(Attempt.objects.filter(node=self.node, ended_at=None).order_by("id"))
        told = data.draw(st.sampled_from(live))
        kill_at = self.now() + timedelta(seconds=seconds)
        interrupt_attempts(attempts=[told], reason="room", kill_at=kill_at, now=self.now())

    @rule(seconds=st.sampled_from([1, 10, 40, 200]))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds)

    @rule()
    def the_sweep(self) -> None:
        sweep(now=self.now())

    @rule()
    def the_supervisor_looks(self) -> None:
        self.world.settle()
        live = Attempt.objects.filter(ended_at__isnull=True, node=self.node).order_by("id")
        present = {int(one.labels[LABEL_ATTEMPT]): one for one in self.mortal.containers()}
        for attempt in live:
            container = present.get(attempt.id)
            if container is None:
                if attempt.container_id:
                    self.queue.append((queueing.REAP, attempt.id))
            elif container.phase is ContainerPhase.EXITED:
                self.queue.append((queueing.REAP, attempt.id))
            elif container.phase is ContainerPhase.RUNNING and attempt.started_at is None:
                self.queue.append((queueing.LAUNCH, attempt.id))

    @rule()
    def the_engine_restarts(self) -> None:
        before = self.now() - timedelta(seconds=1)
        self.world.restart()
        Engine.objects.filter(id=self.engine.id).update(gap_from=before, gap_until=self.now())

    @precondition(lambda self: self.world.containers)
    @rule(data=st.data())
    def a_container_is_lost(self, data: st.DataObject) -> None:
        # In the order in which they were made: their ids are others each time.
        self.world.lose(data.draw(st.sampled_from(list(self.world.containers))))

    # --- What always holds ----------------------------------------------------------------

    @invariant()
    def no_attempt_ran_twice(self) -> None:
        assert max(self.mortal.starts.values(), default=0) <= 1

    @invariant()
    def a_job_has_a_live_attempt_just_while_it_is_placed(self) -> None:
        for job in Job.objects.filter(queue=self.jobs_queue):
            live = job.attempts.filter(ended_at__isnull=True).count()
            assert live == (1 if job.status in PLACED else 0), job.status
            assert job.attempts.count() == job.attempts_made <= job.attempts_allowed

    @invariant()
    def the_node_is_never_overfilled(self) -> None:
        live = Attempt.objects.filter(node=self.node, ended_at__isnull=True)
        assert sum(attempt.milli_vcpus for attempt in live) <= 3000
        assert sum(attempt.memory_mib for attempt in live) <= 2048

    def _everything_comes_to_its_end(self) -> None:
        for job in self.jobs:
            fresh = Job.objects.get(id=job.id)
            # Some would run for ever; the rest must end by themselves.
            endless = fresh.command == ["sleep"] and not fresh.timeout_seconds
            if endless or fresh.status in CANCELLABLE:
                terminate_job(job=fresh, reason="the end", now=self.now())
        for _ in range(60):
            if not self._undone():
                break
            self.world.advance(50)
            self.schedule()
            self.the_supervisor_looks()
            self.the_sweep()
            waiting, self.queue = self.queue, []
            for task, row_id in waiting:
                self._run(task, row_id)
            self.no_attempt_ran_twice()
            self.the_node_is_never_overfilled()
        assert not self._undone()
        for job in Job.objects.filter(queue=self.jobs_queue):
            self._check_history(job)
            self._check_attempts(job)

    def _undone(self) -> bool:
        jobs = Job.objects.filter(queue=self.jobs_queue)
        return (
            jobs.exclude(status__in=TERMINAL).exists()
            or Attempt.objects.filter(node=self.node, removed_at__isnull=True).exists()
            or bool(self.world.containers)
            # Nobody wrote anything, so none is kept.
            or Checkpoint.objects.filter(job__queue=self.jobs_queue).exists()
        )

    @staticmethod
    def _check_history(job: Job) -> None:
        lines = list(Transition.objects.filter(job=job))
        assert lines[0].to_status == JobStatus.SUBMITTED
        for before, after in itertools.pairwise(lines):
            assert after.from_status == before.to_status
            assert is_allowed(JobStatus(after.from_status), JobStatus(after.to_status))
            assert after.at >= before.at
        assert lines[-1].to_status == job.status
        assert job.status_reason
        assert job.cost_usd == sum(attempt.cost_usd for attempt in job.attempts.all())

    @staticmethod
    def _check_attempts(job: Job) -> None:
        """Each attempt but the last was to be retried; a time-out is the end, and takes its time."""
        attempts = list(job.attempts.order_by("number"))
        rules = as_rules(job.evaluate_on_exit)
        for attempt in attempts:
            end = AttemptEnd(attempt.status_reason, attempt.reason, attempt.exit_code)
            is_last = attempt.number == job.attempts_made
            timed_out = attempt.status_reason == TIMED_OUT
            assert timed_out or attempt.timed_out_at is None
            if timed_out:
                assert is_last
                assert (job.status, job.status_reason) == (JobStatus.FAILED, TIMED_OUT)
                assert attempt.started_at
                assert attempt.stopped_at
                ran = attempt.stopped_at - attempt.started_at
                assert ran >= timedelta(seconds=LIMIT_SECONDS)
            elif not is_last:
                assert should_retry(end, attempts_made=0, attempts_allowed=1, rules=rules)
            elif job.status == JobStatus.FAILED and job.stop_requested_at is None:
                assert not should_retry(
                    end,
                    attempts_made=job.attempts_made,
                    attempts_allowed=job.attempts_allowed,
                    rules=rules,
                )
        if attempts and job.status == JobStatus.SUCCEEDED:
            assert attempts[-1].exit_code == 0


def test_every_job_comes_to_its_right_end_whatever_happens() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    assert Node.objects.count() == 0
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=40,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
