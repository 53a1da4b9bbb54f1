"""Reads of job definitions."""

import shlex
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, QuerySet

from jobs.domain.exit_rules import rules_text
from jobs.domain.resources import format_vcpus
from jobs.models import DefinitionStatus, Job, JobDefinition
from jobs.models.job import LIVE_STATUSES

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
    """Which jobs use a definition, all revisions together. `jobs` stops at COUNT_LIMIT."""

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
        Job.objects.filter(status__in=LIVE_STATUSES, definition__name__in=names),
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


def definition_usage(*, name: str) -> Usage:
    """How much a definition is used."""
    jobs = Job.objects.filter(definition__name=name)
    return Usage(
        live_jobs=jobs.filter(status__in=LIVE_STATUSES).count(),
        jobs=len(jobs.order_by().values_list("id")[:COUNT_LIMIT]),
    )


def compare_definitions(*, old: JobDefinition, new: JobDefinition) -> list[FieldDifference]:
    """All fields of two revisions side by side, each environment variable as a field of its own."""
    old_variables = {pair["name"]: pair["value"] for pair in old.environment}
    new_variables = {pair["name"]: pair["value"] for pair in new.environment}
    fields = [
        FieldDifference(label, old_text, new_text)
        for (label, old_text), (_, new_text) in zip(_texts(old), _texts(new), strict=True)
    ]
    variables = [
        FieldDifference(
            f"Variable {name}", old_variables.get(name, ""), new_variables.get(name, "")
        )
        for name in sorted(old_variables.keys() | new_variables.keys())
    ]
    return fields + variables


def _texts(definition: JobDefinition) -> list[tuple[str, str]]:
    return [
        ("Description", definition.description),
        ("Image", definition.image),
        ("Command", shlex.join(definition.command)),
        ("vCPUs", format_vcpus(definition.milli_vcpus)),
        ("Memory (MiB)", str(definition.memory_mib)),
        ("Attempts", str(definition.attempts)),
        ("Retry rules", rules_text(definition.evaluate_on_exit)),
        ("Time limit (seconds)", str(definition.timeout_seconds or "")),
    ]


def _count_by_name(rows: "QuerySet[Job] | QuerySet[JobDefinition]", field: str) -> dict[str, int]:
    counted = rows.order_by().values_list(field).annotate(count=Count("id"))
    return dict(counted)
