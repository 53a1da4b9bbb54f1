"""Reads of the instance catalogue: the list, one type, and what names in `instanceTypes` stand for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from jobs.domain.environments.instance_types import expand, families_of, family_of
from jobs.models import ComputeEnvironment, EnvironmentType, Instance, InstanceType

from .paging import PAGE_SIZE, Page, page_of

# A family's sizes in their order, and families by name.
BY_SIZE = ("family", "milli_vcpus", "memory_mib", "name")
# More live instances than this are not listed one by one.
INSTANCES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class LiveInstances:
    """Instances of a type that are not ended: the first, oldest first, and how many there are."""

    rows: list[Instance]
    count: int


def list_instance_types(
    *,
    after: str = "",
    search: str = "",
    family: str = "",
    architecture: str = "",
    with_gpus: bool | None = None,
    custom: bool | None = None,
    size: int = PAGE_SIZE,
) -> Page[InstanceType]:
    """Types by family and size, from behind the type named `after` on. One query, two behind the first page.

    Filters that are empty or None let all pass.
    """
    rows = InstanceType.objects.order_by(*BY_SIZE)
    wanted = {"family": family, "architecture": architecture, "is_custom": custom}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value not in ("", None)})
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(gpu_name__icontains=search))
    if with_gpus is not None:
        rows = rows.filter(gpus__gt=0) if with_gpus else rows.filter(gpus=0)
    if after:
        rows = rows.filter(_behind(after))
    return page_of(list(rows[: size + 1]), size=size, key=lambda row: row.name)


def _behind(name: str) -> Q:
    """What comes after the type of that name. If it is gone meanwhile, its family starts again."""
    row = InstanceType.objects.filter(name=name).first()
    if row is None:
        return Q(family__gte=family_of(name))
    at = {field: getattr(row, field) for field in BY_SIZE}
    same: dict[str, object] = {}
    behind = Q()
    for field, value in at.items():
        behind |= Q(**same, **{f"{field}__gt": value})
        same[field] = value
    # The index is walked from the family on.
    return behind & Q(family__gte=row.family)


def find_instance_type(*, name: str) -> InstanceType | None:
    """One type by its name."""
    return InstanceType.objects.filter(name=name).first()


def all_instance_types() -> Iterator[InstanceType]:
    """Every type by family and size, read in portions."""
    return InstanceType.objects.order_by(*BY_SIZE).iterator()


def families() -> list[str]:
    """The names of all families. One query."""
    names = InstanceType.objects.order_by("family").values_list("family", flat=True)
    return list(names.distinct())


def known_types(*, only: Collection[str] | None = None) -> Mapping[str, tuple[InstanceType, ...]]:
    """The types of each family (or of those in `only`), smallest first. One query."""
    rows = InstanceType.objects.order_by(*BY_SIZE)
    if only is not None:
        rows = rows.filter(family__in=only)
    found: dict[str, list[InstanceType]] = {}
    for row in rows:
        found.setdefault(row.family, []).append(row)
    return {family: tuple(types) for family, types in found.items()}


def types_named(names: Collection[str]) -> list[InstanceType]:
    """The types that names in `instanceTypes` stand for, in their order, each once. One query.

    A family's types come smallest first; unknown names stand for none.
    """
    return types_of_each([names])[0]


def types_of_each(several: Sequence[Collection[str]]) -> list[list[InstanceType]]:
    """The same for several lists of names at once, in their order. One query."""
    wanted = {
        family
        for names in several
        for name in names
        for family in ([family_of(name)] if "." in name else families_of(name))
    }
    known = known_types(only=wanted)
    rows = {row.name: row for types in known.values() for row in types}
    by_name = {family: tuple(row.name for row in types) for family, types in known.items()}
    return [[rows[name] for name in expand(names, by_name)] for names in several]


def environments_that_launch(*, row: InstanceType) -> list[ComputeEnvironment]:
    """The MANAGED environments whose `instanceTypes` name the type, its family or a bundle with it, by name."""
    managed = ComputeEnvironment.objects.filter(type=EnvironmentType.MANAGED).order_by("name")
    known = {row.family: (row.name,)}
    return [
        environment
        for environment in managed
        if expand(environment.compute_resources.get("instanceTypes") or (), known)
    ]


def live_instances(*, row: InstanceType, size: int = INSTANCES_SHOWN) -> LiveInstances:
    """The type's instances that are not ended. Two queries, both over live instances alone."""
    live = Instance.objects.filter(type_name=row.name, ended_at__isnull=True)
    rows = live.select_related("environment", "node").order_by("id")[:size]
    return LiveInstances(rows=list(rows), count=live.count())
