"""What the names in `instanceTypes` stand for: a type, a family, or a bundle of families.

Source: AWS Batch API, `ComputeResource.instanceTypes`.
"""

from collections.abc import Iterable, Mapping

BUNDLES: Mapping[str, tuple[str, ...]] = {
    "default_x86_64": ("m6i", "c6i", "r6i", "c7i"),
    "default_arm64": ("m6g", "c6g", "r6g", "c7g"),
}
OPTIMAL = "optimal"
ALIASES = {OPTIMAL: "default_x86_64"}


def family_of(type_name: str) -> str:
    """What stands before the dot: "m5" of "m5.large"."""
    return type_name.partition(".")[0]


def families_of(name: str) -> tuple[str, ...]:
    """The families that a bundle (`optimal`) stands for; any other name is taken for a family."""
    return BUNDLES.get(ALIASES.get(name, name), (name,))


def expand(names: Iterable[str], known: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The types that the names stand for, in their order, each once; unknown names stand for none.

    `known`: the types of each family, smallest first.
    """
    found: dict[str, None] = {}
    for name in names:
        if "." in name:
            if name in known.get(family_of(name), ()):
                found[name] = None
            continue
        for family in families_of(name):
            found.update(dict.fromkeys(known.get(family, ())))
    return list(found)
