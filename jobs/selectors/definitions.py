"""Reads of job definitions."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, QuerySet

from jobs.domain.exit_rules import rules_text
from jobs.domain.resources import format_vcpus
from jobs.models import DefinitionStatus, Job, JobDefinition
from jobs.models.job import LIVE_LITERALS

from .paging import PAGE_SIZE, Page, page_of

# Beyond this a count of jobs is given as "at least": counting millions would cost too much.
COUNT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class DefinitionRow:
    """A name in the list: its newest revision, how many there are, and its unfinished jobs."""

    definition: JobDefinition
    revisions: int
    live_jobs: int


@dataclass(frozen=True, slots=True)
class Usage:
    """How many jobs use a definition, all revisions together, an array as one. `jobs` stops at COUNT_LIMIT."""

    live_jobs: int
    jobs: int

    @property
    def is_capped(self) -> bool:
        return self.jobs >= COUNT_LIMIT


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field in two revisions, as texts; a text is empty where the field is."""

    label: str
    old: str
    new: str

    @property
    def changed(self) -> bool:
        return self.old != self.new

    @property
    def joints(self) -> list[str]:
        """The label in the pieces between which it may be broken: it can be a long path."""
        return re.split(r"(?<=\.)", self.label)


def list_definitions(
    *, after: str = "", search: str = "", include_inactive: bool = False, size: int = PAGE_SIZE
) -> Page[DefinitionRow]:
    """Names in order, each with its newest active revision (`include_inactive`: its newest of all).

    Three queries, whatever the size.
    """
    rows = JobDefinition.objects.filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    newer = JobDefinition.objects.filter(name=OuterRef("name"), revision__gt=OuterRef("revision"))
    if not include_inactive:
        rows = rows.filter(status=DefinitionStatus.ACTIVE)
        newer = newer.filter(status=DefinitionStatus.ACTIVE)
    found = page_of(
        list(rows.filter(~Exists(newer)).order_by("name")[: size + 1]),
        size=size,
        key=lambda definition: definition.name,
    )
    names = [definition.name for definition in found.rows]
    revisions = _count_by_name(JobDefinition.objects.filter(name__in=names), "name")
    live = _count_by_name(
        Job.objects.filter(status__in=LIVE_LITERALS, definition__name__in=names),
        "definition__name",
    )
    return Page(
        rows=[
            DefinitionRow(
                definition=definition,
                revisions=revisions.get(definition.name, 0),
                live_jobs=live.get(definition.name, 0),
            )
            for definition in found.rows
        ],
        next=found.next,
    )


def find_definition(*, name: str, revision: int | None = None) -> JobDefinition | None:
    """That revision; without one the newest active, or the newest if none is active any more."""
    rows = JobDefinition.objects.filter(name=name).select_related("created_by")
    if revision is not None:
        return rows.filter(revision=revision).first()
    # ACTIVE sorts before INACTIVE.
    return rows.order_by("status", "-revision").first()


def list_revisions(
    *, name: str, before: int | None = None, size: int = PAGE_SIZE
) -> Page[JobDefinition]:
    """A name's revisions, newest first; `before` is the revision that the page starts below."""
    rows = JobDefinition.objects.filter(name=name).select_related("created_by")
    if before is not None:
        rows = rows.filter(revision__lt=before)
    return page_of(
        list(rows.order_by("-revision")[: size + 1]),
        size=size,
        key=lambda definition: str(definition.revision),
    )


def may_change_definition(*, user: User, name: str) -> bool:
    """Whether this user may register revisions of this name, deregister and tag them. At most one query.

    A name is whose first revision it is, INACTIVE or not; if nobody's (seeded, or of a user since deleted), the
    administrators'. One that is new is anybody's.
    """
    if user.is_staff:
        return True
    revisions = JobDefinition.objects.filter(name=name).order_by("revision")
    owners = list(revisions.values_list("created_by_id", flat=True)[:1])
    return not owners or owners[0] == user.pk


def definition_usage(*, name: str) -> Usage:
    """How much a definition is used."""
    # Their numbers, not their name: PostgreSQL would go along the index of all definitions until it meets them.
    revisions = list(JobDefinition.objects.filter(name=name).values_list("pk", flat=True))
    # Of an array's children no index tells whose they are.
    jobs = Job.objects.filter(definition__in=revisions, parent=None)
    return Usage(
        live_jobs=jobs.filter(status__in=LIVE_LITERALS).count(),
        jobs=len(jobs.order_by().values_list("id")[:COUNT_LIMIT]),
    )


def compare_definitions(*, old: JobDefinition, new: JobDefinition) -> list[FieldDifference]:
    """All fields of two revisions side by side: each variable, parameter and tag, and each member of
    AWS's structures, as a field of its own. Those that differ come first, and those that neither has are left out."""
    fields = [
        FieldDifference(label, old_text, new_text)
        for (label, old_text), (_, new_text) in zip(_texts(old), _texts(new), strict=True)
    ]
    before, after = _members(old), _members(new)
    # In the order of the new one; what only the old one has comes last.
    labels = dict.fromkeys([*after, *before])
    fields += [
        FieldDifference(label, before.get(label, ""), after.get(label, "")) for label in labels
    ]
    told = [each for each in fields if each.old or each.new]
    return sorted(told, key=lambda each: not each.changed)


def _texts(definition: JobDefinition) -> list[tuple[str, str]]:
    """The fields that every revision has. Of several containers they sum up, which no one asked for."""
    plain = not (definition.ecs_properties or definition.node_properties)
    return [
        ("Description", definition.description),
        ("Image", definition.image if plain else ""),
        ("Command", shlex.join(definition.command) if plain else ""),
        ("vCPUs", format_vcpus(definition.milli_vcpus) if plain else ""),
        ("Memory (MiB)", str(definition.memory_mib) if plain else ""),
        ("GPUs", str(definition.gpus or "") if plain else ""),
        ("Attempts", str(definition.attempts)),
        ("Retry rules", rules_text(definition.evaluate_on_exit)),
        ("Time limit (seconds)", str(definition.timeout_seconds or "")),
        (
            "Scheduling priority",
            "" if definition.scheduling_priority is None else str(definition.scheduling_priority),
        ),
        ("Tags go on to containers", "Yes" if definition.propagate_tags else ""),
    ]


def _members(definition: JobDefinition) -> dict[str, str]:
    """Each named value, and each member of the structures by its path."""
    plain = not (definition.ecs_properties or definition.node_properties)
    variables = definition.environment if plain else []
    found = {f"Variable {pair['name']}": pair["value"] for pair in variables}
    found |= {f"Parameter {name}": value for name, value in definition.parameters.items()}
    found |= {f"Tag {name}": value for name, value in definition.tags.items()}
    found |= {
        f"Consumable {each['consumableResource']}": str(each["quantity"])
        for each in definition.consumables
    }
    for name, value in (
        ("containerProperties", definition.container),
        ("ecsProperties", definition.ecs_properties),
        ("nodeProperties", definition.node_properties),
        ("", definition.extra),
    ):
        found |= dict(_flat(name, value))
    return found


def _flat(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name in sorted(value):
            yield from _flat(f"{path}.{name}".lstrip("."), value[name])
    elif isinstance(value, list) and all(isinstance(each, str) for each in value):
        yield path, shlex.join(value)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _flat(f"{path}[{index}]", each)
    else:
        yield path, json.dumps(value) if not isinstance(value, str) else value


def _count_by_name(rows: "QuerySet[Job] | QuerySet[JobDefinition]", field: str) -> dict[str, int]:
    counted = rows.order_by().values_list(field).annotate(count=Count("id"))
    return dict(counted)
