"""What somebody asks a simulation for, as texts, checked: each error names the option and the fix."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from jobs.domain.environments.compute_resource_members import (
    EC2_STRATEGIES,
    SPOT_STRATEGIES,
    STRATEGIES,
)
from jobs.domain.errors import InvalidInput
from jobs.domain.resources import MIB_PER_GIB, MILLI, Resources
from jobs.domain.retry import MAX_ATTEMPTS
from jobs.domain.validation import FieldError
from jobs.pricing.cost import Rates

from ..snapshot import Kind, TypeView
from .scenario import Scenario
from .workload_csv import MAX_JOBS, MAX_SECONDS

MAX_DAYS = 366
MAX_NODES = 1000
MAX_PROCESSES = 256
MAX_VCPUS = 100_000
MAX_GIB = 100_000
MAX_USD_PER_HOUR = 100_000
DEFAULT_NODES = ("64x256x6",)
DEFAULT_INSTANCE_TYPES = "optimal"
EC2_DEFAULTS = ("BEST_FIT", "BEST_FIT_PROGRESSIVE", *EC2_STRATEGIES)


@dataclass(frozen=True, slots=True)
class WorkloadOptions:
    """Where the jobs come from: a file, this installation's last days, or else the generator."""

    jobs: int
    days: int
    seed: int
    attempts: int
    history_days: int | None
    path: str | None


@dataclass(frozen=True, slots=True)
class CapacityOptions:
    """What is simulated side by side. `base` has all that the scenarios share; types are still names."""

    kinds: tuple[Kind, ...]
    strategies: tuple[str, ...]
    type_names: tuple[str, ...]
    base: Scenario
    processes: int | None = None


class Reader:
    """Reads options one by one, and gathers what is wrong."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._errors: dict[str, list[str]] = {}

    def read(self, name: str, check: Callable[[Any], Any], usual: Any = None) -> Any:
        """The checked value; `usual` where the option was not given (or is wrong, for now)."""
        value = self._given.get(name)
        if value is None:
            return usual
        try:
            return check(value)
        except FieldError as error:
            self.refuse(name, str(error))
            return usual

    def refuse(self, name: str, text: str) -> None:
        """Something is wrong with this option."""
        self._errors.setdefault("--" + name.replace("_", "-"), []).append(text)

    def finish(self) -> None:
        """Raises InvalidInput with all that is wrong."""
        if self._errors:
            raise InvalidInput(self._errors)


def workload_options(given: Mapping[str, Any]) -> WorkloadOptions:
    """Raises InvalidInput."""
    reader = Reader(given)
    if given.get("workload") is not None and given.get("from_history") is not None:
        reader.refuse("workload", "Give a file or --from-history, not both.")
    options = WorkloadOptions(
        jobs=reader.read("jobs", whole(1, MAX_JOBS), 100_000),
        days=reader.read("days", whole(1, MAX_DAYS), 7),
        seed=reader.read("seed", whole(0, 2**63 - 1), 1),
        attempts=reader.read("attempts", whole(1, MAX_ATTEMPTS), 3),
        history_days=reader.read("from_history", whole(1, MAX_DAYS)),
        path=given.get("workload"),
    )
    for name in ("jobs", "days"):
        is_made = options.path is None and options.history_days is None
        if given.get(name) is not None and not is_made:
            reader.refuse(name, "This is of a generated workload. Leave it out.")
    reader.finish()
    return options


def capacity_options(given: Mapping[str, Any]) -> CapacityOptions:
    """Raises InvalidInput. What instance types there are, is not known here."""
    reader = Reader(given)
    nodes = reader.read("node", read_nodes, read_nodes(DEFAULT_NODES))
    kinds = reader.read("type", read_kinds, tuple(Kind))
    strategies = reader.read("strategies", read_strategies, ())
    most = reader.read("max_vcpus", whole(1, MAX_VCPUS))
    least = reader.read("min_vcpus", whole(0, MAX_VCPUS), 0)
    base = Scenario(
        name="",
        nodes=nodes,
        max_milli_vcpus=None if most is None else most * MILLI,
        min_milli_vcpus=least * MILLI,
        bid_percentage=reader.read("bid", whole(1, 100), 100),
        idle_seconds=reader.read("idle_seconds", whole(0, MAX_SECONDS), 300),
        notice_seconds=reader.read("notice_seconds", whole(0, MAX_SECONDS), 120),
        on_demand_load=reader.read("on_demand_load", read_load, (0.0, 0.0)),
        checkpoint_seconds=reader.read("checkpoint_seconds", number(1, MAX_SECONDS)),
        pass_seconds=reader.read("pass_seconds", number(1, 3600), Scenario("", ()).pass_seconds),
        rates=_rates(reader),
        seed=reader.read("seed", whole(0, 2**63 - 1), 1),
    )
    if least * MILLI > base.most_milli_vcpus:
        reader.refuse(
            "min_vcpus", f"This is at most {base.most_milli_vcpus // MILLI}, the maximum."
        )
    usable = {name for kind in kinds for name in strategies_of(kind)}
    for name in strategies:
        if name not in usable:
            reader.refuse(
                "strategies",
                f"{name} is not for {', '.join(kinds)}. Change --type, or leave it out.",
            )
    names = reader.read("instance_types", read_names, (DEFAULT_INSTANCE_TYPES,))
    processes = reader.read("processes", whole(1, MAX_PROCESSES))
    reader.finish()
    return CapacityOptions(kinds, strategies, names, base, processes)


def strategies_of(kind: Kind) -> tuple[str, ...]:
    """The allocation strategies that an environment of this type may have."""
    if kind is Kind.EC2:
        return tuple(name for name in STRATEGIES if name not in SPOT_STRATEGIES)
    if kind is Kind.SPOT:
        return tuple(name for name in STRATEGIES if name not in EC2_STRATEGIES)
    return ()


def scenarios(options: CapacityOptions, types: Sequence[TypeView]) -> list[Scenario]:
    """One for each strategy of each kind. Raises InvalidInput if no node holds an instance of any type."""
    base = options.base
    fitting = [each for each in types if any(each.size.fits_in(node) for node in base.nodes)]
    if any(kind.has_instances for kind in options.kinds) and not fitting:
        largest = max(base.nodes, key=lambda node: (node.milli_vcpus, node.memory_mib))
        raise InvalidInput(
            {
                "--instance-types": [
                    f"No node holds an instance of these types; the largest has {largest}. Name "
                    "smaller types, or larger nodes with --node."
                ]
            }
        )
    return [
        replace(
            base,
            name=f"{kind} {strategy}".strip(),
            kind=kind,
            strategy=strategy,
            types=tuple(types) if kind.has_instances else (),
        )
        for kind in options.kinds
        for strategy in _strategies_for(kind, options.strategies)
    ]


def _strategies_for(kind: Kind, asked: Sequence[str]) -> Sequence[str]:
    if not kind.has_instances:
        return ("",)
    usual = EC2_DEFAULTS if kind is Kind.EC2 else SPOT_STRATEGIES
    return [name for name in strategies_of(kind) if name in (asked or usual)]


def _rates(reader: Reader) -> Rates:
    usual = Scenario("", ()).rates
    return Rates(
        reader.read("usd_per_vcpu_hour", read_usd, usual.usd_per_vcpu_hour),
        reader.read("usd_per_gib_hour", read_usd, usual.usd_per_gib_hour),
    )


# Single values


def whole(least: int, most: int) -> Callable[[Any], int]:
    """A check for whole numbers between two."""

    def check(value: Any) -> int:
        try:
            found = int(str(value))
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            raise FieldError(
                f"Give a whole number from {least} to {most}, not {str(value)[:40]!r}."
            )
        return found

    return check


def number(least: float, most: float) -> Callable[[Any], float]:
    """A check for numbers between two."""

    def check(value: Any) -> float:
        try:
            found = float(str(value))
        except ValueError:
            found = least - 1
        if not least <= found <= most:
            raise FieldError(f"Give a number from {least:g} to {most:g}, not {str(value)[:40]!r}.")
        return found

    return check


def read_nodes(values: Sequence[str]) -> tuple[Resources, ...]:
    """Machines: "64x256" is one of 64 vCPUs and 256 GiB, "64x256x4" are four."""
    nodes: list[Resources] = []
    for value in values:
        parts = value.lower().split("x")
        wrong = FieldError(
            f"Give vCPUs x GiB, and how many if more than one: 64x256x4, not {value[:40]!r}."
        )
        if not 2 <= len(parts) <= 3:
            raise wrong
        try:
            vcpus = number(0.25, MAX_VCPUS)(parts[0])
            gib = number(0.25, MAX_GIB)(parts[1])
            count = whole(1, MAX_NODES)(parts[2]) if len(parts) == 3 else 1
        except FieldError as error:
            raise wrong from error
        nodes += [Resources(int(vcpus * MILLI), int(gib * MIB_PER_GIB))] * count
    if len(nodes) > MAX_NODES:
        raise FieldError(f"There are at most {MAX_NODES} nodes.")
    return tuple(nodes)


def read_kinds(value: str) -> tuple[Kind, ...]:
    """Names of capacity kinds with commas between."""
    return tuple(Kind(name) for name in _named(value, tuple(Kind)))


def read_strategies(value: str) -> tuple[str, ...]:
    """Names of allocation strategies with commas between."""
    return _named(value, STRATEGIES)


def read_names(value: str) -> tuple[str, ...]:
    """Any names with commas between."""
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names:
        raise FieldError("Name at least one.")
    return names


def read_load(value: str) -> tuple[float, float]:
    """How much of the engine is used by night and by day: "0.3", or "0.1-0.6"."""
    parts = value.split("-")
    wrong = FieldError(
        "Give the share of the engine that other On-Demand work takes, 0 to 0.95: 0.3, or "
        f"0.1-0.6 for night and day, not {value[:40]!r}."
    )
    if len(parts) > 2:
        raise wrong
    try:
        loads = [number(0, 0.95)(part) for part in parts]
    except FieldError as error:
        raise wrong from error
    return loads[0], loads[-1]


def read_usd(value: str) -> Decimal:
    """US dollars per hour."""
    try:
        usd = Decimal(value)
    except InvalidOperation:
        usd = Decimal(-1)
    if not usd.is_finite() or not 0 <= usd <= MAX_USD_PER_HOUR:
        raise FieldError(f"Give US dollars per hour, such as 0.04, not {value[:40]!r}.")
    return usd


def _named(value: str, known: Sequence[str]) -> tuple[str, ...]:
    names = read_names(value.upper())
    for name in names:
        if name not in known:
            raise FieldError(f"There is no {name[:40]}. There are: {', '.join(known)}.")
    return tuple(dict.fromkeys(names))
