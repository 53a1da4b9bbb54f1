"""`manage.py simulate`: what it prints, and what it refuses."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jobs.models import InstanceType, JobStatus
from jobs.selectors.workloads import recorded_workload
from tests.builders import NOW, a_job, an_attempt

pytestmark = pytest.mark.django_db

SMALL = ("--jobs", "30", "--days", "1", "--processes", "1")


@pytest.fixture
def catalogue() -> None:
    for name, vcpus in (("m6i.large", 2), ("m6i.4xlarge", 16)):
        InstanceType.objects.create(
            name=name,
            family="m6i",
            milli_vcpus=vcpus * 1000,
            memory_mib=vcpus * 4096,
            usd_per_hour=vcpus,
            spot_usd_per_hour=vcpus / 2,
        )


def simulate(*arguments: str) -> str:
    out = io.StringIO()
    call_command("simulate", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("catalogue")
def test_all_kinds_and_strategies_are_side_by_side() -> None:
    report = json.loads(simulate(*SMALL, "--instance-types", "m6i", "--json"))
    assert [each["name"] for each in report["outcomes"]] == [
        "UNMANAGED",
        "EC2 BEST_FIT",
        "EC2 BEST_FIT_PROGRESSIVE",
        "EC2 BEST_FIT_PROGRESSIVE_ORDERED",
        "SPOT SPOT_CAPACITY_OPTIMIZED",
        "SPOT SPOT_PRICE_CAPACITY_OPTIMIZED",
        "SPOT SPOT_CAPACITY_OPTIMIZED_PRIORITIZED",
        "FARGATE",
        "FARGATE_SPOT",
    ]
    assert all(each["done"] == 30 for each in report["outcomes"])
    assert report["workload"]["jobs"] == 30


def test_the_table_names_every_scenario() -> None:
    table = simulate(*SMALL, "--type", "unmanaged,FARGATE")
    assert "30 jobs within" in table
    assert "UNMANAGED" in table
    assert "FARGATE" in table
    assert "wait: mean" in table
    assert "Machines that are assumed (--node): 6 of 64 vCPU, 256 GiB." in table
    assert "Cheapest: UNMANAGED, " in table
    assert "Quickest: UNMANAGED, " in table
    # Somebody said how many, and nothing is Spot.
    assert "some minutes" not in table
    assert "interrupted: give" not in table


def test_without_other_work_it_is_said_that_nothing_is_interrupted() -> None:
    arguments = (*SMALL, "--type", "FARGATE_SPOT")
    assert "give --on-demand-load" in simulate(*arguments)
    assert "give --on-demand-load" not in simulate(*arguments, "--on-demand-load", "0.2")


def test_what_is_done_is_told_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    simulate(*SMALL, "--type", "UNMANAGED,FARGATE", "--json")
    assert capsys.readouterr().err == "1 of 2 done: UNMANAGED\n2 of 2 done: FARGATE\n"


def test_what_is_left_undone_is_told_once_for_all_of_which_the_same_is_to_be_said(
    tmp_path: Path,
) -> None:
    path = tmp_path / "large.csv"
    path.write_text("submitted,vcpus,memory_mib,run_seconds\n0,4,8192,10\n1,0.25,512,10\n")
    arguments = ("--type", "UNMANAGED,FARGATE", "--node", "1x4x2", "--processes", "1")
    table = simulate("--workload", str(path), *arguments)
    assert table.count("were not over at the end") == 1
    assert "UNMANAGED, FARGATE: 1 of 2 jobs were not over at the end." in table


def test_csv_has_a_line_for_each() -> None:
    (row,) = csv.DictReader(io.StringIO(simulate(*SMALL, "--type", "UNMANAGED", "--csv")))
    assert (row["name"], row["done"]) == ("UNMANAGED", "30")
    assert float(row["waitSeconds.p95"]) >= float(row["waitSeconds.median"])


def test_processes_of_their_own_give_the_same() -> None:
    arguments = ("--jobs", "10", "--days", "1", "--type", "FARGATE,FARGATE_SPOT", "--csv")
    assert simulate(*arguments, "--processes", "2") == simulate(*arguments, "--processes", "1")


def test_jobs_that_are_saved_are_simulated_from_the_file(tmp_path: Path) -> None:
    path = str(tmp_path / "week.csv")
    simulate("--jobs", "20", "--days", "1", "--save-workload", path)
    arguments = ("--type", "UNMANAGED", "--csv", "--processes", "1")
    made = simulate("--jobs", "20", "--days", "1", *arguments)
    assert simulate("--workload", path, *arguments) == made


def test_fargate_is_left_out_where_it_has_no_size(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("submitted,vcpus,memory_mib,run_seconds\n0,48,1024,10\n")
    table = simulate("--workload", str(path), "--type", "UNMANAGED,FARGATE", "--processes", "1")
    assert "FARGATE is left out: Fargate has no size for 1 of the jobs." in table


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--jobs", "0"), "--jobs: Give a whole number from 1"),
        (("--jobs", "many"), "--jobs: Give a whole number"),
        (("--days", "1.5"), "--days: Give a whole number"),
        (("--seed", "-1"), "--seed: "),
        (("--attempts", "11"), "--attempts: Give a whole number from 1 to 10"),
        (("--node", "64"), "--node: Give vCPUs x GiB"),
        (("--node", "64x256x0"), "--node: Give vCPUs x GiB"),
        (("--node", "1x1x900", "--node", "1x1x900"), "--node: There are at most"),
        (("--type", "EC3"), "--type: There is no EC3. There are: UNMANAGED"),
        (("--type", ","), "--type: Name at least one."),
        (("--strategies", "WORST_FIT"), "--strategies: There is no WORST_FIT"),
        (
            ("--type", "EC2", "--strategies", "SPOT_CAPACITY_OPTIMIZED"),
            "--strategies: SPOT_CAPACITY_OPTIMIZED is not for EC2",
        ),
        (("--instance-types", "x99"), "--instance-types: There is no instance type or family x99"),
        (
            ("--instance-types", "m6i", "--node", "1x1"),
            "--instance-types: No node holds an instance",
        ),
        (("--bid", "0"), "--bid: Give a whole number from 1 to 100"),
        (("--bid", "101"), "--bid: Give a whole number from 1 to 100"),
        (("--on-demand-load", "2"), "--on-demand-load: Give the share"),
        (("--on-demand-load", "0.1-0.2-0.3"), "--on-demand-load: Give the share"),
        (("--checkpoint-seconds", "0"), "--checkpoint-seconds: Give a number from 1"),
        (("--max-vcpus", "0"), "--max-vcpus: Give a whole number"),
        (("--max-vcpus", "4", "--min-vcpus", "5"), "--min-vcpus: This is at most 4"),
        (("--usd-per-vcpu-hour", "free"), "--usd-per-vcpu-hour: Give US dollars"),
        (("--usd-per-gib-hour", "-1"), "--usd-per-gib-hour: Give US dollars"),
        (("--pass-seconds", "0"), "--pass-seconds: Give a number from 1"),
        (("--processes", "0"), "--processes: Give a whole number from 1"),
        (("--from-history", "7"), "--from-history: No job of the last 7 days has run"),
        (("--from-history", "0"), "--from-history: Give a whole number"),
        (("--from-history", "7", "--jobs", "5"), "--jobs: This is of a generated workload"),
        (("--workload", "a.csv", "--from-history", "7"), "--workload: Give a file or"),
        (("--workload", "/nowhere/a.csv"), "--workload: /nowhere/a.csv cannot be read"),
        (
            ("--save-workload", "/nowhere/a.csv"),
            "--save-workload: /nowhere/a.csv cannot be written",
        ),
    ],
)
def test_bad_input_is_refused_by_option_and_fix(arguments: tuple[str, ...], named: str) -> None:
    with pytest.raises(CommandError) as refused:
        simulate(*arguments)
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [(b"\xff\xfe", "no text in UTF-8"), (b"submitted\n", "names no vcpus")],
)
def test_a_file_that_is_no_workload_is_refused(content: bytes, named: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        simulate("--workload", str(path), "--type", "UNMANAGED")
    assert "--workload: " in str(refused.value)
    assert named in str(refused.value)


def ran(seconds: float, **fields: Any) -> Any:
    """A job that has run for so long."""
    fields = {"stopped_at": NOW, "created_at": NOW, **fields}
    job = a_job(status=JobStatus.SUCCEEDED, **fields)
    an_attempt(
        job=job,
        started_at=NOW,
        stopped_at=NOW + timedelta(seconds=seconds),
        ended_at=NOW + timedelta(seconds=seconds),
    )
    return job


def test_recorded_jobs_take_as_long_as_they_took() -> None:
    job = ran(90, milli_vcpus=2000, memory_mib=512)
    an_attempt(
        job=job,
        number=2,
        started_at=NOW,
        stopped_at=NOW + timedelta(seconds=10),
        ended_at=NOW + timedelta(seconds=10),
    )
    # Interrupted: a simulation interrupts by itself.
    an_attempt(
        job=job,
        number=3,
        started_at=NOW,
        stopped_at=NOW + timedelta(seconds=1000),
        ended_at=NOW + timedelta(seconds=1000),
        interrupted_at=NOW,
    )
    # Never ran.
    a_job(created_at=NOW)
    workload = recorded_workload(days=7, now=NOW)
    (task,) = workload.tasks
    assert (task.run_seconds, task.needs.milli_vcpus) == (100, 2000)
    assert task.queue == job.queue.name
    assert workload.queues[0].priority == job.queue.priority
    assert recorded_workload(days=1, now=NOW + timedelta(days=2)).tasks == ()


def test_history_is_replayed() -> None:
    for seconds in (10, 20, 30):
        ran(seconds, created_at=timezone.now())
    report = json.loads(
        simulate("--from-history", "1", "--type", "UNMANAGED", "--json", "--processes", "1")
    )
    assert report["outcomes"][0]["done"] == 3
