"""A server that has been in use: some of everything that a page can show, for tests that go over all pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import Group, User
from django.utils import timezone

from jobs.domain.names import checkpoint_volume
from jobs.domain.states import JobStatus
from jobs.engines.fake.files import FakeFile
from jobs.engines.fake.world import world
from jobs.models import (
    AccessKey,
    AccessPolicy,
    AccessToken,
    Alarm,
    AlarmChange,
    AlarmMetric,
    AlarmState,
    ArraySummary,
    Attempt,
    Budget,
    BulkAction,
    BulkKind,
    BulkResult,
    Checkpoint,
    ComputeEnvironment,
    ConsumableResource,
    EventRule,
    Instance,
    InstanceType,
    Job,
    JobDefinition,
    JobDependency,
    JobQueue,
    Node,
    RegistryLogin,
    SavedView,
    SchedulingPolicy,
    Secret,
    Transition,
    UsageSample,
    WaitReason,
)
from jobs.services.access.access_keys import create_access_key
from jobs.services.access.secrets import create_secret
from jobs.services.access.tokens import create_token

from .builders import (
    a_budget,
    a_consumable,
    a_definition,
    a_group,
    a_hold,
    a_job,
    a_node,
    a_policy,
    a_queue,
    a_registry_login,
    an_access_policy,
    an_array,
    an_attempt,
    an_engine,
    an_environment,
    an_instance,
    containers_of,
)
from .joblogs.writing import Writer, frame
from .right_sizing.runs import a_run, looked_at
from .services.instances_at_hand import a_managed
from .world_numbers import a_rule_that_sends, a_trail, costs_of, metrics_of

LOG = (b"loading\n", b"\x1b[31mwarning\x1b[0m: \x1b[1;32mthe disk\x1b[0m fills\n", b"done\n")


@dataclass(frozen=True, slots=True)
class World:
    """What pages are about; each is one of several."""

    user: User
    token: AccessToken
    key: AccessKey
    secret: Secret
    login: RegistryLogin
    access_policy: AccessPolicy
    policy: SchedulingPolicy
    resource: ConsumableResource
    budget: Budget
    alarm: Alarm
    event_rule: EventRule
    view: SavedView
    environment: ComputeEnvironment
    managed: ComputeEnvironment
    instance: Instance
    node: Node
    instance_type: InstanceType
    queue: JobQueue
    fair_queue: JobQueue
    definition: JobDefinition
    running: Job
    waiting: Job
    failed: Job
    pending: Job
    array: Job
    group: Job
    checkpoint: Checkpoint
    bulk: BulkAction
    measured: Attempt


@dataclass(frozen=True, slots=True)
class _Places:
    environment: ComputeEnvironment
    managed: ComputeEnvironment
    instance: Instance
    node: Node
    instance_type: InstanceType
    queue: JobQueue
    fair_queue: JobQueue
    policy: SchedulingPolicy


def build_world(user: User) -> World:
    """Writes it all; `user` owns what has an owner, and is to be an administrator."""
    now = timezone.now()
    places = _places(now)
    definition = a_definition(name="render", parameters={"frames": "24"}, tags={"team": "blue"})
    a_definition(name="render", revision=2, command=["render", "Ref::frames"])
    running, waiting, failed, pending = _jobs(user, places, definition, now)
    array = an_array(12, name="tiles", owner=user, queue=places.queue, definition=definition)
    _array_under_way(array)
    group = a_job(
        name="serve",
        status=JobStatus.RUNNING,
        attempts_made=1,
        owner=user,
        queue=places.queue,
        ecs_properties=containers_of({"name": "warm-up"}, {"name": "server"}),
    )
    a_group(job=group)
    resource = a_consumable(name="licences", total_quantity=3)
    a_hold(job=running, resource=resource)
    measured = a_run(
        definition,
        [(100 + 10 * at, 100) for at in range(12)],
        ended_at=now - timedelta(hours=2),
        job={"owner": user, "queue": places.queue, "name": "earlier"},
    )
    looked_at(definition, now=now)
    costs_of(user, places.environment, places.queue, definition, now)
    metrics_of(places.environment, places.queue, now)
    a_trail(user, now)
    token, _ = create_token(user=user, name="nightly script", now=now)
    key, _ = create_access_key(user=user, name="laptop", now=now)
    return World(
        user=user,
        token=token,
        key=key,
        secret=create_secret(
            owner=user, fields={"name": "db/password", "value": "hidden"}, now=now
        ),
        login=_a_login(user, now),
        policy=places.policy,
        resource=resource,
        budget=a_budget(name="monthly", queue=places.queue, usd_per_month=20),
        alarm=_an_alarm(places.queue, now),
        event_rule=a_rule_that_sends(user, failed, now),
        view=SavedView.objects.create(
            owner=user, name="Failed today", query="status=FAILED", created_at=now
        ),
        environment=places.environment,
        managed=places.managed,
        instance=places.instance,
        node=places.node,
        instance_type=places.instance_type,
        queue=places.queue,
        fair_queue=places.fair_queue,
        definition=definition,
        running=running,
        waiting=waiting,
        failed=failed,
        pending=pending,
        array=array,
        group=group,
        checkpoint=_a_checkpoint(failed, places.environment, now),
        bulk=_a_bulk_action(user, [running, failed], now),
        measured=measured,
        access_policy=_an_access_policy(user),
    )


def _an_access_policy(user: User) -> AccessPolicy:
    """One with each part of a statement, attached to a user and to a group."""
    group = Group.objects.create(name="students")
    return an_access_policy(
        {
            "Sid": "NoPrivilegedContainers",
            "Effect": "Deny",
            "Action": ["batch:SubmitJob", "batch:RegisterJobDefinition"],
            "Resource": "*",
            "Condition": {"Bool": {"batch:Privileged": "true"}},
        },
        name="students",
        description="What students may not do.",
        users=[user],
        groups=[group],
    )


def _a_login(user: User, now: datetime) -> RegistryLogin:
    """A login that the registry accepted, and one of somebody else that it did not."""
    a_registry_login(
        prefix="localhost:5000", checked_at=now, accepted=False, answer="The registry refuses it."
    )
    return a_registry_login(
        owner=user,
        prefix="registry.example.com/team",
        shared=True,
        checked_at=now,
        accepted=True,
        answer="The registry accepts it.",
    )


def _places(now: datetime) -> _Places:
    engine = an_engine(name="local", url=f"fake://{uuid4().hex}")
    node = a_node(engine=engine, name="machine-1", milli_vcpus=8000, memory_mib=16384)
    environment = an_environment(name="local", engine=engine)
    managed = a_managed(kind="SPOT", engine=engine)
    instance_type = InstanceType.objects.get(name="rack.large")
    instance = an_instance(environment=managed, node=node, launched_at=now, is_spot=True)
    policy = a_policy(name="teams", shares={"blue": 0.5, "red": 2})
    return _Places(
        environment=environment,
        managed=managed,
        instance=instance,
        node=node,
        instance_type=instance_type,
        queue=a_queue(environment, managed, name="nightly"),
        fair_queue=a_queue(environment, name="research", scheduling_policy=policy),
        policy=policy,
    )


def _jobs(
    user: User, places: _Places, definition: JobDefinition, now: datetime
) -> tuple[Job, Job, Job, Job]:
    """A job that runs, one that waits for room, one that failed twice, one that waits for the first."""
    common = {"owner": user, "queue": places.queue, "definition": definition}
    running = a_job(
        name="render-scene",
        status=JobStatus.RUNNING,
        attempts_made=1,
        tags={"team": "blue"},
        created_at=now - timedelta(minutes=9),
        **common,
    )
    started_at = now - timedelta(minutes=5)
    attempt = an_attempt(job=running, started_at=started_at)
    for status in (JobStatus.RUNNABLE, JobStatus.STARTING, JobStatus.RUNNING):
        Transition.objects.create(job=running, to_status=status, at=started_at)
    UsageSample.objects.bulk_create(
        UsageSample(
            attempt=attempt,
            at=started_at + timedelta(seconds=5 * at),
            milli_vcpus=400 + 20 * at,
            memory_mib=200 + at,
        )
        for at in range(20)
    )
    Writer(attempt).write([frame(line) for line in LOG])
    waiting = a_job(name="merge", status=JobStatus.RUNNABLE, **common)
    for code in ("NO_ROOM", "BEHIND_OTHERS"):
        WaitReason.objects.create(job=waiting, code=code, reason="Too few vCPUs free.", since=now)
    a_job(
        name="analyse",
        status=JobStatus.RUNNABLE,
        share_identifier="blue",
        **{**common, "queue": places.fair_queue},
    )
    pending = a_job(name="publish", status=JobStatus.PENDING, **common)
    JobDependency.objects.create(job=pending, on=running)
    return running, waiting, _a_failed_job(common, now), pending


def _a_failed_job(common: Mapping[str, Any], now: datetime) -> Job:
    failed = a_job(
        name="simulate",
        status=JobStatus.FAILED,
        status_reason="Essential container in task exited",
        attempts_made=2,
        attempts_allowed=2,
        stopped_at=now,
        **common,
    )
    for number in (1, 2):
        attempt = an_attempt(
            job=failed,
            number=number,
            started_at=now - timedelta(minutes=2),
            stopped_at=now,
            ended_at=now,
            exit_code=3,
            reason="Error",
            explanation="The command ended with exit code 3.",
            cost_usd=Decimal("0.001"),
        )
    Transition.objects.create(
        job=failed, from_status=JobStatus.RUNNING, to_status=JobStatus.FAILED, at=now
    )
    Writer(attempt).write([frame(line) for line in LOG])
    return failed


def _array_under_way(array: Job) -> None:
    children = array.children.order_by("array_index")
    states = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.RUNNING)
    for index, status in enumerate(states):
        ended_at = None if status == JobStatus.RUNNING else array.created_at
        children.filter(array_index=index).update(status=status, stopped_at=ended_at)
    ArraySummary.objects.filter(job=array).update(runnable=9, succeeded=1, failed=1, running=1)


def _an_alarm(queue: JobQueue, now: datetime) -> Alarm:
    alarm = Alarm.objects.create(
        name="too-many-wait",
        metric=AlarmMetric.WAITING_JOBS,
        queue=queue,
        comparison="GREATER_THAN",
        threshold=100,
        created_at=now,
        state=AlarmState.ALARM,
        state_reason="120 jobs waited.",
        state_since=now,
    )
    AlarmChange.objects.create(
        alarm=alarm,
        from_state=AlarmState.OK,
        to_state=AlarmState.ALARM,
        reason="120 jobs waited.",
        at=now,
    )
    return alarm


def _a_checkpoint(job: Job, environment: ComputeEnvironment, now: datetime) -> Checkpoint:
    """Its files are those of a fake engine of this process."""
    engine, volume = environment.engine, checkpoint_volume(job.pk)
    files = world(engine.url.removeprefix("fake://")).belongings.files
    files._files[volume] = {"checkpoint": FakeFile()}
    files.write(volume, "checkpoint/step", FakeFile(b"12345", modified_at=1_700_000_000))
    return Checkpoint.objects.create(
        job=job,
        engine=engine,
        volume=volume,
        created_at=now,
        measured_at=now,
        size_bytes=2048,
        file_count=3,
    )


def _a_bulk_action(user: User, jobs: list[Job], now: datetime) -> BulkAction:
    SavedView.objects.create(owner=user, name="Failures", query="status=FAILED", created_at=now)
    action = BulkAction.objects.create(
        kind=BulkKind.CANCEL,
        owner=user,
        total=len(jobs),
        job_ids=[str(job.pk) for job in jobs],
        done=2,
        changed=1,
        refused=0,
        untouched=[
            {"job": str(jobs[1].pk), "name": "simulate", "status": "FAILED", "why": "It has ended."}
        ],
        created_at=now,
        updated_at=now,
        finished_at=now,
    )
    BulkResult.objects.create(action=action, position=0, job=jobs[0].pk, outcome="CHANGED")
    BulkResult.objects.create(
        action=action, position=1, job=jobs[1].pk, outcome="UNTOUCHED", why="It has ended."
    )
    return action
