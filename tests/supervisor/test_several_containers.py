"""Tries of several containers: each has a log and an exit of its own; what they shared is removed."""

from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from jobs import queueing
from jobs.domain import names
from jobs.engines.fake import World
from jobs.models import Attempt, JobStatus, LogStream
from jobs.services.attempts.containers import container_spec
from tests.builders import a_group, a_job, containers_of, nodes_of
from tests.supervisor.world import News, Scene, is_complete, log_of, supervising

pytestmark = pytest.mark.django_db(transaction=True)


def started(scene: Scene, **job: Any) -> list[Attempt]:
    """A running try on the scene's engine."""
    group = a_group(job=a_job(queue=scene.queue, status=JobStatus.RUNNING, attempts_made=1, **job))
    for attempt in group:
        container_id = scene.connection.create(container_spec(attempt))
        scene.connection.start(container_id)
        Attempt.objects.filter(id=attempt.id).update(
            container_id=container_id, started_at=timezone.now(), waits_for_others=False
        )
    return group


def test_each_container_has_its_log_and_its_exit(scene: Scene, machine: World, news: News) -> None:
    pair = containers_of(
        {"name": "a", "command": ["say", f"stdout:{b'from a'.hex()}"]},
        {"name": "b", "command": ["say", f"stdout:{b'from b'.hex()}"]},
    )
    first, second = started(scene, ecs_properties=pair)
    with supervising(scene.row):
        for attempt in (first, second):
            news.wait_for_hand_over(queueing.REAP, attempt)
            news.wait_for(partial(is_complete, attempt))
    assert (log_of(first), log_of(second)) == (b"from a", b"from b")
    streams = [LogStream.objects.get(attempt=attempt).name for attempt in (first, second)]
    definition = first.job.definition.name
    assert [name.rsplit("/", 1)[0] for name in streams] == [f"{definition}/a", f"{definition}/b"]
    # They are one task.
    assert len({name.rsplit("/", 1)[1] for name in streams}) == 1


def test_each_node_is_a_task_of_its_own(scene: Scene, machine: World, news: News) -> None:
    nodes = started(scene, node_properties=nodes_of(2), node_count=2)
    with supervising(scene.row):
        news.wait_for(lambda: LogStream.objects.filter(attempt__in=nodes).count() == 2)
    tasks = [name.rsplit("/", 1) for name in LogStream.objects.values_list("name", flat=True)]
    assert {name for name, _ in tasks} == {f"{nodes[0].job.definition.name}/default"}
    assert len({task for _, task in tasks}) == 2


def test_a_pod_is_no_stranger_while_it_is_in_use_and_goes_when_it_is_left_over(
    scene: Scene, machine: World, news: News
) -> None:
    pair = containers_of({"name": "a"}, {"name": "b"})
    group = started(scene, ecs_properties=pair)
    pod = names.pod_name(group[0].job_id, 1)
    with supervising(scene.row):
        for attempt in group:
            news.wait_for(LogStream.objects.filter(attempt=attempt).exists)
        assert pod in machine.belongings.pods
        now = timezone.now()
        for attempt in Attempt.objects.filter(job=group[0].job):
            scene.connection.remove(attempt.container_id)
        Attempt.objects.filter(job=group[0].job).update(ended_at=now, removed_at=now)
        news.wait_for(lambda: pod not in machine.belongings.pods)
