"""Random arrays and dependencies, stops, reruns, losses and deaths, in any order.

As `test_lifecycle`, but jobs are arrays too, and wait for each other in every way. The scheduler works in
tiny portions and may die before any of them. No job may go before what it waits for, no counter be wrong,
nothing stay where it is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from jobs.domain.errors import Conflict
from jobs.domain.ids import child_id
from jobs.domain.reasons import ARRAY_CHILD_FAILED, DEPENDENT_FAILED
from jobs.domain.states import CANCELLABLE, PLACED, TERMINAL, JobStatus
from jobs.models import ArraySummary, Attempt, Job, JobDependency, JobSpec, Transition
from jobs.processes.scheduler import schedule_once
from jobs.services.passes import accept, array_stop, counterparts, failing, marks, placement, settle
from jobs.services.passes.lease import Lease, fence
from jobs.services.requests.rerun import rerun_job
from jobs.services.requests.stop import cancel_job, terminate_job
from jobs.services.requests.submit import submit_job
from tests.services.test_lifecycle import LIMIT_SECONDS, Killed, Lifecycle

pytestmark = pytest.mark.django_db

COMMANDS = ["exit", "exit", "exit", "exit 3", "sleep 5", "sleep"]
SIZES = [None, None, 2, 3]
AT_MOST = 7
PORTION = 2
# Where no child ever was, of an array of which only some indices run again.
GONE = JobStatus.SUCCEEDED


def _waited_for(
    job: Job, waits_for: Mapping[UUID, list[tuple[UUID, str]]], sequential: bool
) -> Iterator[UUID]:
    for on_id, type_ in waits_for.get(job.parent_id or job.id, []):
        yield child_id(on_id, job.array_index or 0) if type_ else on_id
    if sequential and job.parent_id and job.array_index:
        yield child_id(job.parent_id, job.array_index - 1)


class ArrayLifecycle(Lifecycle):
    def __init__(self) -> None:
        super().__init__()
        self.portions_left: int | None = None
        for module in (accept, array_stop, counterparts, failing, settle):
            self.patch.setattr(module, "PORTION", PORTION)
        for owner in (accept, array_stop, failing, marks, placement, settle):
            self.patch.setattr(owner, "fence", self._fence)

    def _fence(self, lease: Lease) -> None:
        """The scheduler dies before a portion."""
        fence(lease)
        if self.portions_left is not None:
            self.portions_left -= 1
            if self.portions_left < 0:
                raise Killed

    # --- What happens ---------------------------------------------------------------------

    @precondition(lambda self: len(self.jobs) < AT_MOST)
    @rule(
        data=st.data(),
        command=st.sampled_from(COMMANDS),
        attempts=st.integers(1, 2),
        limited=st.booleans(),
        size=st.sampled_from(SIZES),
        sequential=st.booleans(),
    )
    def submit(
        self,
        data: st.DataObject,
        command: str,
        attempts: int,
        limited: bool,
        size: int | None,
        sequential: bool,
    ) -> None:
        waits_for = [{"type": "SEQUENTIAL"}] if size and sequential else []
        candidates = self._candidates(size)
        if candidates:
            waits_for += data.draw(st.lists(st.sampled_from(candidates), max_size=2))
        fields = {
            "name": "work",
            "queue": self.jobs_queue.name,
            "definition": self.definition.name,
            "command": command,
            "attempts": attempts,
            "timeout_seconds": LIMIT_SECONDS if limited else None,
            "array_size": size,
            "depends_on": waits_for,
        }
        self.jobs.append(submit_job(owner=self.owner, fields=fields, now=self.now()))

    def _candidates(self, size: int | None) -> list[dict[str, str]]:
        """What a job may wait for."""
        found: list[dict[str, str]] = []
        for job in self.jobs:
            found.append({"job_id": str(job.id)})
            if job.array_size:
                index = job.array_size - 1
                if job.rerun_of_id is None:
                    found.append({"job_id": f"{job.id}:{index}"})
                if job.array_size == size:
                    found.append({"job_id": str(job.id), "type": "N_TO_N"})
        return found

    @rule(portions_left=st.none() | st.integers(0, 6))
    def schedule(self, portions_left: int | None = None) -> None:
        self.portions_left = portions_left
        try:
            schedule_once(lease=self.lease, now=self.now())
        except Killed:
            pass
        finally:
            self.portions_left = None

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        """Workers that die are the other machine's."""
        self._run(*self.queue.pop(data.draw(st.integers(0, len(self.queue) - 1))))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), terminate=st.booleans(), whole=st.booleans())
    def stop(self, data: st.DataObject, terminate: bool, whole: bool) -> None:
        job = Job.objects.get(id=self._one_of(data).id)
        if job.array_size and not whole:
            index = data.draw(st.integers(0, job.array_size - 1))
            job = Job.objects.filter(id=child_id(job.id, index)).first() or job
        (terminate_job if terminate else cancel_job)(job=job, reason="enough", now=self.now())

    @precondition(lambda self: self._failed() and len(self.jobs) < AT_MOST)
    @rule(data=st.data())
    def rerun(self, data: st.DataObject) -> None:
        failed = self._failed()
        job = failed[data.draw(st.integers(0, len(failed) - 1))]
        try:
            self.jobs.append(rerun_job(owner=self.owner, job=job, now=self.now()))
        except Conflict:
            # What it waited for has failed, and was not run again.
            assert job.dependencies.filter(met=False).exists()

    def _one_of(self, data: st.DataObject) -> Job:
        return self.jobs[data.draw(st.integers(0, len(self.jobs) - 1))]

    def _failed(self) -> list[Job]:
        failed = Job.objects.filter(status=JobStatus.FAILED, id__in=[job.id for job in self.jobs])
        return list(failed.order_by("id"))

    # --- What always holds ----------------------------------------------------------------

    @invariant()
    def a_job_has_a_live_attempt_just_while_it_is_placed(self) -> None:
        """And all else that holds of jobs, which are read but once."""
        jobs = list(Job.objects.all())
        self._check_attempts_made(jobs)
        self._check_arrays(jobs)
        self._check_order(jobs)

    @staticmethod
    def _check_attempts_made(jobs: Sequence[Job]) -> None:
        live: Counter[UUID] = Counter()
        made: Counter[UUID] = Counter()
        for job_id, ended_at in Attempt.objects.values_list("job_id", "ended_at"):
            made[job_id] += 1
            live[job_id] += ended_at is None
        for job in jobs:
            assert live[job.id] == (1 if job.status in PLACED else 0), job.status
            assert made[job.id] == job.attempts_made <= job.attempts_allowed
            assert not (job.is_array and made[job.id])

    @staticmethod
    def _check_arrays(jobs: Sequence[Job]) -> None:
        """The counters are right, and an array ends after its children and never runs."""
        children: dict[UUID, Counter[str]] = defaultdict(Counter)
        for job in jobs:
            if job.parent_id:
                children[job.parent_id][job.status] += 1
        summaries = {summary.job_id: summary for summary in ArraySummary.objects.all()}
        for job in jobs:
            if job.is_array:
                summary = summaries[job.id]
                assert summary.counts() == {one: children[job.id][one] for one in JobStatus}
                assert job.status not in {*PLACED, JobStatus.RUNNABLE}
                if job.status in TERMINAL:
                    assert not summary.unfinished
                    assert (job.status == JobStatus.FAILED) == (summary.failed > 0)

    @staticmethod
    def _check_order(jobs: Sequence[Job]) -> None:
        """Nothing goes before what it waits for."""
        status = {job.id: job.status for job in jobs}
        waits_for: dict[UUID, list[tuple[UUID, str]]] = defaultdict(list)
        for job_id, on_id, type_ in JobDependency.objects.values_list("job_id", "on_id", "type"):
            waits_for[job_id].append((on_id, type_))
        sequential = set(JobSpec.objects.filter(sequential=True).values_list("id", flat=True))
        for job in jobs:
            if job.is_array or not (job.attempts_made or job.status == JobStatus.RUNNABLE):
                continue
            for on_id in _waited_for(job, waits_for, job.spec_id in sequential):
                assert status.get(on_id, GONE) == JobStatus.SUCCEEDED

    # --- The end --------------------------------------------------------------------------

    def _everything_comes_to_its_end(self) -> None:
        for number, job in enumerate(self.jobs):
            fresh = Job.objects.get(id=job.id)
            endless = fresh.command == ["sleep"] and not fresh.timeout_seconds
            # Some waiting ones are left to what they wait for.
            if endless or (fresh.status in CANCELLABLE and number % 2):
                terminate_job(job=fresh, reason="the end", now=self.now())
        for _ in range(200):
            if not self._undone():
                break
            self.world.advance(50)
            self.schedule()
            self.the_supervisor_looks()
            self.the_sweep()
            waiting, self.queue = self.queue, []
            for task, row_id in waiting:
                self._run(task, row_id)
            self.a_job_has_a_live_attempt_just_while_it_is_placed()
        assert not self._undone()
        self.schedule()
        assert not Job.objects.filter(needs_settling=True).exists()
        self.a_job_has_a_live_attempt_just_while_it_is_placed()
        for job in Job.objects.select_related("parent"):
            self._check_end(job)

    def _check_end(self, job: Job) -> None:
        lines = list(Transition.objects.filter(job=job))
        assert lines[0].to_status == ("PENDING" if job.parent_id else "SUBMITTED")
        if job.is_array:
            children = Job.objects.filter(parent=job)
            assert job.cost_usd == sum((one.cost_usd for one in children), Decimal(0))
            assert job.status_reason != ARRAY_CHILD_FAILED or not job.stop_requested_at
        elif job.parent_id is None:
            self._check_history(job)
        if job.status_reason.startswith(DEPENDENT_FAILED):
            assert job.status == JobStatus.FAILED
            assert not job.attempts_made
        if job.parent is None or job.parent.stop_requested_at is None:
            self._check_attempts(job)


def test_arrays_and_dependencies_come_to_their_right_end_whatever_happens() -> None:
    run_state_machine_as_test(
        ArrayLifecycle,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
