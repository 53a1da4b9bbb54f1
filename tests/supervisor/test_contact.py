"""What is written about an engine when it answers, and when it does not."""

from datetime import timedelta

import pytest

from jobs import changes
from jobs.engines.base import EngineInfo, NodeCapacity
from jobs.models import (
    ComputeEnvironment,
    Engine,
    EngineStatus,
    EnvironmentStatus,
    Node,
    NodeState,
    UsageSample,
)
from jobs.services.supervision.contact import record_contact, record_heartbeat, record_unreachable
from jobs.services.supervision.usage import MeasuredUsage, record_samples
from tests.builders import NOW, a_node, an_attempt, an_engine, an_environment

pytestmark = pytest.mark.django_db

INFO = EngineInfo(version="20.10", boot_id="boot-1")
ONE_NODE = [NodeCapacity("node", 4000, 8192, "x86_64")]
LATER = NOW + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def news(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    topics: list[str] = []
    monkeypatch.setattr(changes, "publish", topics.extend)
    monkeypatch.setattr(changes, "wake_scheduler", lambda: topics.append("wake"))
    return topics


def fresh(engine: Engine) -> Engine:
    return Engine.objects.get(id=engine.id)


def met(**fields: object) -> Engine:
    engine = an_engine(status=EngineStatus.UNKNOWN, **fields)
    record_contact(engine=engine, info=INFO, nodes=ONE_NODE, now=NOW)
    return engine


def test_the_first_contact_writes_it_all_and_leaves_no_gap(news: list[str]) -> None:
    engine = fresh(met())

    assert (engine.status, engine.version, engine.boot_id) == ("CONNECTED", "20.10", "boot-1")
    assert (engine.last_seen_at, engine.gap_from, engine.gap_until) == (NOW, None, None)
    node = engine.nodes.get()
    assert (node.milli_vcpus, node.memory_mib, node.architecture) == (4000, 8192 - 512, "x86_64")
    assert node.instance_id.startswith("i-")
    assert news == [changes.ENVIRONMENTS, "wake"]


def test_a_contact_that_finds_nothing_new_tells_nobody(news: list[str]) -> None:
    engine = met()
    news.clear()

    record_contact(engine=engine, info=INFO, nodes=ONE_NODE, now=LATER)

    assert fresh(engine).last_seen_at == LATER
    assert news == []


def test_a_heartbeat_writes_the_time_and_no_more(news: list[str]) -> None:
    engine = met()
    news.clear()

    assert record_heartbeat(engine=engine, info=INFO, now=LATER)

    assert fresh(engine).last_seen_at == LATER
    assert news == []


@pytest.mark.parametrize(
    "change", [{"version": "21"}, {"boot_id": "boot-2"}, {"status": EngineStatus.UNREACHABLE}]
)
def test_a_heartbeat_of_a_changed_engine_calls_for_more(change: dict[str, str]) -> None:
    engine = met()
    Engine.objects.filter(id=engine.id).update(**change)

    assert not record_heartbeat(engine=engine, info=INFO, now=LATER)
    assert fresh(engine).last_seen_at == NOW


@pytest.mark.parametrize(
    ("stored", "told", "lost", "unreachable", "gap"),
    [
        # Both boots are known: they alone decide.
        ("boot-1", "boot-1", False, False, False),
        ("boot-1", "boot-1", True, True, False),
        ("boot-1", "boot-2", False, False, True),
        ("boot-1", "boot-2", True, True, True),
        # One is not: it may have been restarted whenever it was away.
        ("", "", False, False, False),
        ("", "", True, False, True),
        ("", "", False, True, True),
        ("boot-1", "", True, False, True),
        ("", "boot-1", False, False, False),
    ],
)
def test_a_restart_leaves_a_gap(
    stored: str, told: str, lost: bool, unreachable: bool, gap: bool
) -> None:
    engine = an_engine(boot_id=stored, last_seen_at=NOW)
    if unreachable:
        record_unreachable(engine=engine, reason="away", now=NOW)

    record_contact(
        engine=engine,
        info=EngineInfo(version="20.10", boot_id=told),
        nodes=[],
        now=LATER,
        lost_at=NOW + timedelta(seconds=30) if lost else None,
    )

    since = NOW + timedelta(seconds=30) if lost else NOW
    expected = (since, LATER) if gap else (None, None)
    assert (fresh(engine).gap_from, fresh(engine).gap_until) == expected


def test_environments_are_invalid_while_it_does_not_answer(news: list[str]) -> None:
    engine = met()
    environment = an_environment(engine=engine)
    news.clear()

    record_unreachable(engine=engine, reason="It does not answer.", now=NOW)
    environment.refresh_from_db()
    assert (environment.status, environment.status_reason) == ("INVALID", "It does not answer.")
    assert news == [changes.ENVIRONMENTS, "wake"]

    record_unreachable(engine=engine, reason="It does not answer.", now=LATER)
    assert news == [changes.ENVIRONMENTS, "wake"]

    record_unreachable(engine=engine, reason="Connection refused.", now=LATER)
    environment.refresh_from_db()
    assert environment.status_reason == "Connection refused."

    record_contact(engine=engine, info=INFO, nodes=ONE_NODE, now=LATER)
    environment.refresh_from_db()
    assert (environment.status, environment.status_reason) == (
        "VALID",
        "ComputeEnvironment Healthy",
    )


def test_an_environment_made_while_it_is_away_is_invalid_too() -> None:
    engine = met()
    record_unreachable(engine=engine, reason="away", now=NOW)
    environment = an_environment(engine=engine)

    record_unreachable(engine=engine, reason="away", now=LATER)

    environment.refresh_from_db()
    assert environment.status == EnvironmentStatus.INVALID


def test_an_environment_that_is_invalid_for_another_reason_stays_so() -> None:
    engine = met()
    ComputeEnvironment.objects.filter(id=an_environment(engine=engine).id).update(
        status=EnvironmentStatus.INVALID, status_reason="of its own"
    )
    record_unreachable(engine=engine, reason="away", now=NOW)

    record_contact(engine=engine, info=INFO, nodes=ONE_NODE, now=LATER)

    assert ComputeEnvironment.objects.get(engine=engine).status_reason == "of its own"


def test_machines_change_go_and_come_back(news: list[str]) -> None:
    engine = met()
    news.clear()

    record_contact(
        engine=engine, info=INFO, nodes=[NodeCapacity("node", 8000, 256, "arm64")], now=LATER
    )
    node = Node.objects.get(engine=engine)
    assert (node.milli_vcpus, node.memory_mib, node.architecture) == (8000, 0, "arm64")
    assert news == [changes.ENVIRONMENTS, "wake"]

    record_contact(engine=engine, info=INFO, nodes=[], now=LATER)
    assert Node.objects.get(engine=engine).state == NodeState.DOWN

    record_contact(engine=engine, info=INFO, nodes=ONE_NODE, now=LATER)
    assert Node.objects.get(engine=engine).state == NodeState.READY


def test_an_engine_whose_row_is_gone_is_left_alone() -> None:
    engine = an_engine()
    Engine.objects.filter(id=engine.id).delete()

    record_contact(engine=engine, info=INFO, nodes=ONE_NODE, now=NOW)
    record_unreachable(engine=engine, reason="away", now=NOW)

    assert not record_heartbeat(engine=engine, info=INFO, now=NOW)
    assert not Node.objects.exists()


def test_samples_of_attempts_that_are_gone_are_left_out() -> None:
    attempt = an_attempt(node=a_node())
    samples = [MeasuredUsage(attempt.id, 250, 12), MeasuredUsage(10**9, 1, 1)]

    assert record_samples(samples=samples, now=NOW) == 1
    # The same moment again is no second sample.
    record_samples(samples=samples, now=NOW)

    sample = UsageSample.objects.get()
    assert (sample.milli_vcpus, sample.memory_mib, sample.at) == (250, 12, NOW)
