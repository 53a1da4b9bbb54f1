"""A machine is lost while one of its jobs ends: who is first is waited for, and none waits for ever."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction

from jobs.models import Attempt, Capacity, Instance, NodeState
from jobs.services.attempts.tries import lock_job
from jobs.services.passes.instances import advance_instances
from jobs.services.passes.lease import Standby
from tests.builders import NOW, a_group, an_instance, containers_of


def is_waited_for() -> bool:
    """Whether somebody waits for a lock of a row here. On SQLite, whoever else writes does."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_machine_that_is_lost_while_a_job_on_it_ends_waits_for_that() -> None:
    attempts = a_group(ecs_properties=containers_of({"name": "a"}, {"name": "b"}))
    instance = an_instance(environment=attempts[0].environment)
    Attempt.objects.update(instance=instance, capacity=Capacity.EC2, started_at=NOW)
    instance.node.state = NodeState.DOWN
    instance.node.save()
    lease = Standby(holder="test").try_acquire(monotonic=0.0)
    assert lease is not None
    first, second = sorted(attempt.id for attempt in attempts)
    errors: list[Exception] = []

    def lose() -> None:
        try:
            advance_instances(lease=lease, now=NOW + timedelta(seconds=90))
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    other = threading.Thread(target=lose)
    # As `finish_attempt` does: the job, its own attempt, and then the others of its try.
    with transaction.atomic():
        lock_job(attempts[0].job_id)
        Attempt.objects.filter(id=second).update(exit_code=None)
        other.start()
        while other.is_alive() and not is_waited_for():
            pass
        Attempt.objects.filter(id=first).update(stop_asked_at=NOW)
    other.join(60)

    assert not other.is_alive()
    assert errors == []
    assert Instance.objects.get().end_cause == "HOST_LOST"
