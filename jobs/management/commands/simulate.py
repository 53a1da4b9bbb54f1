"""`manage.py simulate`."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.domain.validation import FieldError
from jobs.management.simulation.output import as_csv, as_json, as_table, machines, summary
from jobs.management.simulation.side_by_side import Case, simulate_all
from jobs.scheduling.simulation.fargate import on_fargate
from jobs.scheduling.simulation.generate import generate
from jobs.scheduling.simulation.options import (
    CapacityOptions,
    WorkloadOptions,
    capacity_options,
    scenarios,
    workload_options,
)
from jobs.scheduling.simulation.outcome import Outcome
from jobs.scheduling.simulation.scenario import Scenario
from jobs.scheduling.simulation.workload import Workload
from jobs.scheduling.simulation.workload_csv import read_workload, write_workload
from jobs.scheduling.snapshot import Kind, TypeView
from jobs.selectors.instance_types import types_named
from jobs.selectors.passes.capacity import type_view
from jobs.selectors.workloads import recorded_workload

MAX_FILE_BYTES = 256 * 1024 * 1024
FARGATE = (Kind.FARGATE, Kind.FARGATE_SPOT)
SPOT = (Kind.SPOT, Kind.FARGATE_SPOT)
# Named where nobody said how many: done within seconds.
FEWER_JOBS = 2000


class Command(BaseCommand):
    help = (
        "Replays a week of jobs, recorded or made up, through the scheduler on imagined machines, and prints "
        "waiting times, cost and interruptions of each way to use them. Changes nothing. See docs/simulation.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        jobs = parser.add_argument_group("jobs")
        jobs.add_argument("--jobs", help="How many are made up (default: 100000).")
        jobs.add_argument("--days", help="Within how many days (default: 7).")
        jobs.add_argument("--seed", help="The same seed, the same jobs (default: 1).")
        jobs.add_argument("--attempts", help="Of each made-up job (default: 3).")
        jobs.add_argument(
            "--from-history",
            metavar="DAYS",
            help="This installation's jobs of the last days instead.",
        )
        jobs.add_argument("--workload", metavar="FILE.csv", help="The jobs of a file instead.")
        jobs.add_argument(
            "--save-workload",
            metavar="FILE.csv",
            help="Write the jobs there, and simulate nothing.",
        )
        capacity = parser.add_argument_group("capacity")
        capacity.add_argument(
            "--node",
            action="append",
            metavar="VCPUxGIB[xCOUNT]",
            help="Machines; may be given again (default: 64x256x6).",
        )
        capacity.add_argument(
            "--type",
            help="EC2, SPOT, FARGATE, FARGATE_SPOT, UNMANAGED, with commas (default: all).",
        )
        capacity.add_argument(
            "--instance-types", help="Types, families or optimal, with commas (default: optimal)."
        )
        capacity.add_argument("--strategies", help="Allocation strategies, with commas.")
        capacity.add_argument("--max-vcpus", help="At most so many (default: all nodes').")
        capacity.add_argument("--min-vcpus", help="Instances of at least so many (default: 0).")
        capacity.add_argument(
            "--bid", help="Of Spot: percent of the On-Demand price (default: 100)."
        )
        capacity.add_argument(
            "--on-demand-load",
            metavar="NIGHT[-DAY]",
            help="What other On-Demand work takes of the machines: 0.3, or 0.1-0.6 (default: 0).",
        )
        capacity.add_argument(
            "--checkpoint-seconds", help="Interrupted jobs lose at most so much (default: all)."
        )
        capacity.add_argument("--idle-seconds", help="Until idle instances end (default: 300).")
        capacity.add_argument("--notice-seconds", help="Between notice and kill (default: 120).")
        capacity.add_argument(
            "--usd-per-vcpu-hour", help="Of UNMANAGED and Fargate (default: Fargate's)."
        )
        capacity.add_argument("--usd-per-gib-hour", help="The same of memory.")
        capacity.add_argument(
            "--pass-seconds", help="Simulated time from pass to pass under load (default: 30)."
        )
        output = parser.add_argument_group("output")
        output.add_argument("--json", action="store_true", help="For programs.")
        output.add_argument("--csv", action="store_true", help="For tables.")
        output.add_argument("--processes", help="At once (default: one a processor).")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._simulate(options, timezone.now())
        except InvalidInput as error:
            lines = [f"{field}: {text}" for field, texts in error.errors.items() for text in texts]
            raise CommandError("\n".join(lines)) from error
        except (OperationalError, ProgrammingError) as error:
            raise CommandError(
                "The database with the catalogue of instance types cannot be read. Start the server "
                f"once, or run manage.py migrate and manage.py instance_types load. ({error})"
            ) from error

    def _simulate(self, options: dict[str, Any], now: datetime) -> None:
        wanted = workload_options(options)
        capacity = capacity_options(options)
        prepared = [] if options["save_workload"] else _scenarios(capacity)
        workload = _workload(wanted, now)
        if options["save_workload"]:
            _write(options["save_workload"], write_workload(workload))
            self.stdout.write(f"Wrote {options['save_workload']}.")
            return
        cases, notes = _cases(workload, prepared)
        if not (options["json"] or options["csv"]):
            notes = [summary(workload), machines(capacity.base.nodes), *notes]
            notes += _hints(options, wanted, capacity)
            self.stdout.write("\n".join(notes))
            self.stdout.flush()
        outcomes = self._follow(cases, processes=capacity.processes)
        if options["json"]:
            self.stdout.write(as_json(workload, outcomes, notes))
        elif options["csv"]:
            self.stdout.write(as_csv(outcomes), ending="")
        else:
            self.stdout.write(f"\n{as_table(outcomes)}")

    def _follow(self, cases: Sequence[Case], *, processes: int | None) -> list[Outcome]:
        """The outcomes; says on the error output which are there, as it may take minutes."""
        outcomes: list[Outcome] = []
        for outcome in simulate_all(cases, processes=processes):
            outcomes.append(outcome)
            self.stderr.write(f"{len(outcomes)} of {len(cases)} done: {outcome.name}", str)
        return outcomes


def _hints(
    options: dict[str, Any], wanted: WorkloadOptions, capacity: CapacityOptions
) -> list[str]:
    """What somebody who gave no options may not expect."""
    hints: list[str] = []
    is_made_up = wanted.path is None and wanted.history_days is None
    if is_made_up and options["jobs"] is None:
        hints.append(f"So many take some minutes; --jobs {FEWER_JOBS} takes less.")
    if any(kind in SPOT for kind in capacity.kinds) and not any(capacity.base.on_demand_load):
        hints.append(
            "No other On-Demand work is assumed, so no Spot work is ever interrupted: give --on-demand-load, "
            "such as 0.1-0.6."
        )
    return hints


def _workload(wanted: WorkloadOptions, now: datetime) -> Workload:
    if wanted.path is not None:
        return _read(wanted.path)
    if wanted.history_days is None:
        return generate(
            jobs=wanted.jobs, days=wanted.days, seed=wanted.seed, attempts=wanted.attempts
        )
    workload = recorded_workload(days=wanted.history_days, now=now)
    if not workload.tasks:
        raise InvalidInput(
            {
                "--from-history": [
                    f"No job of the last {wanted.history_days} days has run. Give more days, or leave it "
                    "out for jobs that are made up."
                ]
            }
        )
    return workload


def _read(path: str) -> Workload:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _refused(f"{path} cannot be read: {error.strerror}. Name a CSV file.") from error
    if len(content) > MAX_FILE_BYTES:
        raise _refused(f"{path} has more than {MAX_FILE_BYTES // 1024**2} MiB. Split it.")
    try:
        return read_workload(content.decode())
    except UnicodeDecodeError as error:
        raise _refused(f"{path} is no text in UTF-8. Save it as CSV in UTF-8.") from error
    except FieldError as error:
        raise _refused(f"{path}: {error}") from error


def _refused(text: str) -> InvalidInput:
    return InvalidInput({"--workload": [text]})


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        reason = f"{path} cannot be written: {error.strerror}. Name a file in a folder of yours."
        raise InvalidInput({"--save-workload": [reason]}) from error


def _scenarios(capacity: CapacityOptions) -> list[Scenario]:
    needs_types = any(kind.has_instances for kind in capacity.kinds)
    return scenarios(capacity, _types(capacity.type_names) if needs_types else [])


def _cases(workload: Workload, prepared: Sequence[Scenario]) -> tuple[list[Case], list[str]]:
    """What is simulated, and what is to be said of it."""
    on_its_sizes, left_out = on_fargate(workload)
    cases: list[Case] = []
    notes: list[str] = []
    for scenario in prepared:
        if scenario.kind not in FARGATE:
            cases.append((workload, scenario))
        elif left_out:
            notes.append(
                f"{scenario.name} is left out: Fargate has no size for {left_out} of the jobs."
            )
        else:
            cases.append((on_its_sizes, scenario))
    if not cases:
        raise InvalidInput({"--type": [*notes, "Name another type."]})
    return cases, notes


def _types(names: Sequence[str]) -> list[TypeView]:
    """As the scheduler sees them, in the order of the names."""
    for name in names:
        if not types_named([name]):
            raise InvalidInput(
                {
                    "--instance-types": [
                        f"There is no instance type or family {name[:60]} in the catalogue. The page "
                        "Instance types lists what there is; manage.py seed loads the first ones."
                    ]
                }
            )
    return [type_view(row) for row in types_named(names)]
