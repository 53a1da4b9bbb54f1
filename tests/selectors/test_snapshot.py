"""What a scheduling pass is given to see, and at what cost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from jobs.domain.resources import Resources
from jobs.models import ConsumableType, EngineStatus, EnvironmentStatus, Job, JobStatus, ShareUsage
from jobs.scheduling.order import in_order
from jobs.scheduling.scouts import Scouts
from jobs.selectors.jobs import RunSeconds, run_seconds
from jobs.selectors.passes import fronts
from jobs.selectors.passes.fronts import SEVERAL, SHARES_WITH_SEVERAL
from jobs.selectors.passes.snapshot import load_snapshot
from jobs.selectors.waiting.run_times import REFRESH_SECONDS, run_times
from tests.builders import (
    NOW,
    a_consumable,
    a_definition,
    a_job,
    a_node,
    a_policy,
    a_queue,
    an_array,
    an_attempt,
    an_engine,
    an_environment,
    nodes_of,
)

pytestmark = pytest.mark.django_db


def runnable(**fields: object) -> Job:
    return a_job(status=JobStatus.RUNNABLE, **fields)


def test_an_installation_without_waiting_jobs_costs_four_queries_and_a_look_at_what_ended(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    a_job(status=JobStatus.RUNNING)
    with django_assert_num_queries(5):
        assert load_snapshot(front=10).queues == ()
    with django_assert_num_queries(4):
        load_snapshot(front=10)


def test_all_fronts_are_read_by_one_statement(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    environment, definition = an_environment(), a_definition()
    queues = [a_queue(environment) for _ in range(12)]
    jobs = [runnable(queue=queue, definition=definition) for queue in queues for _ in range(4)]
    run_times.refresh()
    with django_assert_max_num_queries(7):
        snapshot = load_snapshot(front=3)
    assert len(snapshot.jobs) == 36
    assert {job.id for job in snapshot.jobs} < {job.id for job in jobs}
    assert all(queue.has_more for queue in snapshot.queues)
    assert not any(queue.has_more for queue in load_snapshot(front=4).queues)


def test_where_many_queues_have_jobs_less_is_taken_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fronts, "JOBS_PER_PASS", 8)
    monkeypatch.setattr(fronts, "LEAST_OF_A_QUEUE", 2)
    definition, policy = a_definition(), a_policy()
    queues = [a_queue(), a_queue(), a_queue(scheduling_policy=policy)]

    def sizes() -> list[int]:
        taken = [job.queue_id for job in load_snapshot(front=5, now=NOW).jobs]
        return [taken.count(queue.id) for queue in queues]

    for _ in range(6):
        runnable(queue=queues[0], definition=definition)
    a_queue()
    assert sizes() == [5, 0, 0]
    for _ in range(6):
        runnable(queue=queues[1], definition=definition)
    assert sizes() == [4, 4, 0]
    runnable(queue=queues[2], definition=definition, share_identifier="red")
    assert sizes() == [2, 2, 1]
    assert [queue.has_more for queue in load_snapshot(front=5).queues] == [True, True, False, False]


def test_only_the_queues_that_are_asked_for_are_read() -> None:
    first, second = runnable(), runnable()
    snapshot = load_snapshot(front=5, only={second.queue_id})
    assert [job.id for job in snapshot.jobs] == [second.id]
    assert [queue.id for queue in snapshot.queues] == [second.queue_id]
    assert first.id not in {job.id for job in snapshot.jobs}


def test_a_job_is_seen_with_all_that_decides_about_it() -> None:
    job = runnable(
        milli_vcpus=2500,
        memory_mib=777,
        gpus=1,
        timeout_seconds=90,
        attempts_made=2,
        attempts_allowed=3,
        share_identifier="red",
        scheduling_priority=7,
        name="work",
    )
    (view,) = load_snapshot(front=5).jobs
    assert (view.id, view.queue_id, view.name) == (job.id, job.queue_id, "work")
    assert view.owner_id == job.owner_id
    assert view.needs == Resources(2500, 777, 1)
    assert (view.limit_seconds, view.attempts_made) == (90, 2)
    assert (view.share_identifier, view.scheduling_priority) == ("red", 7)
    assert (view.gang, view.consumables, view.estimate_seconds) == ((), (), None)


def test_a_multi_node_job_is_seen_with_the_needs_of_each_node() -> None:
    runnable(node_properties=nodes_of(3), node_count=3, milli_vcpus=100, memory_mib=64)
    (view,) = load_snapshot(front=5).jobs
    assert view.gang == (Resources(100, 64),) * 3
    assert view.milli_vcpus == 300


def test_children_of_an_array_have_the_consumables_of_their_array() -> None:
    a_consumable(name="licence", total_quantity=5, in_use_quantity=2)
    a_consumable(name="token", total_quantity=1, type=ConsumableType.NON_REPLENISHABLE)
    a_consumable(name="nobody wants it")
    needs = [
        {"consumableResource": "licence", "quantity": 2},
        {"consumableResource": "token", "quantity": 1},
    ]
    an_array(3, consumables=needs, has_consumables=True)
    snapshot = load_snapshot(front=5)
    assert [job.consumables for job in snapshot.jobs] == [(("licence", 2), ("token", 1))] * 3
    assert [(view.name, view.free, view.replenishable) for view in snapshot.consumables] == [
        ("licence", 3, True),
        ("token", 1, False),
    ]


def test_what_runs_is_seen_with_its_room_and_its_limit() -> None:
    node = a_node(gpus=2)
    queue = a_queue(an_environment(engine=node.engine))
    job = a_job(
        queue=queue, status=JobStatus.RUNNING, attempts_made=1, timeout_seconds=100,
        share_identifier="red",
    )  # fmt: skip
    an_attempt(job=job, started_at=NOW, gpus=[0], milli_vcpus=1500)
    an_attempt(job=job, container_index=1, milli_vcpus=250, memory_mib=100)
    an_attempt(job=a_job(queue=queue), number=1, ended_at=NOW)
    runnable(queue=queue)
    snapshot = load_snapshot(front=5)
    first, second = snapshot.running
    assert (first.queue_id, first.share_identifier) == (queue.id, "red")
    assert (first.holds, first.started_at, first.limit_seconds) == (
        Resources(1500, 512, 1),
        NOW,
        100,
    )
    assert (second.holds, second.started_at) == (Resources(250, 100), None)
    assert snapshot.nodes[0].used == Resources(1750, 612, 1)
    assert snapshot.nodes[0].capacity == Resources(4000, 8192, 2)
    assert snapshot.environments[0].used_milli_vcpus == 1750


def test_an_environment_that_cannot_be_used_says_why() -> None:
    silent = an_engine(status=EngineStatus.UNREACHABLE, name="far")
    told = an_engine(status=EngineStatus.UNREACHABLE, status_reason="Connection refused")
    for engine in (silent, told):
        an_environment(engine=engine)
    for status_reason in ("", "Its engine is gone."):
        an_environment(status=EnvironmentStatus.INVALID, status_reason=status_reason)
    snapshot = load_snapshot(front=5, even_if_idle=True)
    assert [environment.invalid_reason for environment in snapshot.environments] == [
        "The supervisor has not reached the engine far yet.",
        "Connection refused",
        "It cannot be used.",
        "Its engine is gone.",
    ]


# Earlier runs


def ended(seconds: float, ago: float, **fields: object) -> None:
    stopped_at = NOW - timedelta(seconds=ago)
    a_job(
        status=JobStatus.SUCCEEDED,
        started_at=stopped_at - timedelta(seconds=seconds),
        stopped_at=stopped_at,
        **fields,
    )


def test_earlier_runs_of_a_definition_tell_how_long_a_job_will_take() -> None:
    definition = a_definition()
    for number in range(10):
        ended(10.0 * (number + 1), ago=number, definition=definition)
    ended(9999.0, ago=1)
    runnable(definition=definition)
    assert load_snapshot(front=5).jobs[0].estimate_seconds == 100.0


def test_two_runs_tell_nothing_and_failed_ones_neither() -> None:
    definition = a_definition()
    for number in range(2):
        ended(10.0, ago=number, definition=definition)
    for _ in range(5):
        a_job(definition=definition, status=JobStatus.FAILED, started_at=NOW)
    runnable(definition=definition)
    assert load_snapshot(front=5).jobs[0].estimate_seconds is None


def test_an_array_itself_is_no_run_but_each_of_its_children_is() -> None:
    definition = a_definition()
    array = an_array(3, children=JobStatus.SUCCEEDED, definition=definition, started_at=NOW)
    Job.objects.filter(id=array.id).update(stopped_at=NOW + timedelta(days=9))
    array.children.update(stopped_at=NOW + timedelta(seconds=20))
    run_times.refresh()
    assert run_times.expected(definition.id) == 20.0
    assert run_seconds(definition) == RunSeconds(20.0, 20.0, 20.0)


def test_the_median_run_is_of_all_newest_revisions() -> None:
    first = a_definition(name="same")
    second = a_definition(name="same", revision=2)
    for seconds, definition in ((10.0, first), (30.0, second), (20.0, first)):
        ended(seconds, ago=0, definition=definition)
    assert run_seconds(second) == RunSeconds(20.0, 30.0, 30.0)
    assert run_seconds(a_definition()) is None


def test_ends_are_looked_at_every_now_and_then_and_each_once() -> None:
    definition = a_definition()
    for number in range(3):
        ended(10.0, ago=100 + number, definition=definition)
    run_times.refresh(monotonic=1000.0)
    for number in range(4):
        ended(50.0, ago=number, definition=definition)
    run_times.refresh(monotonic=1000.0 + REFRESH_SECONDS - 1)
    assert run_times.expected(definition.id) == 10.0
    run_times.refresh(monotonic=1000.0 + REFRESH_SECONDS)
    assert run_times.expected(definition.id) == 50.0
    assert run_times.expected(definition.id, longer_than=10.0) == 50.0


def test_of_a_run_that_outlived_most_those_tell_that_went_on_for_longer() -> None:
    definition = a_definition()
    for number, seconds in enumerate([5.0] * 18 + [60.0, 90.0]):
        ended(seconds, ago=number, definition=definition)
    run_times.refresh()
    expected = [run_times.expected(definition.id, longer_than=s) for s in (0.0, 5.0, 60.0, 90.0)]
    assert expected == [60.0, 90.0, 90.0, None]


@pytest.mark.parametrize(
    ("seconds_ago", "outlived_seconds"), [(1, None), (59, None), (61, 90.0), (91, None)]
)
def test_what_runs_longer_than_usual_is_seen_with_what_to_expect_of_it_now(
    seconds_ago: int, outlived_seconds: float | None
) -> None:
    definition = a_definition()
    for number, seconds in enumerate([5.0] * 18 + [60.0, 90.0]):
        ended(seconds, ago=number, definition=definition)
    running = a_job(definition=definition, status=JobStatus.RUNNING, attempts_made=1)
    an_attempt(job=running, started_at=NOW - timedelta(seconds=seconds_ago))
    (run,) = load_snapshot(front=5, even_if_idle=True, now=NOW).running
    assert (run.estimate_seconds, run.outlived_seconds) == (60.0, outlived_seconds)


# Fair share


def fair_queue(**policy: object) -> Callable[..., Job]:
    queue = a_queue(scheduling_policy=a_policy(**policy))
    definition = a_definition()
    owner = runnable(queue=a_queue(), definition=definition).owner

    def job_of(share: str, **fields: object) -> Job:
        return runnable(
            queue=queue, definition=definition, owner=owner, share_identifier=share, **fields
        )

    return job_of


def test_a_fair_share_queue_is_seen_with_its_policy_and_the_use_of_the_shares_that_wait() -> None:
    job_of = fair_queue(share_decay_seconds=77, compute_reservation=20, shares={"red*": 0.5})
    queue = job_of("red1").queue
    for share in ("red1", "gone"):
        ShareUsage.objects.create(
            queue=queue, share_identifier=share, milli_vcpu_seconds=5.0, as_of=NOW
        )
    policy = next(view.fair_share for view in load_snapshot(front=5).queues if view.id == queue.id)
    assert policy is not None
    assert (policy.decay_seconds, policy.compute_reservation) == (77, 20)
    assert policy.weights == (("red*", 0.5),)
    assert [(row.share_identifier, row.milli_vcpu_seconds) for row in policy.usage] == [
        ("red1", 5.0)
    ]
    assert policy.waiting == {"red1"}
    assert not policy.partial


def test_of_a_share_the_jobs_with_the_highest_priority_are_read() -> None:
    job_of = fair_queue()
    low = [job_of("red", scheduling_priority=1) for _ in range(2)]
    high = [job_of("red", scheduling_priority=5) for _ in range(2)]
    snapshot = load_snapshot(front=4, only={low[0].queue_id})
    assert [job.id for job in in_order(snapshot, NOW)] == [
        *(job.id for job in high),
        *(job.id for job in low),
    ]
    # Several of a share are read even of a smaller front, and there are no more.
    assert not snapshot.queues[0].has_more
    for _ in range(SEVERAL - 4 + 1):
        job_of("red")
    policy = load_snapshot(front=4, only={low[0].queue_id}).queues[0].fair_share
    assert policy is not None
    assert policy.partial == {"red"}


def test_of_many_shares_those_are_read_whose_turns_come_first() -> None:
    job_of = fair_queue()
    shares = [f"share{number:02}" for number in range(SHARES_WITH_SEVERAL + 15)]
    jobs = {share: [job_of(share), job_of(share)] for share in shares}
    queue = jobs[shares[0]][0].queue
    # The first of them used most.
    ShareUsage.objects.bulk_create(
        ShareUsage(queue=queue, share_identifier=share, milli_vcpu_seconds=1e9 - number, as_of=NOW)
        for number, share in enumerate(shares)
    )
    snapshot = load_snapshot(front=SHARES_WITH_SEVERAL + 5, only={queue.id}, now=NOW)
    policy = snapshot.queues[0].fair_share
    assert policy is not None
    assert policy.waiting == set(shares)
    read = dict.fromkeys(shares, 0)
    for job in snapshot.jobs:
        read[job.share_identifier] += 1
    # Both jobs of the first in turn, the first job of some, and of the last in turn none.
    assert [read[share] for share in reversed(shares)] == [2] * 20 + [1] * 5 + [0] * 10
    assert policy.partial == {share for share in shares if read[share] < 2}


def test_the_statements_do_not_grow_with_the_shares() -> None:
    job_of = fair_queue()
    run_times.refresh()
    counts = []
    for number in range(40):
        job_of(f"s{number}")
        if number in (2, 39):
            with CaptureQueriesContext(connection) as queries:
                load_snapshot(front=30, now=NOW)
            counts.append(len(queries))
    assert counts[0] == counts[1] <= 9


# Looking behind a front


def test_behind_a_long_front_a_window_is_looked_at_further_behind_each_time() -> None:
    definition, queue, strict = a_definition(), a_queue(), a_queue(backfill=False)
    jobs = [runnable(queue=queue, definition=definition) for _ in range(8)]
    for _ in range(5):
        runnable(queue=strict, definition=definition)
    runnable(queue=a_queue(), definition=definition)
    scouts = Scouts()

    def window() -> list[int]:
        found = [job.id for job in load_snapshot(front=3, scouts=scouts).jobs if job.scouted]
        return [[job.id for job in jobs].index(id_) for id_ in found]

    assert window() == [3, 4, 5]
    scouts.behind = {queue.id: jobs[5].id}
    assert window() == [6, 7]
    # What was remembered has become part of the front.
    scouts.behind = {queue.id: jobs[0].id}
    assert window() == [3, 4, 5]
    assert not any(job.scouted for job in load_snapshot(front=3).jobs)
