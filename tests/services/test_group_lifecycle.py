"""Random ends, stops, losses and deaths of jobs of several containers and nodes, in any order.

As `test_lifecycle`, but every try has several rows: whatever dies, all of them come to their end, in the
right order, and the job to the one that its main node decides.
"""

from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from jobs import queueing
from jobs.domain import names
from jobs.domain.reasons import is_host_loss
from jobs.domain.states import CANCELLABLE, PLACED, TERMINAL, JobStatus
from jobs.models import Attempt, Job
from jobs.selectors.plans import plan_of_job
from jobs.services.attempts.belongings import remove_left_over
from jobs.services.requests.stop import terminate_job
from jobs.services.writing.transition import transition
from tests.builders import a_group, a_job, containers_of, nodes_of
from tests.services.test_lifecycle import LIMIT_SECONDS, RULES, Lifecycle

pytestmark = pytest.mark.django_db

COMMANDS = ["exit", "exit 3", "sleep 5", "sleep 100", "sleep", "oom", "nosuch"]
AT_MOST = 5
# Rounds of 50 s until all that ends by itself has, retries included.
PATIENCE = 30
MOUNTED = {"mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}]}


def after(name: str, condition: str) -> dict[str, Any]:
    return {"dependsOn": [{"containerName": name, "condition": condition}]}


def shapes(commands: list[str], condition: str) -> list[dict[str, Any]]:
    """The kinds of jobs, each with three commands."""
    first, second, third = ({"command": command.split()} for command in commands)
    task = containers_of(
        {"name": "init", "essential": False, **first, **MOUNTED},
        {"name": "app", **second, **after("init", condition), **MOUNTED},
        {"name": "side", "essential": False, **third, **after("app", "START")},
        volumes=[{"name": "work"}],
    )
    pair = containers_of({"name": "a", **first}, {"name": "b", **second})
    return [
        {"ecs_properties": task},
        {"ecs_properties": pair},
        {"node_properties": nodes_of(3, container=first), "node_count": 3},
        {"node_properties": nodes_of(2, main=1, ecsProperties=pair), "node_count": 2},
    ]


class GroupLifecycle(Lifecycle):
    @precondition(lambda self: len(self.jobs) < AT_MOST)
    @rule(
        data=st.data(),
        commands=st.lists(st.sampled_from(COMMANDS), min_size=3, max_size=3),
        condition=st.sampled_from(["START", "COMPLETE", "SUCCESS"]),
        attempts=st.integers(1, 3),
        rules=st.sampled_from(RULES),
        limited=st.booleans(),
    )
    def submit(
        self,
        data: st.DataObject,
        commands: list[str],
        condition: str,
        attempts: int,
        rules: list[dict[str, str]],
        limited: bool,
    ) -> None:
        job = a_job(
            queue=self.jobs_queue,
            owner=self.owner,
            attempts_allowed=attempts,
            evaluate_on_exit=rules,
            timeout_seconds=LIMIT_SECONDS if limited else None,
            **data.draw(st.sampled_from(shapes(commands, condition))),
        )
        self.jobs.append(job)

    @rule()
    def schedule(self) -> None:
        now = self.now()
        # In the order in which they were made: the same choices must have the same consequences.
        for job in self._those(JobStatus.SUBMITTED):
            transition(job_ids=[job.id], old=JobStatus.SUBMITTED, new=JobStatus.RUNNABLE, now=now)
        for job in self._those(JobStatus.RUNNABLE):
            number = job.attempts_made + 1
            transition(
                job_ids=[job.id],
                old=JobStatus.RUNNABLE,
                new=JobStatus.STARTING,
                now=now,
                attempt_number=number,
                attempts_made=number,
            )
            job.refresh_from_db()
            rows = a_group(job=job)
            Attempt.objects.filter(id__in=[row.id for row in rows]).update(placed_at=now)
            self._enqueue(queueing.LAUNCH, [row.id for row in rows if not row.waits_for_others])

    def _those(self, status: JobStatus) -> list[Job]:
        now = Job.objects.in_bulk([job.id for job in self.jobs])
        return [now[job.id] for job in self.jobs if now[job.id].status == status]

    @invariant()
    def a_job_has_a_live_attempt_just_while_it_is_placed(self) -> None:
        for job in Job.objects.filter(queue=self.jobs_queue):
            live = list(job.attempts.filter(ended_at__isnull=True))
            assert bool(live) == (job.status in PLACED), job.status
            assert {row.number for row in live} <= {job.attempts_made}
            numbers = set(job.attempts.values_list("number", flat=True))
            assert numbers == set(range(1, job.attempts_made + 1))
            assert job.attempts_made <= job.attempts_allowed

    @invariant()
    def nobody_starts_before_his_time(self) -> None:
        for row in Attempt.objects.filter(node=self.node, waits_for_others=True):
            assert row.started_at is None
            assert not row.container_id

    def _everything_comes_to_its_end(self) -> None:
        for round_number in range(80):
            if not self._undone():
                break
            self.world.advance(50)
            self._stop_what_would_run_for_ever(round_number)
            self.the_supervisor_looks()
            self.the_sweep()
            waiting, self.queue = self.queue, []
            for task, row_id in waiting:
                self._run(task, row_id)
            self.no_attempt_ran_twice()
        assert not self._undone()
        remove_left_over(engine=self.mortal)
        self._check_nothing_is_left()
        for job in Job.objects.filter(queue=self.jobs_queue):
            self._check_history(job)
            self._check_tries(job)

    def _stop_what_would_run_for_ever(self, round_number: int) -> None:
        """Jobs that no try is made of any more; later, those whose main node has not come to its end.

        Where it has, the rest must end by itself.
        """
        for job in Job.objects.filter(queue=self.jobs_queue).exclude(status__in=TERMINAL):
            if job.status in CANCELLABLE or (round_number == PATIENCE and not _main_has_ended(job)):
                terminate_job(job=job, reason="the end", now=self.now())

    def _undone(self) -> bool:
        jobs = Job.objects.filter(queue=self.jobs_queue)
        return (
            jobs.exclude(status__in=TERMINAL).exists()
            or Attempt.objects.filter(node=self.node, removed_at__isnull=True).exists()
            or bool(self.world.containers)
        )

    def _check_nothing_is_left(self) -> None:
        here = self.world.belongings
        for belongings in (here.pods, here.volumes, here.networks):
            assert not [name for name in belongings if names.try_of(name)]

    @staticmethod
    def _check_tries(job: Job) -> None:
        plan = plan_of_job(job)
        rows = sorted(job.attempts.all(), key=lambda row: row.number)
        for number, group in groupby(rows, key=lambda row: row.number):
            attempts = list(group)
            assert len(attempts) == sum(len(node.containers) for node in plan.nodes)
            main = [row for row in attempts if row.node_index == plan.main_node]
            starts = [row.started_at for row in attempts if row.started_at]
            if starts:
                assert min(starts) == min(row.started_at for row in main if row.started_at)
            succeeded = any(
                row.essential and row.exit_code == 0 and not row.was_stopped for row in main
            )
            last = number == job.attempts_made
            if last and job.status == JobStatus.SUCCEEDED:
                assert succeeded
            if last and _went_well(attempts, main):
                assert job.status == JobStatus.SUCCEEDED
            for row in attempts:
                if row.timed_out_at and row.started_at and row.stopped_at:
                    assert last
                    limit = timedelta(seconds=LIMIT_SECONDS)
                    assert row.stopped_at - min(starts) >= limit


def _main_has_ended(job: Job) -> bool:
    main = plan_of_job(job).main_node
    of_main = job.attempts.filter(number=job.attempts_made, node_index=main, essential=True)
    return of_main.filter(ended_at__isnull=False).exists()


def _went_well(attempts: list[Attempt], main: list[Attempt]) -> bool:
    """Whether an essential container of the main node ended well, and nothing else but signals ended others."""
    if any(is_host_loss(row.status_reason) for row in attempts):
        return False
    if any(row.essential and row.started_at is None for row in attempts):
        return False
    ends = [
        row.exit_code == 0 or (row.stop_signalled_at is not None and not row.oom_killed)
        for row in main
        if row.essential
    ]
    return all(ends) and any(row.exit_code == 0 for row in main if row.essential)


def test_every_try_of_several_containers_comes_to_its_right_end_whatever_happens() -> None:
    run_state_machine_as_test(
        GroupLifecycle,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
