"""Finding what has a name: definitions, queues and environments with all words of a text in theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from jobs.domain.search import TYPED_WORDS_AT_MOST, words
from jobs.models import ComputeEnvironment, DefinitionStatus, JobDefinition, JobQueue


@dataclass(frozen=True, slots=True)
class FoundNames:
    """Names in order, the first so many of each kind."""

    definitions: Sequence[str] = ()
    queues: Sequence[str] = ()
    environments: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.definitions or self.queues or self.environments)


def find_names(*, text: str, limit: int) -> FoundNames:
    """Three queries; none for a text without words."""
    typed = words(text)[:TYPED_WORDS_AT_MOST]
    if not typed:
        return FoundNames()
    active = JobDefinition.objects.filter(status=DefinitionStatus.ACTIVE)
    return FoundNames(
        definitions=_names(active, typed, limit),
        queues=_names(JobQueue.objects.all(), typed, limit),
        environments=_names(ComputeEnvironment.objects.all(), typed, limit),
    )


def _names(rows: QuerySet[Any], typed: Sequence[str], limit: int) -> list[str]:
    for word in typed:
        rows = rows.filter(name__icontains=word)
    return list(rows.order_by("name").values_list("name", flat=True).distinct()[:limit])
