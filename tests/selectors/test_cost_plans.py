"""What lives is asked for with every look at costs and for every budget; what has ended long ago is not read."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from jobs.models import InstanceState, JobStatus
from jobs.selectors.costs import CostRange, CostScope
from jobs.selectors.costs.living import read_living
from tests.builders import NOW, a_job, a_node, an_attempt, an_instance
from tests.selectors.test_instance_plans import have_run
from tests.selectors.test_plans import statements_of

pytestmark = pytest.mark.django_db
# Of what lives, and of ends by their time.
FINE = {
    "attempt_live",
    "attempt_one_live_try",
    "attempt_ended",
    "instance_live",
    "instance_ended",
}
# An instance's ended attempts are added up, too.
KEYED = {"jobs_attempt_pkey", "jobs_instance_pkey", "attempt_of_instance"}
STEP = re.compile(
    r"(?P<how>SCAN|SEARCH) jobs_(attempt|instance)\b"
    r"(?: USING (?:INTEGER )?(?:COVERING )?(?:INDEX )?(?P<index>PRIMARY KEY|\w+))?"
)
OF_POSTGRESQL = re.compile(
    r"Index(?: Only)? Scan (?:Backward )?using (\w+) on jobs_(?:attempt|instance)\b"
    r"|Bitmap Index Scan on ((?:attempt|instance|jobs_attempt|jobs_instance)_\w+)"
    r"|(Seq Scan) on jobs_(?:attempt|instance)\b"
)


def steps_of(sql: str, values: Sequence[Any]) -> list[str]:
    """How the database finds attempts and instances: an index for each step, or that all are read."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # So few rows as a test has it would rather read whole.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {sql}", values)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            return ["".join(each) for each in OF_POSTGRESQL.findall(plan)]
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}", values)
        found = [STEP.match(row[3]) for row in cursor.fetchall()]
    return [each["index"] or "all" for each in found if each]


@pytest.mark.parametrize(
    "scope",
    [
        CostScope(),
        CostScope(owner=1),
        CostScope(queue=1),
        CostScope(definition=1),
        CostScope(environment=1),
        CostScope(capacity="SPOT"),
        CostScope(tag=("team", "a")),
        CostScope(without_job=True),
    ],
    ids=str,
)
def test_what_lives_is_found_without_reading_what_has_ended(scope: CostScope) -> None:
    node = a_node()
    for _ in range(3):
        an_instance(node=node, state=InstanceState.ENDED, ended_at=NOW)
    instance = an_instance(node=node)
    job = a_job(status=JobStatus.RUNNING, attempts_made=1)
    live = an_attempt(job=job, node=node, instance=instance, started_at=NOW)
    have_run(instance, live)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    times = CostRange(NOW - timedelta(days=20), NOW + timedelta(hours=1), with_running=True)
    statements = statements_of(lambda: read_living(times, scope))
    found = {step for sql, values in statements for step in steps_of(sql, values)}
    assert found
    assert found <= FINE | KEYED | {"PRIMARY KEY"}
