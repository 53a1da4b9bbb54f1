"""Workloads as CSV: what is read, what is refused, and that what is written is read back."""

from datetime import UTC, datetime

import pytest

from jobs.domain.resources import Resources
from jobs.domain.validation import FieldError
from jobs.scheduling.simulation.generate import generate
from jobs.scheduling.simulation.workload_csv import read_workload, write_workload

HEADER = "submitted,vcpus,memory_mib,run_seconds"


def test_a_line_is_a_job() -> None:
    text = (
        f"{HEADER},queue,queue_priority,share,attempts,timeout_seconds,nodes,gpus,definition\n"
        "60,0.5,2048,90.5,night,7,a,3,120,2,1,train\n"
        "0,1,1024,5,,,,,,,,\n"
    )
    workload = read_workload(text)
    first, second = workload.tasks
    assert (first.queue, first.attempts, first.definition) == ("default", 1, "1 vCPU, 1024 MiB")
    assert second.needs == Resources(500, 2048, 1)
    assert (second.submitted, second.run_seconds, second.limit_seconds) == (60, 90.5, 120)
    assert (second.share, second.attempts, second.nodes) == ("a", 3, 2)
    queues = {queue.name: queue for queue in workload.queues}
    assert queues["night"].priority == 7
    assert queues["night"].fair_share is not None
    assert queues["default"].fair_share is None


def test_times_are_counted_from_the_first() -> None:
    workload = read_workload(
        f"{HEADER}\n2026-01-05T14:00:30Z,1,1,1\n2026-01-05T15:00:00+01:00,1,1,1\n"
    )
    assert workload.starts_at == datetime(2026, 1, 5, 14, tzinfo=UTC)
    assert [task.submitted for task in workload.tasks] == [0, 30]


def test_what_is_written_is_read_back() -> None:
    workload = generate(jobs=50, days=1, seed=1, attempts=2)
    assert read_workload(write_workload(workload)).tasks == workload.tasks


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "names no submitted"),
        ("submitted,vcpus\n1,1\n", "names no memory_mib, run_seconds"),
        (f"{HEADER},colour\n", "no column 'colour'"),
        (f"{HEADER}\n", "no job"),
        (f"{HEADER}\nsoon,1,1,1\n", "Line 2: submitted is 'soon'"),
        (f"{HEADER}\n-1,1,1,1\n", "Line 2: submitted is '-1'"),
        (f"{HEADER}\n0,none,1,1\n", "Line 2: vcpus is 'none': give a number"),
        (f"{HEADER}\n0,nan,1,1\n", "Line 2: vcpus is 'nan'"),
        (f"{HEADER}\n0,1,0,1\n", "Line 2: memory_mib is '0'"),
        (f"{HEADER}\n0,1,1,-1\n", "Line 2: run_seconds is '-1'"),
        (f"{HEADER},attempts\n0,1,1,1,11\n", "attempts is '11': give a whole number from 1 to 10"),
        (f"{HEADER}\n0,1,1,1,9\n", "more values"),
        (f"{HEADER}\n0,1,1,1\n2026-01-05T14:00:00Z,1,1,1\n", "use one of both"),
        (f"{HEADER},queue,queue_priority\n0,1,1,1,q,1\n0,1,1,1,q,2\n", "one priority"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, named: str) -> None:
    with pytest.raises(FieldError, match=named):
        read_workload(text)


def test_of_very_many_mistakes_the_first_are_told() -> None:
    with pytest.raises(FieldError) as refused:
        read_workload(f"{HEADER}\n" + "0,x,1,1\n" * 100)
    assert str(refused.value).count("Line ") == 20
    assert "80" in str(refused.value)
