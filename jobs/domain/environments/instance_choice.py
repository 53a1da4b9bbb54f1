"""Whether the instance types that an environment names are there, go together, and fit some machine.

Source: AWS Batch API, `ComputeResource.instanceTypes`. That machines are known, and too small, is ours.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from jobs.domain.resources import MILLI, Resources, format_vcpus

from .compute_resource_members import SPOT
from .instance_types import ALIASES, BUNDLES, families_of, family_of

NEAREST_NAMED = 3
EMPTY_CATALOGUE = (
    "There are no instance types in the catalogue yet. Load them (manage.py instance_types), or "
    "make your own."
)
# What machines call the two architectures that there are.
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}

Problem = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """A type of the catalogue that an environment may launch."""

    name: str
    size: Resources
    architecture: str
    has_spot_price: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """A node with what it hands out. Without an `architecture` it is not known."""

    name: str
    size: Resources
    architecture: str = ""

    def can_hold(self, choice: Choice) -> bool:
        """Whether the type fits it while nothing else is there."""
        return self.runs(choice) and choice.size.fits_in(self.size)

    def runs(self, choice: Choice) -> bool:
        """Whether the architecture is the type's; one that is not known may be."""
        own = architecture_of(self.architecture)
        return not own or own == choice.architecture


def architecture_of(text: str) -> str:
    """x86_64 or arm64, whatever a machine calls it; other names are given back as they are."""
    return ARCHITECTURES.get(text.lower(), text)


def unknown_names(names: Sequence[str], choices: Collection[Choice]) -> dict[int, str]:
    """The names that stand for no type of the catalogue, by their index. `choices`: what all names stand for."""
    types = {each.name for each in choices}
    families = {family_of(name) for name in types}
    return {
        index: name
        for index, name in enumerate(names)
        if name not in types and ("." in name or families.isdisjoint(families_of(name)))
    }


def unknown_problems(
    unknown: Mapping[int, str], *, types: Collection[str], families: Collection[str]
) -> list[Problem]:
    """For each unknown name the nearest that there are. `types` and `families`: all of the catalogue."""
    if not types:
        return [("instanceTypes", EMPTY_CATALOGUE)]
    return [
        (f"instanceTypes[{index}]", _unknown(name, types, families))
        for index, name in unknown.items()
    ]


def choice_problems(
    resources: Mapping[str, Any],
    choices: Sequence[Choice],
    machines: Sequence[Machine],
    *,
    engine: str,
) -> Iterator[Problem]:
    """What stands against types that there are; at most one thing, the first.

    Some of them may be too large for every machine of the engine: those are not launched. An engine whose machines
    are not known yet may have any.
    """
    architectures = {each.architecture: each.name for each in reversed(choices)}
    if len(architectures) > 1:
        named = " and ".join(f"{name} is {what}" for what, name in sorted(architectures.items()))
        yield "instanceTypes", f"All types have one architecture, but {named}. Name those of one."
        return
    if resources["type"] == SPOT:
        choices = [each for each in choices if each.has_spot_price]
        if not choices:
            yield "instanceTypes", "None of these has a Spot price. Use type EC2, or other types."
            return
    fitting = choices
    if machines:
        fitting = [each for each in choices if any(one.can_hold(each) for one in machines)]
        if not fitting:
            yield "instanceTypes", _too_large(choices, machines, engine)
            return
    smallest = min(fitting, key=_by_size)
    if smallest.size.milli_vcpus > resources["maxvCpus"] * MILLI:
        vcpus = format_vcpus(smallest.size.milli_vcpus)
        yield (
            "maxvCpus",
            f"Not one instance could be launched: {smallest.name}, the smallest type that there is for it, "
            f"has {vcpus} vCPUs. Give at least {vcpus}.",
        )


def _by_size(each: Choice | Machine) -> tuple[int, int, int]:
    return each.size.milli_vcpus, each.size.memory_mib, each.size.gpus


def _unknown(name: str, types: Collection[str], families: Collection[str]) -> str:
    is_type = "." in name
    what = "instance type" if is_type else "family of instance types"
    known = types if is_type else [*families, *BUNDLES, *ALIASES]
    near = get_close_matches(name, known, n=NEAREST_NAMED, cutoff=0.4)
    if is_type and not near:
        near = get_close_matches(family_of(name), families, n=NEAREST_NAMED, cutoff=0.4)
    nearest = f" The nearest are {', '.join(near)}." if near else ""
    return f"There is no {what} {name} in the catalogue.{nearest}"


def _too_large(choices: Sequence[Choice], machines: Sequence[Machine], engine: str) -> str:
    able = [one for one in machines if any(one.runs(each) for each in choices)]
    largest = max(able or machines, key=_by_size)
    smallest = min(choices, key=_by_size)
    with_gpus = bool(smallest.size.gpus)
    has, needs = (each.size.text(with_gpus=with_gpus) for each in (largest, smallest))
    runs = architecture_of(largest.architecture)
    kind = f" ({runs})" if runs else ""
    return (
        f"No node of the engine {engine} can hold any of these: the largest, {largest.name}, has {has}{kind}, "
        f"and the smallest type, {smallest.name}, needs {needs} ({smallest.architecture}). "
        "Name types that fit, or add a machine."
    )
