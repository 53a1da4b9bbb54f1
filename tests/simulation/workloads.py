"""Builds small workloads and scenarios: each function takes only what a test is about."""

from decimal import Decimal
from typing import Any

from jobs.domain.resources import Resources
from jobs.pricing.cost import Rates
from jobs.scheduling.simulation.scenario import Scenario
from jobs.scheduling.simulation.workload import Task
from jobs.scheduling.snapshot import Kind, TypeView

HOUR = 3600.0
# Whole dollars, so that costs can be worked out by head: 1 a vCPU-hour, memory is free.
DOLLAR_RATES = Rates(Decimal(1), Decimal(0))


def a_task(submitted: float, run_seconds: float, *, vcpus: float = 1, **fields: Any) -> Task:
    return Task(submitted, Resources(int(vcpus * 1000), 1024), run_seconds, **fields)


def a_type(name: str, vcpus: int, usd: str, spot: str | None = None) -> TypeView:
    return TypeView(
        name,
        Resources(vcpus * 1000, vcpus * 4096),
        "x86_64",
        Decimal(usd),
        None if spot is None else Decimal(spot),
    )


def a_scenario(*, vcpus: int = 4, nodes: int = 1, **fields: Any) -> Scenario:
    return Scenario(
        **{
            "name": "scenario",
            "nodes": (Resources(vcpus * 1000, vcpus * 4096),) * nodes,
            "rates": DOLLAR_RATES,
            "pass_seconds": 1.0,
            **fields,
        }
    )


def on_instances(kind: Kind, *types: TypeView, **fields: Any) -> Scenario:
    return a_scenario(kind=kind, types=types, **{"strategy": "BEST_FIT_PROGRESSIVE", **fields})
