"""The real load of machines: the newest samples of what runs there, added up."""

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from jobs.models import Attempt, ComputeEnvironment, Node, UsageSample
from jobs.selectors.measured import MOST, Load, loads_of
from tests.builders import NOW, a_job, a_node, a_queue, an_attempt, an_engine, an_environment

pytestmark = pytest.mark.django_db


@pytest.fixture
def node() -> Node:
    return a_node(engine=an_engine(name="rack"))


@pytest.fixture
def environment(node: Node) -> ComputeEnvironment:
    return an_environment(name="mine", engine=node.engine)


def measured(
    environment: ComputeEnvironment, node: Node, *samples: tuple[int, int], ended: bool = False
) -> Attempt:
    """An attempt with samples so many seconds ago, of so many vCPUs; each takes 100 MiB."""
    attempt = an_attempt(
        job=a_job(queue=a_queue(environment, name=f"q{Attempt.objects.count()}")),
        environment=environment,
        node=node,
        ended_at=NOW if ended else None,
    )
    for seconds, vcpus in samples:
        UsageSample.objects.create(
            attempt=attempt,
            at=NOW - timedelta(seconds=seconds),
            milli_vcpus=vcpus * 1000,
            memory_mib=100,
        )
    return attempt


def test_the_newest_samples_of_what_runs_are_added_up_in_one_query(
    environment: ComputeEnvironment,
    node: Node,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    measured(environment, node, (5, 2), (15, 7))
    measured(environment, node, (10, 1))
    measured(environment, node, (3600, 9))
    measured(environment, node, (5, 9), ended=True)
    idle = a_node(engine=node.engine, name="idle")
    with django_assert_num_queries(1):
        loads = loads_of([node, idle], now=NOW)
    assert loads == {node.pk: Load(milli_vcpus=3000, memory_mib=200, containers=2)}


def test_of_very_many_the_newest_are_looked_at(
    environment: ComputeEnvironment, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST > 1
    monkeypatch.setattr("jobs.selectors.measured.MOST", 1)
    measured(environment, node, (5, 2))
    measured(environment, node, (5, 1))
    assert loads_of([node], now=NOW)[node.pk] == Load(1000, 100, 1)
